"""How fast a training recipe runs, and what holds it back: its data, or its network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count, islice, repeat
from typing import Any

import cv2
import torch

from aimkit.data.loader import PREFETCH, make_loader, to_device
from aimkit.train.readings import read
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import Parts, build, sampler_of
from aimkit.train.state import State
from aimkit.train.step import one_step


@dataclass(frozen=True)
class TrainingSpeed:
    """How fast a recipe trains, in samples a second.

    Attributes:
        data: Rate of one core that makes samples and does nothing else.
        network: Rate of whole steps (forward, losses, backward, optimiser) that repeat one batch.
        together: Rate of the run, where workers make samples while the network learns.
        workers: Number of the recipe's data workers.
        compositing: Rate of compositing on the device alone, a part of ``network``; None unless the recipe sets
            ``device_compositing``.
    """

    data: float
    network: float
    together: float
    workers: int
    compositing: float | None = None

    @property
    def limit(self) -> str:
        """The bottleneck: ``data`` or ``network``."""
        return "data" if self.data * max(self.workers, 1) < self.network else "network"

    @property
    def needed_workers(self) -> float:
        """Number of cores that must make samples so that the network never waits."""
        return self.network / self.data


def measure(
    recipe: TrainRecipe, seconds: float = 10.0, clock: Callable[[], float] = time.perf_counter
) -> TrainingSpeed:
    """Measure a recipe on this machine, in this process and its workers.

    Args:
        recipe: The recipe; nothing is written to its folder.
        seconds: Least time of each of the three measurements; start-up is not counted.
        clock: Tells the time, in seconds.

    Raises:
        AimkitError: The run could not start.
    """
    # Without this the data's loops would borrow the network's core.
    cv2.setNumThreads(1)
    parts = build(recipe)
    positions = count()
    parts.dataset[next(positions)]
    data = rate(lambda: parts.dataset[next(positions)], 1, seconds, clock)
    work = _stepper(recipe, parts)
    first = list(make_loader(parts.dataset, sampler_of(recipe, parts, 0, 1)))
    same = (batch for _ in repeat(None) for batch in first)
    work(same)
    network = rate(lambda: work(same), recipe.batch, seconds, clock)
    compositing = None
    if recipe.device_compositing:
        compositing = rate(lambda: _finish(first[0], parts), recipe.batch // recipe.accumulate, seconds, clock)
    with closing(make_loader(parts.dataset, sampler_of(recipe, parts, 0, 10**9), recipe.data.workers)) as batches:
        # Batches that the workers prefetched before the first step say nothing about their speed.
        for _ in islice(batches, recipe.data.workers * PREFETCH):
            pass
        work(batches)
        together = rate(lambda: work(batches), recipe.batch, seconds, clock)
    return TrainingSpeed(data, network, together, recipe.data.workers, compositing)


def rate(
    work: Callable[[], Any], samples: int, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the samples a second of some work, which is done at least once.

    Args:
        work: Handles ``samples`` samples.
        samples: Number of samples of one call.
        seconds: Time until which the work is repeated.
        clock: Tells the time, in seconds.
    """
    done, start = 0, clock()
    while (spent := clock() - start) < seconds or not done:
        work()
        done += samples
    return done / spent


def _finish(batch: Any, parts: Parts) -> None:
    to_device(batch, parts.accelerator.device)
    if parts.accelerator.device.type == "cuda":
        torch.cuda.synchronize()


def _stepper(recipe: TrainRecipe, parts: Parts) -> Callable[[Iterator[dict[str, Any]]], None]:
    """A function that takes one step on the next batches, and waits until the device has finished it."""
    state = State()

    def step(batches: Iterator[dict[str, Any]]) -> None:
        read(parts, [one_step(recipe, parts, state, batches)], stop=False)
        state.step += 1

    return step
