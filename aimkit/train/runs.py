"""Reads runs, finished or not, and compares them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aimkit.errors import AimkitError
from aimkit.skips import Skips
from aimkit.toml_files import read_toml
from aimkit.train.metrics_file import read
from aimkit.train.state import latest, read_state, recorded_digest


@dataclass
class Run:
    """A run, as its folder records it.

    Attributes:
        path: Folder of the run.
        recipe: Resolved recipe as plain data.
        digest: Digest of the recipe, hex.
        step: Number of finished steps in the newest checkpoint.
        train: Last training line of the log, or empty.
        scores: Validation lines of the log.
    """

    path: Path
    recipe: dict[str, Any]
    digest: str
    step: int
    train: dict[str, Any]
    scores: list[dict[str, Any]]

    @property
    def best(self) -> dict[str, Any]:
        """The validation with the lowest MAD, or empty. That before the first step has no checkpoint."""
        return min((row for row in self.scores if row.get("step") != 0), key=lambda row: row["mad"], default={})


def open_run(path: Path) -> Run:
    """Read a run.

    Raises:
        AimkitError: The folder has no run.
    """
    file = path / "recipe.toml"
    if not file.is_file():
        raise AimkitError("no run in this folder", str(path), "list the runs below it with: aimkit runs ls FOLDER")
    digest = recorded_digest(file)
    newest = latest(path)
    step = read_state(newest).step if newest else 0
    rows = read(path / "metrics.jsonl")
    train = [row for row in rows if row["kind"] == "train"]
    scores = [row for row in rows if row["kind"] == "val"]
    return Run(path, read_toml(file), digest, step, train[-1] if train else {}, scores)


def find_runs(folder: Path, skips: Skips | None = None) -> list[Run]:
    """All runs below a folder, by path.

    Args:
        folder: The folder.
        skips: Where damaged runs are noted; without it, they are errors.
    """
    found = []
    for file in sorted(folder.glob("**/recipe.toml")):
        if "checkpoints" not in file.parts:
            with nullcontext() if skips is None else skips.guard(file.parent.relative_to(folder)):
                found.append(open_run(file.parent))
    return found


def run_table(runs: Sequence[Run]) -> tuple[list[str], list[list[object]]]:
    """Columns, and a row for each run: its model, how far it is, and its best validation."""
    columns = ["run", "stage", "model", "step", "loss", "best mad", "at step"]
    rows: list[list[object]] = []
    for run in runs:
        model, loss = run.recipe["model"], run.train.get("total")
        rows.append(
            [
                str(run.path),
                run.recipe["stage"],
                f"{model['name']} {model['backbone']}",
                f"{run.step}/{run.recipe['steps']}",
                None if loss is None else round(loss, 4),
                None if not run.best else round(run.best["mad"], 4),
                run.best.get("step"),
            ]
        )
    return columns, rows


def differing_keys(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Keys of the recipes that differ between runs, with the value in each run."""
    flat = [_flat(run.recipe) for run in runs]
    keys = sorted({key for one in flat for key in one})
    values = {key: [one.get(key) for one in flat] for key in keys}
    return {key: row for key, row in values.items() if any(value != row[0] for value in row)}


def measured(run: Run, name: str) -> Run:
    """The run with its validations replaced by the averages of the evaluation ``RUN/NAME/results.json``.

    Raises:
        AimkitError: The file is missing or can't be read.
    """
    from aimkit.evaluate.results import read_results

    means = read_results(run.path / name)["averages"]
    row = {key: value for key, value in means["images"].items() if value is not None}
    for kind, values in means["types"].items():
        row |= {f"{key}/{kind}": value for key, value in values.items() if value is not None}
    return replace(run, scores=[row])


def by_name(runs: Sequence[Run]) -> list[tuple[str, list[Run]]]:
    """Runs grouped by folder name without a number at its end: ``linear-1`` and ``linear-seed2`` are one group."""
    together: dict[str, list[Run]] = {}
    for run in runs:
        together.setdefault(re.sub(r"-(seed)?\d+$", "", run.path.name), []).append(run)
    return list(together.items())


def groups(runs: Sequence[Run]) -> list[tuple[str, list[Run]]]:
    """Runs grouped when only their seeds differ; a group is named by the keys that differ between groups."""
    together: dict[str, list[Run]] = {}
    for run in runs:
        key = json.dumps({k: v for k, v in run.recipe.items() if k != "seed"}, sort_keys=True)
        together.setdefault(key, []).append(run)
    keys = [key for key in differing_keys(runs) if key != "seed"]
    named = []
    for members in together.values():
        own = _flat(members[0].recipe)
        named.append((", ".join(f"{key}={own.get(key)}" for key in keys) or members[0].path.name, members))
    return named


def mean_and_spread(runs: Sequence[Run], score: str) -> tuple[float, float]:
    """Mean and sample standard deviation of a score over the runs' best validations; NaN when none has it."""
    values = [run.best[score] for run in runs if score in run.best]
    if not values:
        return float("nan"), float("nan")
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            result |= _flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result
