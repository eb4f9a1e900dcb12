"""A recipe trained several times: every combination of some values, each with several seeds, in one folder.

The runs of a sweep are ordinary runs, and their folders are its only state. Starting a sweep again skips finished runs,
resumes interrupted ones and starts the others.
"""

from __future__ import annotations

import gc
import os
import re
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.folder_lock import locked
from aimkit.models.registry import create_model
from aimkit.recipe import load_recipe
from aimkit.train.loop import train
from aimkit.train.recipe import TrainRecipe
from aimkit.train.runs import Run, groups, mean_and_spread, open_run
from aimkit.train.start import find_start
from aimkit.train.state import latest, read_state
from aimkit.types import ImageType

#: File with the traceback of a run that ended by an unexpected error.
FAILED = "failed.txt"


@dataclass(frozen=True)
class Variant:
    """A run of a sweep.

    Attributes:
        name: Name of its folder.
        recipe: Recipe of the run.
    """

    name: str
    recipe: TrainRecipe


@dataclass
class SweepOutcome:
    """The result of a sweep.

    Attributes:
        finished: Folders of the finished runs, including those of earlier calls.
        failed: Errors of the failed runs, by name of the run.
        interrupted: Whether a signal ended the sweep before all runs were tried.
    """

    finished: list[Path] = field(default_factory=list)
    failed: dict[str, AimkitError] = field(default_factory=dict)
    interrupted: bool = False


def variants(recipe: str, overrides: Sequence[str], vary: Sequence[str], seeds: int) -> list[Variant]:
    """The runs of a sweep, ordered by seed.

    Args:
        recipe: Name or path of a train recipe.
        overrides: ``key=value`` texts for all runs.
        vary: ``key=value,value`` texts; every combination is a run. A value may be a whole table, which varies several
            keys together.
        seeds: Number of runs of each combination, with the recipe's seed and those after it.

    Raises:
        AimkitError: The recipe or a text is wrong, or two runs would be the same.
    """
    axes = [_axis(text) for text in vary]
    keys = [key for key, _ in axes]
    for key in keys:
        if key == "seed":
            raise AimkitError("seeds can't be varied by key", "--vary seed", "use --seeds N")
        if keys.count(key) > 1:
            raise AimkitError(f"'{key}' is varied twice", f"--vary {key}", f"give all its values at once: {key}=A,B")
    first: TrainRecipe = load_recipe(recipe, overrides, kind="train")
    found: dict[str, Variant] = {}
    for seed in range(first.seed, first.seed + seeds):
        for values in product(*(values for _, values in axes)):
            chosen = [f"{key}={value}" for key, value in zip(keys, values, strict=True)]
            made = load_recipe(recipe, [*overrides, *chosen, f"seed={seed}"], kind="train")
            name = "-".join([*map(_label, chosen), f"seed{seed}"])
            if name in found:
                raise AimkitError(f"two runs would have the name '{name}'", "--vary", "use different values")
            found[name] = Variant(name, made)
    return list(found.values())


def check(runs: Sequence[Variant], folder: Path) -> dict[str, int]:
    """Check that all runs can start, before the first one does.

    Returns:
        Number of finished steps of each run, by name.

    Raises:
        AimkitError: A network can't be built, a folder has a run of another recipe, or there are several processes.
    """
    processes = os.environ.get("WORLD_SIZE", "1")
    if processes != "1":
        what = f"a sweep runs in one process, not in {processes}"
        way = f"torchrun --nproc-per-node {processes} -m aimkit train RECIPE seed=1 -o {folder / 'seed1'}"
        hint = f"start its runs one after another, such as: {way}; then compare: aimkit runs compare {folder}"
        raise AimkitError(what, "aimkit sweep", hint)
    for table in {str(run.recipe.model): run.recipe.model for run in runs}.values():
        with torch.device("meta"):
            create_model(table.name, backbone=table.backbone, **table.options)
    return {run.name: _steps(find_start(run.recipe, folder / run.name, "auto")) for run in runs}


