"""aimkit bench studio: how long the studio takes to start, and to follow a slider."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from aimkit import console


@click.command()
@click.option(
    "-n", "--count", type=click.IntRange(min=1), default=12, show_default=True, help="Number of samples in the grid."
)
@click.option("--browser", metavar="PATH", help="Also move a slider in this Chromium; needs playwright.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def studio(count: int, browser: str | None, as_json: bool) -> None:
    """Time the start of the studio as a fresh process, and redrawing the grid of samples of the recipe demo.

    Prints the seconds until the first sample and until all, and the studio's processor time meanwhile. Generators'
    loops are compiled first, where this machine has not compiled them yet.
    """
    from aimkit.app.studio import import_gradio
    from aimkit.bench.machine import machine, machine_line
    from aimkit.bench.studio import time_page, time_start, time_walls
    from aimkit.recipe import load_recipe
    from aimkit.synth.preview import preview

    import_gradio()
    rows = [time_start()]
    for _ in preview(load_recipe("demo", ["seed=99"], kind="synth"), range(count)):
        pass  # compiles, and loads what was compiled
    rows += time_walls(count)
    if browser is not None:
        rows += time_page(browser)
    if as_json:
        console.out(
            json.dumps({"machine": machine(), "samples": count, "rows": [asdict(row) for row in rows]}, indent=2)
        )
        return
    cells = [[row.what, f"{row.first:.2f}", f"{row.whole:.2f}", f"{row.processor:.2f}"] for row in rows]
    console.table(["wait", "first", "whole", "processor"], cells)
    console.info(f"seconds; {count} samples; " + machine_line())
