"""A rehearsal of a run: one step on one batch, and what the whole would take."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from aimkit.data.loader import make_loader, to_device
from aimkit.data.sampler import PositionSampler
from aimkit.train.checkpoint import State
from aimkit.train.log import memory
from aimkit.train.loop import one_step
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import build


def dry_run(recipe: TrainRecipe) -> list[tuple[str, str]]:
    """Build everything and take two steps that nothing keeps.

    Returns:
        Rows of what there is and what the run would take.

    Raises:
        AimkitError: Whatever the run would stumble over at its start.
    """
    parts = build(recipe)
    sampler = PositionSampler(0, 2, recipe.batch, accumulate=recipe.accumulate)
    start = time.monotonic()
    batches = list(make_loader(parts.dataset, sampler))
    data_seconds = (time.monotonic() - start) / 2
    shapes = {name: tuple(value.shape) for name, value in to_device(batches[0], "cpu").items()}
    pending = iter(batches)
    with TemporaryDirectory() as folder:
        terms = one_step(recipe, parts, State(), pending, Path(folder))
        start = time.monotonic()
        one_step(recipe, parts, State(step=1), pending, Path(folder))
        step_seconds = time.monotonic() - start
    count = sum(p.numel() for p in parts.network.parameters())
    learning = sum(p.numel() for p in parts.network.parameters() if p.requires_grad)
    data_share = data_seconds / max(recipe.data.workers, 1)
    total = recipe.steps * (max(step_seconds, data_share) if recipe.data.workers else step_seconds + data_seconds)
    return [
        ("network", f"{recipe.model.name} on {recipe.model.backbone}, {count / 1e6:.2f} M parameters"),
        ("learning", f"{learning / 1e6:.2f} M parameters"),
        ("device", f"{parts.accelerator.device}, {parts.accelerator.num_processes} process(es), {recipe.precision}"),
        ("samples of a pass", f"{len(parts.dataset)}"),
        *((f"batch: {name}", f"{shape}") for name, shape in shapes.items()),
        *((f"first step: {name}", f"{value:.4f}") for name, value in terms.items()),
        ("steps", f"{recipe.steps} of {recipe.batch} samples"),
        ("seconds a step", f"{step_seconds:.2f} network, {data_seconds:.2f} data in one process"),
        ("estimated time", f"{total / 3600:.2f} h with {recipe.data.workers} worker(s)"),
        ("peak memory", f"{memory(torch.device(parts.accelerator.device)):.1f} GB"),
    ]
