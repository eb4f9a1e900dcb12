"""aimkit models: list and show networks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click

from aimkit import console
from aimkit.errors import AimkitError


@click.group()
def models() -> None:
    """List and show networks."""


@models.command("ls")
@click.argument("pattern", default="*")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(pattern: str, as_json: bool) -> None:
    """List the networks whose name matches PATTERN."""
    from aimkit.models.registry import list_models
    from aimkit.models.registry import models as registry

    rows = [(name, registry.get(name).summary) for name in list_models(pattern)]
    if as_json:
        console.out(json.dumps([{"name": name, "summary": summary} for name, summary in rows]))
    else:
        console.table(["model", "description"], rows)


@models.command()
@click.argument("name", required=False)
@click.option("--backbone", help="Backbone of the network.  [default: that of the weights, else resnet34_mp]")
@click.option("--weights", help="Show the network of these weights: a file, a run or a zoo id.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str | None, backbone: str | None, weights: str | None, as_json: bool) -> None:
    """Show the cost of the network NAME: parameters, multiply-adds, memory, shapes.

    Nothing is downloaded unless --weights names a zoo entry.
    """
    from aimkit.models.backbones.factory import check_names
    from aimkit.models.registry import DEFAULT_BACKBONE
    from aimkit.models.registry import models as registry

    if name is None and weights is None:
        raise AimkitError("missing argument NAME", hint="aimkit models ls, or --weights FILE")
    check_names(name, backbone)
    build: dict[str, Any] = {"name": name, "backbone": backbone or DEFAULT_BACKBONE}
    inference = ""
    if weights is not None:
        build, inference = _build_of(weights, name, backbone)
    name, backbone = str(build.pop("name")), str(build.pop("backbone"))
    entry = registry.get(name)
    from aimkit.models.summary import summarise

    summary = summarise(name, backbone, **build)
    if as_json:
        told = {"options": build, "inference": inference} if weights else {}
        console.out(json.dumps({"name": name, "backbone": backbone} | told | asdict(summary)))
        return
    parts = [*summary.parameters.items(), ("total", sum(summary.parameters.values()))]
    height, width = summary.costs[0].size
    shapes = [(key, "x".join(map(str, shape))) for key, shape in summary.outputs.items()]
    costs = [
        (f"{c.size[0]}x{c.size[1]}", f"{c.macs / 1e9:.1f}", f"{c.activations / 2**20:,.0f}") for c in summary.costs
    ]
    console.out(f"{name} on {backbone}: {entry.summary}")
    if weights:
        console.out(f"options of the weights: {_text(build) or 'none'}; inference: {inference}")
    console.out("")
    console.table(["part", "parameters"], [(part, f"{count:,}") for part, count in parts])
    console.out(f"\nBackbone, {'with' if summary.has_indices else 'without'} pooling indices:")
    console.table(["stride", "channels"], summary.maps)
    console.out(f"\nOutputs for one image of {height}x{width}:")
    console.table(["output", "shape"], shapes)
    console.out("\nFor one image; activations are those that a training step in float32 keeps for its backward pass:")
    console.table(["image", "GMACs", "activations, MiB"], costs)


def _build_of(weights: str, name: str | None, backbone: str | None) -> tuple[dict[str, Any], str]:
    """The keywords that build the network of weights, and how it predicts."""
    from aimkit.models.weights.loading import find

    find(weights)
    from aimkit.predict.predictor import load_network

    network = load_network(weights, model=name, backbone=backbone)
    build = {key: value for key, value in (network.build or {}).items() if key == "in_chans" or value}
    if build.get("in_chans") == 3:
        del build["in_chans"]
    defaults = _text(network.inference_defaults)
    return build, network.strategy + (f" ({defaults})" if defaults else "")


def _text(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in options.items())
