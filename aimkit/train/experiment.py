"""The page of an experiment: its data, predictions, training curves, and its scores compared with other predictors."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from aimkit.data.streams import Stream
from aimkit.datasets.inspect import stats
from aimkit.datasets.inspect.canvas import tile
from aimkit.datasets.inspect.card import SHEET
from aimkit.datasets.inspect.sheet import contact_sheet, pick
from aimkit.datasets.reader import open_dataset
from aimkit.errors import AimkitError
from aimkit.evaluate.averages import ranked
from aimkit.evaluate.compare import compare, comparison_table, headline
from aimkit.evaluate.images import EvaluationSet
from aimkit.evaluate.report import error_map
from aimkit.evaluate.tables import TITLES, cell, model_name
from aimkit.files import write_bytes
from aimkit.html import escape, page, picture, table
from aimkit.imageio import encode_png
from aimkit.recipe import load_recipe
from aimkit.train.page import curves
from aimkit.train.recipe import TrainRecipe
from aimkit.train.runs import open_run
from aimkit.types import Sample, to_uint8

#: Longer side of a gallery picture, pixels; the page stays below a few MB.
_SIDE = 224
_WHOLE = ("sad", "mse", "grad", "conn")


@dataclass
class Experiment:
    """The contents of a page.

    Attributes:
        run: Folder of the training run.
        results: Contents of ``results.json`` files: the run's first, then those to compare it with.
        files: Paths of these files, in the same order, for links to the reports beside them.
        predictions: Images, true mattes and predictions for the gallery, or None.
        title: Heading; the run's name when empty.
        notes: Paragraphs for the top of the page.
        dataset: A written dataset to show first, or None.
        sheet: Picture of predictions (``aimkit predict --sheet``) to show next, or None.
    """

    run: Path
    results: Sequence[Mapping[str, Any]] = ()
    files: Sequence[Path] = ()
    predictions: EvaluationSet | None = None
    title: str = ""
    notes: Sequence[str] = field(default_factory=tuple)
    dataset: Path | None = None
    sheet: Path | None = None


def write_experiment(target: Path, what: Experiment, *, rows: int = 3) -> str:
    """Write the page, self-contained except for its links.

    Args:
        target: HTML file to write.
        what: Contents of the page.
        rows: Number of samples of each type on the sheet and in the gallery.

    Returns:
        The headline: how much better the run is than the best of the others; "" without others.

    Raises:
        AimkitError: The results can't be compared, or a file can't be read.
    """
    verdict = headline(what.results) if len(what.results) > 1 else ""
    title = what.title or what.run.name
    parts = [f"<h1>{escape(title)}</h1>"]
    parts += [f"<p class=result>{escape(verdict)}.</p>"] if verdict else []
    parts += [f"<p>{escape(note)}</p>" for note in what.notes]
    run = open_run(what.run)
    if run.step < run.recipe["steps"]:
        parts.append(f"<p>The run is not finished: {escape(run.step)} of {escape(run.recipe['steps'])} steps.</p>")
    parts.append(_links(target, what))
    if what.dataset is not None:
        parts.append(f"<h2>Dataset</h2>{_dataset(what.dataset)}")
    if what.sheet is not None:
        parts.append(f"<h2>Photos and their mattes</h2>{picture(what.sheet)}")
    parts.append(f"<h2>Trained on</h2>{_sheet(what.run, rows)}")
    parts.append(f"<h2>Training</h2>{curves(what.run)}")
    if what.results:
        parts.append(f"<h2>Evaluation</h2>{_scores(what.results)}")
    if what.predictions is not None:
        parts.append(f"<h2>Predictions</h2>{_gallery(what, rows)}")
    write_bytes(target, page(title, "".join(parts)).encode())
    return verdict


def score_table(results: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Columns, and a row for each result: MAD of all images and of each type, then other metrics of all images."""
    types = list(results[0]["averages"]["types"])
    columns = ["", "MAD all", *(f"MAD {name}" for name in types), *(TITLES[metric][0] for metric in _WHOLE)]
    rows = []
    for result in results:
        means = result["averages"]
        groups = [means["images"], *(means["types"].get(name, {}) for name in types)]
        row = [model_name(result), *(cell(group, "mad") for group in groups)]
        rows.append(row + [cell(means["images"], metric) for metric in _WHOLE])
    return columns, rows


