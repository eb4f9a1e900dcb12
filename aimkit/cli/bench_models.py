"""aimkit bench models: what networks cost on the same backbone."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from aimkit import console


@click.command("models")
@click.argument("names", nargs=-1)
@click.option("--backbone", default="resnet34_mp", show_default=True, help="Backbone of all networks.")
@click.option("--size", default=320, show_default=True, type=click.IntRange(32), help="Height and width of the images.")
@click.option(
    "--batch", default=2, show_default=True, type=click.IntRange(2), help="Number of images of a training step."
)
@click.option(
    "--repeats", default=5, show_default=True, type=click.IntRange(1), help="Number of timed runs; the median counts."
)
@click.option("--device", default="cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(
    names: tuple[str, ...], backbone: str, size: int, batch: int, repeats: int, device: str, as_json: bool
) -> None:
    """Measure the networks NAMES (default: all) on one backbone, one after another.

    Columns: parameters, multiply-adds and milliseconds of one image, milliseconds of a training step; float32, medians.
    """
    from aimkit.models.backbones.factory import check_names
    from aimkit.models.registry import list_models

    chosen = names or tuple(list_models())
    for name in chosen:
        check_names(name, backbone)
    from aimkit.bench.machine import torch_line
    from aimkit.bench.models import measure

    rows = []
    with console.progress(len(chosen), "bench", "networks") as progress:
        for row in measure(chosen, backbone, size=size, batch=batch, repeats=repeats, device=device):
            rows.append(row)
            progress.advance()
    if as_json:
        told = {"machine": torch_line(device), "size": size, "batch": batch, "models": [asdict(row) for row in rows]}
        console.out(json.dumps(told, indent=1))
        return
    cells = [
        (
            row.name,
            f"{row.params:.1f}",
            f"{row.macs:.1f}",
            f"{row.forward:.0f}",
            f"{row.train:.0f}",
            f"{row.train / rows[0].train:.2f}",
        )
        for row in rows
    ]
    console.table(["model", "params M", "GMACs", "ms per image", "ms per training step", "relative"], cells)
    console.out(f"{backbone}, images of {size}x{size}, batch {batch}, float32; relative: training step to the first")
    console.out(torch_line(device))
