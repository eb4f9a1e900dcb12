"""How many images do I need: a recipe trained on nested subsets of its foregrounds, and measured on held-out ones.

The runs are those of a sweep, and their folders are the only state: the same call resumes an interrupted curve. Every
run is measured by its last validation, not its best: the held-out set must not choose the weights that it measures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aimkit.errors import AimkitError
from aimkit.recipe import load_recipe, raw_recipe
from aimkit.synth.engine import Synthesizer
from aimkit.synth.own_data import own_streams
from aimkit.train.recipe import TrainRecipe
from aimkit.train.runs import Run, open_run
from aimkit.train.sweep import Variant
from aimkit.types import ImageType


@dataclass(frozen=True)
class CurvePlan:
    """The runs of a learning curve.

    Attributes:
        sizes: Numbers of foregrounds, ascending.
        runs: Runs by the number of their foregrounds; those of a number differ in their seeds.
        training: Names of the foregrounds that the largest subset is taken from.
        held_out: Names of the foregrounds that all runs are measured on.
    """

    sizes: tuple[int, ...]
    runs: Mapping[int, Sequence[Variant]]
    training: tuple[str, ...]
    held_out: tuple[str, ...]

    @property
    def variants(self) -> list[Variant]:
        """All runs, the smallest subsets first."""
        return [run for size in self.sizes for run in self.runs[size]]


@dataclass(frozen=True)
class CurvePoint:
    """The scores of the runs on one subset.

    Attributes:
        images: Number of foregrounds; 0 for the weights before training.
        values: MAD of each run, in [0, 1].
        mean: Mean of ``values``.
        deviation: Sample standard deviation of ``values``; None for a single run.
        types: Mean MAD over the composites of each image type, by its name.
    """

    images: int
    values: tuple[float, ...]
    mean: float
    deviation: float | None
    types: Mapping[str, float]


def plan(
    recipe: str,
    overrides: Sequence[str],
    sizes: Sequence[int],
    seeds: int,
    *,
    held_out: float = 0.2,
    foregrounds: str = "",
    mattes: str = "",
    backgrounds: str = "",
) -> CurvePlan:
    """Plan the runs, and check that the folder has enough foregrounds.

    Args:
        recipe: A train recipe on composites of stored foregrounds, such as ``finetune``, by name or path.
        overrides: ``key=value`` texts for all runs.
        sizes: Numbers of foregrounds to train on.
        seeds: Number of runs for each, with the recipe's seed and those after it.
        held_out: Share of the foregrounds that is held out, in (0, 1). Which ones is decided by their content.
        foregrounds: Own folder, see :func:`aimkit.synth.own_data.own_streams`.
        mattes: Folder of the photos' mattes, likewise.
        backgrounds: Folder of photos, likewise.

    Raises:
        AimkitError: The recipe has no stored foregrounds or does not measure on composites, a folder is missing, or it
            has too few foregrounds.
    """
    ordered = tuple(sorted(set(sizes)))
    if not ordered or ordered[0] < 1:
        raise AimkitError("sizes must be 1 or more", "--sizes", "for example --sizes 2,5,10,20,40")
    own = {"foregrounds": foregrounds, "mattes": mattes, "backgrounds": backgrounds}
    texts = [*overrides, *(own_streams(recipe, overrides, **own) if any(own.values()) else [])]
    data, where = raw_recipe(recipe, texts, kind="train")
    train, measure = (_stream(data, key, where) for key in ("data.train", "validation.data"))
    share = f"val_share={held_out}"
    training = _names(train, ["split=train", share], f"{where}, data.train")
    measured = _names(measure, ["split=val", share], f"{where}, validation.data")
    if ordered[-1] > len(training):
        total = len(training) + len(measured)
        what = f"{ordered[-1]} images to train on, but there are only {len(training)} of {total}"
        hint = (
            f"the other {len(measured)} are held out: end --sizes at {len(training)}, lower --held-out, or add images"
        )
        raise AimkitError(what, f"--sizes {','.join(map(str, ordered))}", hint)
    first: TrainRecipe = load_recipe(recipe, texts, kind="train")
    runs: dict[int, list[Variant]] = {}
    for size in ordered:
        keys = {"data.train": (train, ["split=train", share, f"first={size}"])}
        keys["validation.data"] = (measure, ["split=val", share])
        changed = [
            f"{key}.overrides={json.dumps(_overrides(*value), ensure_ascii=False)}" for key, value in keys.items()
        ]
        for seed in range(first.seed, first.seed + seeds):
            made = load_recipe(recipe, [*texts, *changed, f"seed={seed}"], kind="train")
            runs.setdefault(size, []).append(Variant(f"{size}-images-seed{seed}", made))
    return CurvePlan(ordered, runs, training, measured)


def points(plan: CurvePlan, folder: Path) -> list[CurvePoint]:
    """The points of the subsets that have finished runs; the first has 0 images if the recipe starts from weights.

    Raises:
        AimkitError: A run can't be read.
    """
    found = {
        size: [run for one in plan.runs[size] if (run := _finished(one, folder / one.name)) is not None]
        for size in plan.sizes
    }
    before = [row for runs in found.values() for run in runs for row in run.scores if row["step"] == 0]
    after = {size: [run.scores[-1] for run in runs] for size, runs in found.items()}
    return [_point(size, rows) for size, rows in {0: before, **after}.items() if rows]


def as_json(plan: CurvePlan, found: Sequence[CurvePoint]) -> dict[str, Any]:
    """The curve as plain data: points, and which foregrounds were held out."""
    recipe = plan.variants[0].recipe
    return {
        "metric": "mad",
        "steps": recipe.steps,
        "composites": recipe.validation.count,
        "held_out": list(plan.held_out),
        "points": [asdict(point) for point in found],
    }


def table(found: Sequence[CurvePoint]) -> tuple[list[str], list[list[str]]]:
    """Columns and rows: number of images, number of runs, MAD with its deviation, and MAD by type."""
    kinds = [str(kind) for kind in ImageType if any(str(kind) in point.types for point in found)]
    rows = []
    for point in found:
        spread = "" if point.deviation is None else f" +- {point.deviation:.4f}"
        name = str(point.images) if point.images else "0 (zero-shot)"
        means = [f"{point.types[kind]:.4f}" if kind in point.types else "" for kind in kinds]
        rows.append([name, str(len(point.values)), f"{point.mean:.4f}{spread}", *means])
    return ["images", "runs", "MAD", *(f"MAD {kind}" for kind in kinds)], rows


def _point(size: int, rows: Sequence[Mapping[str, Any]]) -> CurvePoint:
    values = [float(row["mad"]) for row in rows]
    if size == 0 and len(set(values)) == 1:
        values = values[:1]  # the same weights on the same composites, once for each run
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    kinds = [key.removeprefix("mad/") for key in rows[0] if key.startswith("mad/")]
    types = {kind: float(np.mean([row[f"mad/{kind}"] for row in rows])) for kind in kinds}
    return CurvePoint(size, tuple(values), float(np.mean(values)), deviation, types)


def _finished(variant: Variant, folder: Path) -> Run | None:
    if not (folder / "recipe.toml").is_file():
        return None
    run = open_run(folder)
    return run if run.scores and run.scores[-1]["step"] == variant.recipe.steps else None


def _stream(data: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    table, name = key.split(".")
    stream = data.get(table, {}).get(name) if isinstance(data.get(table, {}), dict) else None
    if not isinstance(stream, dict) or stream.get("source") != "synth":
        what = "a learning curve needs composites to train on and others to measure on"
        raise AimkitError(what, f"{where}, {key}", 'set source = "synth", as in the recipe finetune')
    return stream


def _overrides(stream: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """The stream's overrides with keys for its stored foregrounds.

    Raises:
        AimkitError: There is not exactly one table of stored foregrounds.
    """
    own = [str(text) for text in stream.get("overrides", [])]
    data, where = raw_recipe(str(stream.get("recipe")), own, kind="synth")
    tables = data.get("foregrounds")
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise AimkitError("'foregrounds' must be a list of tables", f"{where}, foregrounds")
    stored = [number for number, one in enumerate(tables) if one.get("source") != "procedural"]
    if len(stored) != 1:
        what = f"a learning curve needs one source of stored foregrounds, not {len(stored)}"
        raise AimkitError(what, f"{where}, foregrounds", "name your folder: --foregrounds DIR")
    return [*own, *(f"foregrounds.{stored[0]}.{key}" for key in keys)]


def _names(stream: Mapping[str, Any], keys: Sequence[str], where: str) -> tuple[str, ...]:
    """Names of the stored foregrounds that a stream would draw from."""
    try:
        opened = Synthesizer(load_recipe(str(stream["recipe"]), _overrides(stream, keys), kind="synth"))
    except AimkitError as error:
        raise AimkitError(error.what, f"{where}: {error.where}", error.hint, exit_code=error.exit_code) from None
    listed = [names for title, names in opened.sources.items() if title.startswith("foregrounds.")]
    return tuple(name for names in listed for name in names)