def sweep(runs: Sequence[Variant], folder: Path) -> SweepOutcome:
    """Train the runs one after another; a run that fails is reported, and the others continue.

    Args:
        runs: Runs, as :func:`variants` returns them.
        folder: Folder for the runs; each has a subfolder of its name.

    Raises:
        AimkitError: As for :func:`check`.
    """
    check(runs, folder)
    with locked(folder, "sweep"):
        return _sweep(runs, folder)


def _sweep(runs: Sequence[Variant], folder: Path) -> SweepOutcome:
    # Again, since another sweep may have ended before this one held the lock.
    done, outcome = check(runs, folder), SweepOutcome()
    for number, run in enumerate(runs, 1):
        path, title = folder / run.name, f"run {number} of {len(runs)}, {run.name}"
        if done[run.name] == run.recipe.steps:
            console.info(f"{title}: already finished")
            outcome.finished.append(path)
            continue
        console.info(title)
        free_memory()
        try:
            state = train(run.recipe, path, "auto")
        except Exception as error:
            outcome.failed[run.name] = problem = _problem(error, path)
            # The traceback would keep the run's network in memory.
            problem.__traceback__ = problem.__cause__ = problem.__context__ = None
            console.error(problem)
            continue
        if state.step < run.recipe.steps:
            outcome.interrupted = True
            break
        outcome.finished.append(path)
        (path / FAILED).unlink(missing_ok=True)
    return outcome


def free_memory() -> None:
    """Free what earlier runs of this process held, and forget their peak: each run reports its own."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def table(folders: Sequence[Path]) -> tuple[list[str], list[list[Any]]]:
    """Finished runs as a table; runs that differ only in their seed share a row.

    Returns:
        Columns and rows: the keys that differ, number of seeds, steps, mean training time in seconds, and the MAD of
        the best validation over all samples and over each type, as mean and sample standard deviation over the seeds.
    """
    found = [open_run(path) for path in folders]
    titles = {"mad": "MAD"} | {f"mad/{kind}": f"MAD {kind}" for kind in ImageType}
    scores = [score for score in titles if any(score in run.best for run in found)]
    columns = ["run", "seeds", "steps", "seconds", *(titles[score] for score in scores)]
    rows = []
    for name, members in groups(found):
        seconds = float(np.mean([_state(latest(run.path))["seconds"] for run in members]))
        values = [_with_spread(members, score) for score in scores]
        rows.append([name, len(members), members[0].step, f"{seconds:.0f}", *values])
    return columns, rows


def _axis(text: str) -> tuple[str, list[str]]:
    """``key=a,b`` as the key and its values."""
    key, equals, values = text.partition("=")
    if not equals or not key or not values:
        raise AimkitError(f"can't read '{text}'", "--vary", "write KEY=A,B: model.backbone=resnet18,resnet34")
    return key.strip(), [value.strip() for value in _split(values)]


def _split(text: str) -> list[str]:
    """Split at the commas outside of quotes and brackets."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        else:
            depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _label(override: str) -> str:
    """An override as part of a folder's name: ``model.name=aimnet`` as ``aimnet``, ``optim.lr=0.1`` as ``lr0.1``."""
    key, _, value = override.partition("=")
    text = re.sub(r"[^\w.+-]+", "_", value).strip("_")
    return text if text[:1].isalpha() and text not in ("true", "false") else key.rpartition(".")[2] + text


def _steps(checkpoint: Path | None) -> int:
    return int(_state(checkpoint)["step"]) if checkpoint else 0


def _state(checkpoint: Path | None) -> dict[str, Any]:
    assert checkpoint is not None
    return asdict(read_state(checkpoint))


def _problem(error: Exception, run: Path) -> AimkitError:
    """The error of a run; the traceback of an unexpected one is written into the run's folder."""
    if isinstance(error, AimkitError):
        return error
    file = run / FAILED
    write_bytes(file, "".join(traceback.format_exception(error)).encode())
    lines = str(error).strip().splitlines() or [""]
    return AimkitError(f"{type(error).__name__}: {lines[0]}", str(file), "the file has the traceback", exit_code=1)


def _with_spread(runs: Sequence[Run], score: str) -> str:
    mean, spread = mean_and_spread(runs, score)
    return f"{mean:.4f}" + (f" +- {spread:.4f}" if len(runs) > 1 else "")
