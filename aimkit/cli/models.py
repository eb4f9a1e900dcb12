"""aimkit models: list and show networks."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from aimkit import console


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
@click.argument("name")
@click.option("--backbone", default="resnet34_mp", show_default=True, help="Name of the backbone.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, backbone: str, as_json: bool) -> None:
    """Show the cost of a network: parameters, multiply-adds, memory, shapes. Nothing is downloaded."""
    from aimkit.models.registry import models as registry

    entry = registry.get(name)
    from aimkit.models.summary import summarise

    summary = summarise(name, backbone)
    if as_json:
        console.out(json.dumps({"name": name, "backbone": backbone} | asdict(summary)))
        return
    parts = [*summary.parameters.items(), ("total", sum(summary.parameters.values()))]
    height, width = summary.costs[0].size
    shapes = [(key, "x".join(map(str, shape))) for key, shape in summary.outputs.items()]
    costs = [
        (f"{c.size[0]}x{c.size[1]}", f"{c.macs / 1e9:.1f}", f"{c.activations / 2**20:,.0f}") for c in summary.costs
    ]
    console.out(f"{name} on {backbone}: {entry.summary}\n")
    console.table(["part", "parameters"], [(part, f"{count:,}") for part, count in parts])
    console.out(f"\nBackbone, {'with' if summary.has_indices else 'without'} pooling indices:")
    console.table(["stride", "channels"], summary.maps)
    console.out(f"\nOutputs for one image of {height}x{width}:")
    console.table(["output", "shape"], shapes)
    console.out("\nFor one image; activations are those that a training step in float32 keeps for its backward pass:")
    console.table(["image", "GMACs", "activations, MiB"], costs)
