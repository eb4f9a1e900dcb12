"""Where a run starts: at its first step, or at a checkpoint of its folder."""

from __future__ import annotations

import os
import time
from pathlib import Path

from accelerate.utils import broadcast_object_list

from aimkit import console
from aimkit.datasets.lock import differences
from aimkit.errors import AimkitError
from aimkit.toml_files import read_toml
from aimkit.train import checkpoint
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import Parts
from aimkit.train.state import State, latest, read_state, recorded_digest

#: Seconds that a process waits for a checkpoint that the main process sees.
_PATIENCE = 60.0


def is_main() -> bool:
    """Whether this is the main process, before accelerate is started."""
    return os.environ.get("RANK", "0") == "0"


def find_start(recipe: TrainRecipe, run: Path, resume: bool | str) -> Path | None:
    """The checkpoint to resume from, None for a new run; also None in all processes but the main one.

    Raises:
        AimkitError: ``resume`` does not fit the folder, or the run was started with another recipe.
    """
    if not is_main():
        # Other machines may see an older list of the checkpoints; see :func:`agreed`.
        return None
    newest = latest(run)
    if resume is False and newest is not None:
        raise AimkitError("the folder already has a run", str(run), f"use --resume {run}, or another folder with -o")
    if resume is True and newest is None:
        raise AimkitError("no checkpoint to resume from", str(run), "start the run with: aimkit train RECIPE -o RUN")
    if newest is not None and recorded_digest(newest / "recipe.toml") != recipe.digest():
        _check_extended(recipe, newest, extends=resume is True)
    return newest


def agreed(parts: Parts, run: Path, newest: Path | None, patience: float = _PATIENCE) -> Path | None:
    """The checkpoint that the main process found, in every process.

    Args:
        parts: Parts of the run.
        run: Folder of the run.
        newest: Result of :func:`find_start`.
        patience: Seconds to wait until the folder's disk shows the checkpoint to this machine.

    Raises:
        AimkitError: This process can't see it.
    """
    if parts.accelerator.num_processes == 1:
        return newest
    name = broadcast_object_list([None if newest is None else newest.name])[0]
    if name is None:
        return None
    chosen, begin = run / "checkpoints" / name, time.monotonic()
    while not (chosen / checkpoint.STATE).is_file():
        if time.monotonic() - begin > patience:
            what = f"process {parts.accelerator.process_index} can't see the checkpoint that process 0 resumes from"
            raise AimkitError(what, str(chosen), "put the run's folder on a disk that all machines share", exit_code=1)
        time.sleep(0.1)
    return chosen


def _check_extended(recipe: TrainRecipe, newest: Path, *, extends: bool) -> None:
    """Raise unless a recipe differs from that of a checkpoint in nothing but more steps."""
    old = read_toml(newest / "recipe.toml")
    free = recipe.outside_digest
    changed = [line for line in differences(old, recipe.resolved()) if line.split(":")[0] not in free]
    done = read_state(newest).step
    if extends and [line.split(":")[0] for line in changed] == ["steps"] and recipe.steps >= done:
        console.warn(
            f"the run now ends after {recipe.steps} steps, not {old['steps']}; so does its learning-rate schedule"
        )
        return
    lines = [line.replace(" in the dataset, ", " in the run, ") for line in changed[:12]]
    what = "the run was started with another recipe" + "".join(f"\n  {line}" for line in lines)
    hint = "use another folder with -o" + ("; only steps may be changed, with --resume" if extends else "")
    raise AimkitError(what, f"{newest}/recipe.toml", hint)


def restore(parts: Parts, path: Path) -> State:
    """Load a checkpoint into the parts of a run, and return its counters."""
    loaded = checkpoint.load(path)
    parts.network.load_state_dict(loaded.weights if loaded.raw is None else loaded.raw)
    for saved, own in zip(loaded.optimizer["optimizer"]["param_groups"], parts.optimizer.param_groups, strict=True):
        # How a step is computed is this session's choice.
        saved["fused"] = own["fused"]
    parts.optimizer.load_state_dict(loaded.optimizer["optimizer"])
    if parts.accelerator.scaler is not None:
        parts.accelerator.scaler.load_state_dict(loaded.optimizer["scaler"])
    if parts.average is not None:
        parts.average.module.load_state_dict(loaded.weights)
        parts.average.updates = loaded.state.step
    return loaded.state
