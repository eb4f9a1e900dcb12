"""Reading the loss from the device, and deciding whether the run continues.

Each reading makes the host wait until the device has finished all that it was given. In every step this would keep a
GPU idle while the host prepares the next one, so that a GPU is read every ``log_every`` steps, and before whatever
keeps a result.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import Parts
from aimkit.train.state import State


def due(recipe: TrainRecipe, device: torch.device, step: int) -> bool:
    """Whether to read after a step; the number of finished steps alone decides, so that all processes agree."""
    intervals = [recipe.log_every, recipe.checkpoint_every]
    if recipe.validation.data is not None:
        intervals.append(recipe.validation.every)
    return device.type == "cpu" or step == recipe.steps or any(step % interval == 0 for interval in intervals)


def read(parts: Parts, steps: Sequence[dict[str, Tensor]], stop: bool) -> tuple[list[dict[str, float]], bool]:
    """The terms of some steps as means over all processes, with one reduction and one copy to the host.

    Args:
        parts: Parts of the run.
        steps: Results of ``one_step``, at least one.
        stop: Whether this process was told to stop.

    Returns:
        The terms of each step, and whether any process was told to stop.
    """
    values = torch.stack([torch.stack(list(terms.values())) for terms in steps])
    if parts.accelerator.num_processes > 1:
        told = values.new_full((len(steps), 1), float(stop))
        values = parts.accelerator.reduce(torch.cat([values, told], dim=1), "mean")
    rows = values.cpu().tolist()
    if parts.accelerator.num_processes > 1:
        stop, rows = any(row[-1] > 0 for row in rows), [row[:-1] for row in rows]
    return [dict(zip(terms, row, strict=True)) for terms, row in zip(steps, rows, strict=True)], stop


def guard(recipe: TrainRecipe, state: State, step: int, terms: dict[str, float], run: Path) -> None:
    """Stop when the loss of a step is NaN, infinite or jumps, and write its samples to a file.

    Args:
        recipe: Recipe of the run.
        state: Its counters; the average of the loss is updated.
        step: Number of the step, from 1.
        terms: Terms of the step.
        run: Folder of the run.

    Raises:
        AimkitError: The loss is one that no training recovers from.
    """
    total, average = terms["total"], state.average
    exploded = average is not None and step > 21 and total > recipe.guard * average
    if math.isfinite(total) and not exploded:
        state.average = total if average is None else 0.98 * average + 0.02 * total
        return
    dump = run / f"failed_step_{step:08d}.json"
    positions = list(range((step - 1) * recipe.batch, step * recipe.batch))
    content = {"step": step, "terms": terms, "average": average, "positions": positions}
    write_bytes(dump, json.dumps(content, indent=1).encode())
    value = "NaN" if math.isnan(total) else f"{total:g}"
    what = f"the loss jumped to {total:.3g}, its average is {average:.3g}" if exploded else f"the loss is {value}"
    raise AimkitError(
        f"{what} in step {step}",
        str(dump),
        "the file lists its terms and samples; start a new run with a lower optim.lr or with optim.clip=1",
        exit_code=1,
    )
