"""How fast a training recipe runs, and what holds it back: its data, or its network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import torch

from aimkit.data.loader import PREFETCH, make_loader, to_device
from aimkit.data.sampler import PositionSampler
from aimkit.train.checkpoint import State
from aimkit.train.loop import one_step
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import Parts, build


@dataclass(frozen=True)
class Speed:
    """Samples a second.

    Attributes:
        data: Of one core that makes samples and does nothing else.
        network: Of steps (forward, losses, backward, optimiser) on one batch again and again.
        together: Of the run: workers make samples while the network learns.
        workers: Of the recipe.
        compositing: With ``device_compositing``: of steps, blending and labels on the device, a part of ``network``.
    """

    data: float
    network: float
    together: float
    workers: int
    compositing: float | None = None

    @property
    def limit(self) -> str:
        """``data`` or ``network``: the one that the other has to wait for."""
        return "data" if self.data * max(self.workers, 1) < self.network else "network"

    @property
    def needed_workers(self) -> float:
        """Cores that must make samples so that the network never waits."""
        return self.network / self.data


def measure(recipe: TrainRecipe, seconds: float = 10.0) -> Speed:
    """Measure a recipe on this machine, in this process and its workers.

    Args:
        recipe: Nothing of it is written anywhere.
        seconds: Least time of each of the three measurements; what starts up is not counted.

    Raises:
        AimkitError: Whatever the run would stumble over at its start.
    """
    # Without this the data's loops would borrow the network's core.
    cv2.setNumThreads(1)
    parts = build(recipe)
    positions = count()
    parts.dataset[next(positions)]
    data = rate(lambda: parts.dataset[next(positions)], 1, seconds)
    with TemporaryDirectory() as folder:
        work = _stepper(recipe, parts, Path(folder))
        first = list(make_loader(parts.dataset, PositionSampler(0, 1, recipe.batch, accumulate=recipe.accumulate)))
        same = (batch for _ in repeat(None) for batch in first)
        work(same)
        network = rate(lambda: work(same), recipe.batch, seconds)
        compositing = None
        if recipe.device_compositing:
            compositing = rate(lambda: _finish(first[0], parts), recipe.batch // recipe.accumulate, seconds)
        sampler = PositionSampler(0, 10**9, recipe.batch, accumulate=recipe.accumulate)
        batches = make_loader(parts.dataset, sampler, recipe.data.workers)
        # What the workers have in stock before the first step says nothing of how fast they are.
        stock = recipe.data.workers * PREFETCH
        for _ in islice(batches, stock):
            pass
        work(batches)
        together = rate(lambda: work(batches), recipe.batch, seconds)
    return Speed(data, network, together, recipe.data.workers, compositing)


def rate(work: Callable[[], Any], samples: int, seconds: float) -> float:
    """Samples a second of work that does so many at a time, repeated until the time is up."""
    done, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds or not done:
        work()
        done += samples
    return done / spent


def _finish(batch: Any, parts: Parts) -> None:
    to_device(batch, parts.accelerator.device)
    if parts.accelerator.device.type == "cuda":
        torch.cuda.synchronize()


def _stepper(recipe: TrainRecipe, parts: Parts, folder: Path) -> Callable[[Iterator[dict[str, Any]]], None]:
    """A function that takes one step on the next batches."""
    state = State()

    def step(batches: Iterator[dict[str, Any]]) -> None:
        one_step(recipe, parts, state, batches, folder)
        if parts.accelerator.device.type == "cuda":
            torch.cuda.synchronize()
        state.step += 1
        # One batch learnt by heart, then another: the loss jumps, and that is no reason to stop.
        state.average = None

    return step
