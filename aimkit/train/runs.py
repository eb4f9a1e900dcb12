"""Finished and unfinished runs, side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aimkit.errors import AimkitError
from aimkit.recipe import read_toml
from aimkit.train.checkpoint import latest, read_state
from aimkit.train.log import read


@dataclass
class Run:
    """What a folder of a run says.

    Attributes:
        path: The folder.
        recipe: Resolved recipe, plain data.
        digest: Of the recipe.
        step: Finished steps of the newest checkpoint.
        train: Last training line, or empty.
        scores: Validation lines.
    """

    path: Path
    recipe: dict[str, Any]
    digest: str
    step: int
    train: dict[str, Any]
    scores: list[dict[str, Any]]

    @property
    def best(self) -> dict[str, Any]:
        """The validation with the lowest MAD, or empty."""
        return min(self.scores, key=lambda row: row["mad"], default={})


def open_run(path: Path) -> Run:
    """Read a run.

    Raises:
        AimkitError: The folder holds none.
    """
    file = path / "recipe.toml"
    if not file.is_file():
        raise AimkitError("the folder holds no run", str(path), "aimkit runs ls FOLDER lists those below it")
    digest = file.read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("# digest ")
    newest = latest(path)
    step = read_state(newest).step if newest else 0
    rows = read(path / "metrics.jsonl")
    train = [row for row in rows if row["kind"] == "train"]
    scores = [row for row in rows if row["kind"] == "val"]
    return Run(path, read_toml(file), digest, step, train[-1] if train else {}, scores)


def find_runs(folder: Path) -> list[Run]:
    """All runs below a folder, by path."""
    return [open_run(file.parent) for file in sorted(folder.glob("**/recipe.toml")) if "checkpoints" not in file.parts]


def differing_keys(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Keys of the recipes that are not the same in all runs, with the value in each."""
    flat = [_flat(run.recipe) for run in runs]
    keys = sorted({key for one in flat for key in one})
    values = {key: [one.get(key) for one in flat] for key in keys}
    return {key: row for key, row in values.items() if any(value != row[0] for value in row)}


def measured(run: Run, name: str) -> Run:
    """The run with the averages of ``RUN/NAME/results.json``, an evaluation, in the place of its validations.

    Raises:
        AimkitError: There is none.
    """
    from aimkit.evaluate.results import read_results

    means = read_results(run.path / name)["averages"]
    row = {key: value for key, value in means["images"].items() if value is not None}
    for kind, values in means["types"].items():
        row |= {f"{key}/{kind}": value for key, value in values.items() if value is not None}
    return replace(run, scores=[row])


def by_name(runs: Sequence[Run]) -> list[tuple[str, list[Run]]]:
    """Runs whose folders are called alike but for a number at the end, ``linear-1`` or ``linear-seed1``, together."""
    together: dict[str, list[Run]] = {}
    for run in runs:
        together.setdefault(re.sub(r"-(seed)?\d+$", "", run.path.name), []).append(run)
    return list(together.items())


def groups(runs: Sequence[Run]) -> list[tuple[str, list[Run]]]:
    """Runs that differ in nothing but their seed, together, named by what sets them apart from the other groups."""
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
    """Mean and standard deviation (of a sample) over runs of the best validation's score; NaN without any."""
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
