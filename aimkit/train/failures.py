"""Failures of a step that the user can correct."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from aimkit.errors import AimkitError
from aimkit.train.memory import available
from aimkit.train.recipe import TrainRecipe

#: What torch says when the CPU's memory is used up: on Linux, on Windows and on macOS.
_FULL = re.compile(r"can't allocate memory|not enough memory|alloc(?:ate)? .*failed")

_RANDOM = re.compile(r"(\S+) does not have a deterministic implementation")


@contextmanager
def failures_told(recipe: TrainRecipe, step: int, device: torch.device) -> Iterator[None]:
    """Say what to change when a step runs out of memory, or needs an operation that is not deterministic.

    Args:
        recipe: Recipe of the run.
        step: Number of the step, from 1.
        device: Device of the network.

    Raises:
        AimkitError: In place of torch's error.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or _FULL.search(str(error)):
            raise _out_of_memory(recipe, step, device) from error
        operation = _RANDOM.search(str(error))
        if operation is None or not torch.are_deterministic_algorithms_enabled():
            raise
        what = f"{operation[1]} has no deterministic implementation on {device}"
        hint = "choose another model.backbone, or call torch.use_deterministic_algorithms(True, warn_only=True)"
        raise AimkitError(what, f"step {step}", hint, exit_code=1) from error


def _out_of_memory(recipe: TrainRecipe, step: int, device: torch.device) -> AimkitError:
    what, free = f"out of memory in step {step}", available(device)
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device) / 1e9
        what += f": {peak:.1f} GB in use at the peak, {(free or 0) / 1e9:.1f} GB free on {device}"
    lower = ["lower batch or data.transform.size", "raise accumulate"]
    if not recipe.model.checkpoint_activations:
        lower.append("set model.checkpoint_activations=true")
    if recipe.precision == "fp32":
        lower.append("set precision=bf16")
    hint = ", ".join(lower[:-1]) + f", or {lower[-1]}" if len(lower) > 1 else lower[0]
    size = getattr(recipe.data.transform, "size", None)
    where = f"batch = {recipe.batch}, accumulate = {recipe.accumulate}" + (f", size = {size}" if size else "")
    return AimkitError(what, where, hint, exit_code=1)
