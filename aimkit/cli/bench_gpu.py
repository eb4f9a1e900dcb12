"""aimkit bench gpu: whether a GPU computes the right thing, and how fast it is."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from aimkit import console
from aimkit.errors import AimkitError


@click.command()
@click.option(
    "--minutes", default=8.0, show_default=True, type=click.FloatRange(0), help="Start no part after this time."
)
@click.option("--device", default="cuda", show_default=True, help="Torch device.")
@click.option("--small", is_flag=True, help="Use tiny sizes, to try the check itself; the times are meaningless.")
@click.option("--only", multiple=True, metavar="PART", help="Run only parts whose names contain PART.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def gpu(minutes: float, device: str, small: bool, only: tuple[str, ...], as_json: bool) -> None:
    """Check a GPU: compare its results with the CPU's, and its times with estimates.

    The estimates are for an H100. The table marks parts that failed or had no time left. The exit code is 1 when a
    result is wrong.
    """
    from aimkit.bench.gpu import right, speed
    from aimkit.bench.gpu.report import SMALL, CheckSize, GpuCheck, Part, run_parts
    from aimkit.bench.machine import machine, torch_line
    from aimkit.predict.runtime.torch import choose_device

    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            hint = "install a CUDA build of torch and a driver, or try the check itself: --device cpu --small"
            raise AimkitError("no GPU was found", "--device cuda", hint, exit_code=1)
    place = choose_device(device)
    parts: list[Part] = [
        ("three steps against the CPU", right.three_steps),
        ("single operations against the CPU", right.single_operations),
        ("gradient of upsampling", right.gradients_of_upsampling),
        ("checkpoints", right.checkpoints),
        ("training step", speed.steps),
        ("rivals", speed.rivals),
        ("prediction", speed.prediction),
        ("training", speed.data),
    ]
    chosen = [(name, part) for name, part in parts if not only or any(word in name for word in only)]
    check = GpuCheck(place, SMALL if small else CheckSize(), 60 * minutes)
    figures = run_parts(check, chosen, console.info)
    wrong = [figure for figure in figures if figure.right is False]
    card = torch_line(str(place))
    if as_json:
        console.out(json.dumps({"card": card, "machine": machine(), "figures": [asdict(f) for f in figures]}, indent=1))
    else:
        cells = [
            (f.part, f.name, _number(f.value), _number(f.estimate), f.unit, _verdict(f.right), f.note) for f in figures
        ]
        console.table(["part", "what", "measured", "estimate", "unit", "right", "note"], cells)
        console.out(card)
    if wrong:
        names = ", ".join(f"{figure.part}: {figure.name}" for figure in wrong)
        raise AimkitError(f"{len(wrong)} of {len(figures)} figures are wrong", names, exit_code=1)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _verdict(right: bool | None) -> str:
    return "" if right is None else "yes" if right else "NO"
