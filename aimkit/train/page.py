"""The page of a run: curves, scores, and predictions of the same images over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aimkit.files import write_bytes
from aimkit.html import chart, escape, page, picture, table
from aimkit.train.metrics_file import read
from aimkit.train.runs import Run, differing_keys, run_table

#: Values of a training line that are not loss terms, totals aside.
_OTHERS = ("kind", "step", "lr", "samples_per_second", "memory_gb", "semantic_accuracy", "semantic_iou")

#: Number of pictures of one image over time.
_COLUMNS = 8


def write_page(run: Path) -> Path:
    """Write ``page.html``, self-contained, from the log and the gallery of a run."""
    file = run / "recipe.toml"
    recipe = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    parts = [f"<h1>{escape(run.name)}</h1>", "<h2>Training</h2>", curves(run), _gallery(run / "gallery")]
    parts.append(f"<h2>Recipe</h2><pre>{escape(recipe)}</pre>")
    target = run / "page.html"
    write_bytes(target, page(run.name, "".join(parts)).encode())
    return target


def curves(run: Path) -> str:
    """Charts of the losses, and charts and a table of the validation scores where there are any."""
    rows = read(run / "metrics.jsonl")
    train, val = ([row for row in rows if row["kind"] == kind] for kind in ("train", "val"))
    parts = ["<div class=charts>", chart("loss", {"total": _points(train, "total")})]
    terms = [name for name in (train[-1] if train else ()) if name not in _OTHERS and not name.startswith("total")]
    parts.append(chart("terms", {name: _points(train, name) for name in terms}))
    parts.append(chart("semantic", {n: p for n in ("semantic_accuracy", "semantic_iou") if (p := _points(train, n))}))
    parts.append(chart("learning rate", {"lr": _points(train, "lr")}))
    parts.append(chart("samples per second", {"": _points(train, "samples_per_second")}) + "</div>")
    if val:
        types = sorted({name.split("/")[1] for row in val for name in row if "/" in name})
        parts.append("<h2>Validation</h2><div class=charts>")
        for score in ("mad", "mse", "sad", "grad", "conn"):
            lines = {"all": _points(val, score), **{t: _points(val, f"{score}/{t}") for t in types}}
            parts.append(chart(score, {name: points for name, points in lines.items() if points}))
        names = ["mad", "mse", "sad", "grad", "conn", *(f"mad/{t}" for t in types)]
        rows_ = [[row["step"], *(f"{row.get(name, float('nan')):.4g}" for name in names)] for row in val[-12:]]
        parts.append("</div>" + table(["step", *names], rows_, "validations"))
    return "".join(parts)


def runs_html(runs: Sequence[Run], names: Sequence[str]) -> str:
    """Runs side by side: a table, what differs in their recipes, and their losses and validations in common charts.

    Args:
        runs: One run or more.
        names: A name for each.
    """
    columns, rows = run_table(runs)
    told = [[name, *_dashed(row[1:])] for name, row in zip(names, rows, strict=True)]
    parts = ["<h2>Runs</h2>", table(columns, told, "runs")]
    if differing := differing_keys(runs):
        values = [[key, *_dashed(row)] for key, row in differing.items()]
        parts.append(f"<h2>What differs</h2>{table(['key', *names], values, 'keys of the recipes that differ')}")
    lines: dict[str, dict[str, list[tuple[float, float]]]] = {"loss": {}, "mad": {}, "sad": {}}
    for name, run in zip(names, runs, strict=True):
        logged = read(run.path / "metrics.jsonl")
        for title, kind, key in (("loss", "train", "total"), ("mad", "val", "mad"), ("sad", "val", "sad")):
            if points := _points([row for row in logged if row["kind"] == kind], key):
                lines[title][name] = points
    charts = "".join(chart(title, found) for title, found in lines.items() if found)
    return "".join([*parts, f"<h2>Curves</h2><div class=charts>{charts}</div>" if charts else ""])


def _gallery(folder: Path) -> str:
    images = sorted(folder.glob("*_image.png"))
    if not images:
        return ""
    parts = ["<h2>The same images over time</h2>"]
    for image in images:
        number = image.name.split("_")[0]
        steps = sorted(path for path in folder.glob(f"{number}_*.png") if path.stem.split("_")[1].isdigit())
        if len(steps) > _COLUMNS:
            steps = [steps[round(i * (len(steps) - 1) / (_COLUMNS - 1))] for i in range(_COLUMNS)]
        cells = [picture(image, "image"), picture(folder / f"{number}_truth.png", "truth")]
        cells += [picture(path, f"step {int(path.stem.split('_')[1])}") for path in steps]
        parts.append(f"<div class=strip>{''.join(cells)}</div>")
    return "".join(parts)


def _dashed(values: Sequence[object]) -> list[object]:
    return ["-" if value is None else value for value in values]


def _points(rows: list[dict[str, Any]], name: str) -> list[tuple[float, float]]:
    return [(row["step"], row[name]) for row in rows if name in row]
