"""A trial of a run: two steps, and estimates of the time, memory and disk that the whole run needs."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from aimkit.data.device.batch import division
from aimkit.data.loader import make_loader, to_device
from aimkit.data.streams import SynthStream
from aimkit.train.failures import failures_told
from aimkit.train.live import clock
from aimkit.train.log import memory
from aimkit.train.memory import check
from aimkit.train.readings import guard, read
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import build, open_streams, sampler_of, with_options_of_weights
from aimkit.train.state import State
from aimkit.train.step import one_step


def dry_run(recipe: TrainRecipe) -> list[tuple[str, str]]:
    """Open all streams, build everything and run two steps; nothing is written.

    Returns:
        Rows of (name, value): the network, the data, and the estimates. Times are those of the second step and the
        second batch, since the first ones open files and warm up.

    Raises:
        AimkitError: The run would fail at its start.
    """
    recipe = with_options_of_weights(recipe)
    open_streams(recipe)
    parts = build(recipe)
    needed, free = check(recipe, parts.accelerator.device, parts.accelerator.num_processes)
    loader = iter(make_loader(parts.dataset, sampler_of(recipe, parts, 0, 2)))
    batches, data_seconds = [], 0.0
    for _ in range(2):
        start = time.monotonic()
        batches += [next(loader) for _ in range(recipe.accumulate)]
        data_seconds = time.monotonic() - start
    pending = iter(batches)
    state, rows = State(), list[dict[str, float]]()
    with TemporaryDirectory() as folder:
        for state.step in range(2):
            start = time.monotonic()
            with failures_told(recipe, state.step + 1, parts.accelerator.device):
                rows += read(parts, [one_step(recipe, parts, state, pending)], stop=False)[0]
            guard(recipe, state, state.step + 1, rows[-1], Path(folder))
            step_seconds = time.monotonic() - start
    table, count = recipe.model, sum(p.numel() for p in parts.network.parameters())
    learning = sum(p.numel() for p in parts.network.parameters() if p.requires_grad)
    start_from = table.init or (f"pretrained {table.backbone}" if table.pretrained else "random weights")
    processes, device = parts.accelerator.num_processes, parts.accelerator.device
    shapes = {name: tuple(value.shape) for name, value in to_device(batches[0], device).items() if value.ndim > 1}
    disk = f"{_checkpoint_bytes(recipe, count, learning) / 1e6:.0f} MB; the last {recipe.keep} and the best are kept"
    seconds = _seconds(recipe, step_seconds, data_seconds)
    workers = f"{recipe.data.workers} worker{'s' * (recipe.data.workers != 1)}"
    return [
        ("network", f"{table.name} on {table.backbone}, from {start_from}"),
        ("parameters", f"{count / 1e6:.2f} M, {'all' if learning == count else f'{learning / 1e6:.2f} M'} trainable"),
        ("device", f"{device}, {recipe.precision}" + (f", {processes} processes" if processes > 1 else "")),
        ("data", _data(recipe, len(parts.dataset))),
        *([("compositing", division(recipe.data.train))] if recipe.device_compositing else []),
        *((f"batch, {name}", f"{shape}") for name, shape in shapes.items()),
        *((f"first step, {name}", f"{value:.4f}") for name, value in rows[0].items() if not name.startswith("total_")),
        ("steps", f"{recipe.steps:,} of {recipe.batch} samples"),
        ("a step", f"{step_seconds:.2f} s network, {data_seconds:.2f} s data by one process"),
        ("estimated time", f"{clock(seconds)} with {workers}, without validation"),
        ("estimated memory", f"{needed / 1e9:.1f} GB" + (f" of {free / 1e9:.1f} GB free" if free else "")),
        ("peak memory", f"{memory(device):.1f} GB" + (", workers not counted" if device.type == "cpu" else "")),
        ("a checkpoint", disk),
    ]


def _data(recipe: TrainRecipe, samples: int) -> str:
    """The training stream in words; live composites are unlimited."""
    source = recipe.data.train
    if isinstance(source, SynthStream):
        return f"{source.source} {source.recipe}, each sample new"
    return f"{source.source}, {samples:,} samples, {recipe.steps * recipe.batch / samples:.1f} epochs"


def _seconds(recipe: TrainRecipe, network: float, data: float) -> float:
    """Seconds for all steps; workers make samples while the network trains."""
    return recipe.steps * (max(network, data / recipe.data.workers) if recipe.data.workers else network + data)


def _checkpoint_bytes(recipe: TrainRecipe, count: int, learning: int) -> int:
    """Bytes of the weights, their moving average, and Adam's two moments, float32."""
    return 4 * (count * (1 if recipe.ema is None else 2) + 2 * learning)
