"""aimkit bench backbones: speed of AimNet on different backbones."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from aimkit import console


@click.command("backbones")
@click.argument("names", nargs=-1, required=True)
@click.option("--size", default=320, show_default=True, help="Height and width of the images.")
@click.option("--batch", default=2, show_default=True, help="Number of images of a training step.")
@click.option("--repeats", default=5, show_default=True, help="Number of timed runs; the median counts.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def backbones(names: tuple[str, ...], size: int, batch: int, repeats: int, device: str, as_json: bool) -> None:
    """Time AimNet on the backbones NAMES, one after another: median milliseconds per image."""
    from aimkit.models.backbones.factory import check_names

    for name in names:
        check_names(None, name)
    from aimkit.bench.backbones import measure
    from aimkit.bench.machine import torch_line

    rows = []
    with console.progress(len(names), "bench", "backbones") as progress:
        for name in names:
            rows.append(measure(name, size=size, batch=batch, repeats=repeats, device=device))
            progress.advance()
    if as_json:
        told = {"machine": torch_line(device), "size": size, "batch": batch, "backbones": [asdict(row) for row in rows]}
        console.out(json.dumps(told, indent=1))
        return
    columns = ["backbone", "params M", "forward fp32", "forward bf16", "train fp32", "train bf16", "relative"]
    first = rows[0].forward[0]
    cells = [
        (
            row.name,
            f"{row.params:.1f}",
            *(f"{ms:.0f}" for ms in (*row.forward, *row.train)),
            f"{row.forward[0] / first:.2f}",
        )
        for row in rows
    ]
    console.table(columns, cells)
    console.out(f"ms per image of {size}x{size}, batch {batch}, relative: forward fp32 to the first")
    console.out(torch_line(device))
