"""aimkit bench pools: the form of a packed pool beside others."""

from __future__ import annotations

import json

import click

from aimkit import console
from aimkit.errors import AimkitError


@click.command()
@click.argument("path")
@click.option(
    "-n",
    "--count",
    type=click.IntRange(min=1),
    default=40,
    show_default=True,
    help="Number of pictures; the largest are taken.",
)
@click.option(
    "--repeats", type=click.IntRange(min=1), default=60, show_default=True, help="Number of windows of each kind."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def pools(path: str, count: int, repeats: int, as_json: bool) -> None:
    """Time reading windows of the pictures of the pool PATH: in its own form, as tiles, compressed, as image files.

    blosc2 and zarr are measured when they are installed.
    """
    import tempfile
    from pathlib import Path

    from aimkit.bench.machine import machine, machine_line
    from aimkit.bench.pools import WINDOWS, time_forms
    from aimkit.synth.pool.index import pool_folder, read_index
    from aimkit.synth.pool.shard import Shards

    root = pool_folder(path)
    largest = sorted(read_index(root).pictures.values(), key=lambda p: (-min(p.height, p.width), p.key))[:count]
    if min(largest[0].height, largest[0].width) < WINDOWS[0][1]:
        raise AimkitError(
            "the pool's pictures are too small",
            str(root),
            f"use a pool with a picture of at least {WINDOWS[0][1]} pixels",
        )
    opened = [Shards(root).picture(stored) for stored in largest]
    pyramids = [[p.level(n)[0] for n in range(p.depth(99) + 1)] for p in opened]
    rows = []
    with tempfile.TemporaryDirectory() as folder, console.progress(None, "bench pools", "forms") as bar:
        for row in time_forms(pyramids, Path(folder), repeats):
            rows.append(row)
            bar.advance()
    if as_json:
        console.out(json.dumps({"machine": machine(), "pictures": len(largest), "rows": rows}, indent=2))
        return
    console.table(list(rows[0]), [list(row.values()) for row in rows])
    console.info(f"{len(largest)} pictures, " + machine_line())
