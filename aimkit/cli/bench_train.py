"""aimkit bench train: how fast a recipe trains, and what holds it back."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from aimkit import console


@click.command()
@click.argument("recipe", default="demo")
@click.argument("overrides", nargs=-1)
@click.option(
    "--seconds", default=10.0, show_default=True, type=click.FloatRange(0), help="Minimum time of each measurement."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def train(recipe: str, overrides: tuple[str, ...], seconds: float, as_json: bool) -> None:
    """Time the data of RECIPE, its network, and both together, with key=value OVERRIDES.

    "data" is one core that makes samples, "network" repeats whole steps on one batch, "together" is the run. With
    device_compositing, "network" includes the compositing, which is also timed alone.
    """
    from aimkit.recipe import load_recipe

    loaded = load_recipe(recipe, overrides, kind="train")
    from aimkit.bench.machine import machine, machine_line
    from aimkit.bench.train import measure

    found = measure(loaded, seconds)
    if as_json:
        extra = {"limit": found.limit, "needed_workers": found.needed_workers, "machine": machine()}
        console.out(json.dumps({"recipe": recipe, **asdict(found), **extra}, indent=2))
        return
    rows = [
        ("data, one core", f"{found.data:.1f}"),
        ("network", f"{found.network:.1f}"),
        *([("of it, compositing", f"{found.compositing:.1f}")] if found.compositing else []),
        (f"together, {found.workers} worker{'s' * (found.workers != 1)}", f"{found.together:.1f}"),
    ]
    console.table(["what", "samples/s"], rows)
    other = {"data": "the network waits for the data", "network": "the data waits for the network"}[found.limit]
    console.out(f"limit: {found.limit} ({other}; {found.needed_workers:.1f} cores of data keep the network busy)")
    console.info(machine_line())