def _scores(results: Sequence[Mapping[str, Any]]) -> str:
    parts = [table(*score_table(results), "scores"), "<p>Smaller is better.</p>"]
    if len(results) > 1:
        columns, rows = comparison_table([row for row in compare(results) if row["metric"] == "mad"])
        parts.append(f"<p>Compared with {escape(model_name(results[0]))} (paired bootstrap over images):</p>")
        parts.append(table(columns, rows, "differences"))
    texts = dict.fromkeys(result["protocol"]["text"] for result in results)
    return "".join([*parts, *(f"<p>Protocol: {escape(text)}.</p>" for text in texts)])


def _links(target: Path, what: Experiment) -> str:
    pages = {"the run, with the same images over time": what.run / "page.html"}
    for file, result in zip(what.files, what.results, strict=True):
        folder = file if file.is_dir() else file.parent
        pages[f"evaluation of {model_name(result)}"] = folder / "report.html"
    found = [
        f"<a href='{quote(os.fsencode(os.path.relpath(path, target.parent)))}'>{escape(text)}</a>"
        for text, path in pages.items()
        if path.exists()
    ]
    return f"<p>More: {', '.join(found)}.</p>" if found else ""


def _dataset(folder: Path) -> str:
    """The contact sheet of a written dataset, its statistics, how to load it, and its first sample's provenance."""
    dataset = open_dataset(folder)
    types = stats.total(dataset.sidecars())["types"]
    first = dataset[0].meta
    load = f"from datasets import load_dataset\n\ndataset = load_dataset({str(folder)!r}, split='train')"
    provenance = json.dumps({key: first[key] for key in sorted(first)}, indent=1)
    return "".join(
        [
            picture(folder / SHEET, f"{len(dataset)} composites in {folder}"),
            table(stats.COLUMNS, stats.rows(types), "statistics of the dataset"),
            f"<pre>{escape(load)}</pre>",
            f"<details><summary>Provenance of sample 0</summary><pre>{escape(provenance)}</pre></details>",
        ]
    )


def _sheet(run: Path, rows: int) -> str:
    """A contact sheet of the training stream, before the transform."""
    recipe = load_recipe(str(run / "recipe.toml"), kind="train")
    assert isinstance(recipe, TrainRecipe)
    block = recipe.data.train
    try:
        stream = block.open(recipe.seed)
        samples = pick(_Positions(stream), rows)
    except AimkitError as error:
        return f"<p>The training data can't be shown: {escape(error.what)}.</p>"
    return picture(encode_png(contact_sheet(samples, 160)), f"{len(samples)} samples of {_named(block)}")


class _Positions(Sequence[Sample]):
    """The first samples of a stream as a sequence."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def __len__(self) -> int:
        return len(self.stream)

    def __getitem__(self, position: Any) -> Any:
        return self.stream.sample(position)


def _named(block: Any) -> str:
    return str(getattr(block, "path", "") or getattr(block, "recipe", "") or block.source)


def _gallery(what: Experiment, rows: int) -> str:
    """Samples of every type, evenly spread over the ranks by MAD from the best to the worst."""
    data = what.predictions
    assert data is not None
    entries = {entry.id: entry for entry in data.entries}
    known = [row for row in (what.results[0]["images"] if what.results else ()) if row["id"] in entries]
    if not known:
        known = [{"id": entry.id, "type": entry.type, "mad": None} for entry in data.entries]
    parts = [
        "<p>Images of every type, evenly spread from the best to the worst by MAD."
        " Errors: red is too opaque, blue too transparent.</p>"
    ]
    for name in dict.fromkeys(sorted(row["type"] for row in known)):
        own = [row for row in known if row["type"] == name]
        own = ranked(own, "mad") or own
        picks = dict.fromkeys(round(p) for p in np.linspace(0, len(own) - 1, min(rows, len(own))))
        for row in (own[place] for place in picks):
            parts.append(f"<div class=strip>{_pictures(data, entries[row['id']], row)}</div>")
    return "".join(parts)


def _pictures(data: EvaluationSet, entry: Any, row: Mapping[str, Any]) -> str:
    planes = data.read(entry)
    assert planes.prediction is not None
    score = "" if row["mad"] is None else f", MAD {cell(row, 'mad')}"
    truth, prediction = (p if p.dtype == np.uint8 else to_uint8(p) for p in (planes.alpha, planes.prediction))
    shown = {"truth": truth, f"prediction{score}": prediction, "error": error_map(planes.prediction, planes.alpha)}
    if planes.image is not None:
        shown = {f"{row['type']} {entry.id}".strip(): planes.image, **shown}
    height, width = planes.alpha.shape
    scale = _SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return "".join(picture(encode_png(tile(plane, *size)), text) for text, plane in shown.items())
