"""aimkit bench metrics: the speed of the metrics beside the straightforward implementation."""

from __future__ import annotations

import json

import click

from aimkit import console
from aimkit.errors import AimkitError


@click.command()
@click.option("--size", default="1920x1080", show_default=True, metavar="WIDTHxHEIGHT", help="Size of the image.")
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(1), help="Runs; the fastest counts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def metrics(size: str, repeats: int, as_json: bool) -> None:
    """Time all ten metrics on one image, against SciPy and scikit-image doing the same step by step.

    "reference" computes the distance maps that the AIM code computes and never uses; "oracle" leaves them out.
    """
    from aimkit.bench.machine import machine, machine_line
    from aimkit.bench.metrics import measure

    try:
        width, height = (int(side) for side in size.split("x"))
    except ValueError:
        width = height = 0
    if min(width, height) < 32:
        raise AimkitError(
            f"'{size}' is not a size", "--size", "use WIDTHxHEIGHT, at least 32x32, for example 1920x1080"
        )
    found = measure(height, width, repeats) | machine()
    if as_json:
        console.out(json.dumps(found, indent=2))
        return
    rows = [("aimkit", f"{1000 * found['ours']:.1f}", "1.0")]
    for name in ("reference", "oracle"):
        rows.append((name, f"{1000 * found[name]:.1f}", f"{found[f'{name}_ratio']:.1f}"))
    console.table(["implementation", "ms", "ratio"], rows)
    console.out(f"largest relative difference of a metric: {found['difference']:.1e}")
    console.info(machine_line())
