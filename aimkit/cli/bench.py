"""aimkit bench: how fast the parts are on this machine."""

from __future__ import annotations

import json
from typing import Any

import click

from aimkit import console
from aimkit.cli import LazyGroup

#: The benchmarks, in the form of COMMANDS.
BENCHMARKS = {
    "generators": ("aimkit.cli.bench", "generators", "Time procedural generators, or measure their variety."),
    "metrics": ("aimkit.cli.bench_metrics", "metrics", "Time the matting metrics against a plain implementation."),
    "models": ("aimkit.cli.bench_models", "models", "Compare parameters, multiply-adds and times of networks."),
    "backbones": ("aimkit.cli.bench_backbones", "backbones", "Time AimNet on several backbones."),
    "synth": ("aimkit.cli.bench_synth", "synth", "Time the engine against the usual pipeline."),
    "pools": ("aimkit.cli.bench_pools", "pools", "Time reading from a pool, in its own form and in others."),
    "gpu": ("aimkit.cli.bench_gpu", "gpu", "Check a GPU: its results against the CPU's, its times against estimates."),
    "startup": ("aimkit.cli.bench_startup", "startup", "Time commands as whole processes, with their imports."),
    "studio": (
        "aimkit.cli.bench_studio",
        "studio",
        "Time the studio's start, and redrawing its samples after a slider moves.",
    ),
    "train": ("aimkit.cli.bench_train", "train", "Time the data and the network of a training recipe."),
}


@click.group(cls=LazyGroup, lazy=BENCHMARKS)
def bench() -> None:
    """Measure speed on this machine."""


@click.command()
@click.argument("pattern", default="*")
@click.option("--size", default=1024, show_default=True, type=click.IntRange(16), help="Height and width in pixels.")
@click.option("--variety", is_flag=True, help="Measure how varied the foregrounds are instead of their speed.")
@click.option("--count", default=24, show_default=True, type=click.IntRange(2), help="Foregrounds of each generator.")
@click.option(
    "--beside", type=click.Path(exists=True, file_okay=False), help="Folder of real cut-outs to compare with."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def generators(pattern: str, size: int, variety: bool, count: int, beside: str | None, as_json: bool) -> None:
    """Time the procedural generators whose names match PATTERN, on one thread; or measure their variety.

    The time is the median of three foregrounds, in processor time. Variety is the mean distance of simple features
    of shape, colour and texture; the shares and the transition width are those of the mattes at 256 pixels.
    """
    from aimkit.bench.machine import machine, machine_line

    rows = _variety(pattern, count, beside) if variety else _speed(pattern, size)
    if not rows:
        from aimkit.errors import AimkitError
        from aimkit.generators import generators as registry
        from aimkit.registry import did_you_mean

        raise AimkitError(f"no generator matches '{pattern}'", hint=did_you_mean(pattern, registry.list()))
    if as_json:
        console.out(json.dumps({"machine": machine(), "rows": rows}, indent=2))
        return
    console.table(list(rows[0]), [list(row.values()) for row in rows])
    console.info(machine_line())


def _speed(pattern: str, size: int) -> list[dict[str, Any]]:
    from aimkit.bench.generators import time_generators

    return time_generators(pattern, size, tell=console.detail)


def _variety(pattern: str, count: int, beside: str | None) -> list[dict[str, Any]]:
    from aimkit.bench.variety import of_folder, of_generator
    from aimkit.generators import generators as registry

    measured = [(name, str(registry.get(name).info.type), of_generator(name, count)) for name in registry.list(pattern)]
    if beside is not None:
        measured.append((beside, "", of_folder(beside)))
    rows = []
    for name, kind, value in measured:
        row: dict[str, Any] = {"name": name, "type": kind, "count": value.count, "distance": round(value.distance, 3)}
        row |= {"solid %": round(100 * value.solid, 1), "partial %": round(100 * value.partial, 1)}
        row |= {"p10 %": round(100 * value.spread[0], 1), "p90 %": round(100 * value.spread[1], 1)}
        rows.append(row | {"transition ‰": round(value.transition, 1)})
    return rows
