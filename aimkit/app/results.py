"""The tab Results: evaluations and runs side by side, down to single images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from aimkit.app.components import report_part
from aimkit.app.places import folder_fields, folder_named, may_open, shown_text, shown_title
from aimkit.app.settings import Studio
from aimkit.app.told import hide_paths, telling
from aimkit.errors import AimkitError
from aimkit.evaluate.compare import named_apart
from aimkit.evaluate.comparison import averages_html, comparison_page, differences_html, scatter_html, worst_html
from aimkit.evaluate.report import beside_html
from aimkit.evaluate.results import find_results, read_results, stored_inputs
from aimkit.evaluate.sets import open_predictions
from aimkit.evaluate.tables import TITLES, model_name
from aimkit.files import write_bytes
from aimkit.html import escape
from aimkit.recipe import expand
from aimkit.skips import Skips, lines

#: Most results that are compared at a time, and runs that are shown.
_MOST, _RUNS = 6, 24
#: Largest results file that is read, bytes.
_LONGEST = 64 << 20


@dataclass
class _SideBySide:
    """What a visitor compares.

    Attributes:
        results: The results by the names of the choices.
        files: File of each.
        runs: What is told of the runs, as HTML.
    """

    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    runs: str = ""


def results(studio: Studio, page: gr.Blocks) -> None:
    """Build the tab within the ``gr.Tab`` of the page that is open."""
    with gr.Row(elem_id="results", equal_height=False):
        with gr.Column(scale=0, min_width=300, elem_id="results-side"):
            offered, path = folder_fields(studio, "results", "Folder of evaluations and runs", "a folder, at any depth")
            opener = gr.Button("Open", variant="primary", elem_id="results-open")
            own = gr.UploadButton(
                "Upload results.json …", file_count="multiple", file_types=[".json"], size="sm", elem_id="results-own"
            )
            with gr.Column(visible=False, elem_id="results-choice") as choice:
                chosen = gr.Dropdown(
                    [],
                    multiselect=True,
                    max_choices=_MOST,
                    label="Compare the first with the others",
                    elem_id="results-chosen",
                )
                titles = [(title, key) for key, (title, _) in TITLES.items()]
                metric = gr.Dropdown(titles, value="sad", label="Metric", elem_id="results-metric")
                mixed = gr.Checkbox(label="Common images of different protocols", elem_id="results-mixed")
                with gr.Accordion("Where the pictures are", open=False, visible=studio.local):
                    places = [
                        gr.Textbox(label=label, placeholder="as recorded", max_lines=1, elem_id=f"results-{key}")
                        for key, label in (
                            ("first", "Predictions of the first"),
                            ("second", "Predictions of the second"),
                            ("truth", "Photos and true mattes"),
                        )
                    ]
                write = gr.Button("Write the comparison", elem_id="results-write")
                file = gr.DownloadButton("Download comparison.html", visible=False, elem_id="results-file")
        with gr.Column(min_width=300, elem_id="results-main"):
            told = gr.Markdown(_first_words(studio), elem_id="results-told")
            tables = report_part(elem_id="results-tables")
            plot = report_part(elem_id="results-plot")
            picture = report_part(elem_id="results-picture")
            worst = report_part(elem_id="results-worst")
            runs = report_part(elem_id="results-runs")

    @telling
    def open_(offered: str | None, path: str, request: gr.Request) -> list[Any]:
        name = folder_named(studio, offered, path)
        folder = expand(name)
        if not folder.is_dir():
            raise AimkitError("folder not found", shown_title(studio, name))
        found, skips = find_results(folder)
        opened = _SideBySide()
        opened.runs = _runs(folder, skips)
        if not found and not opened.runs and not skips:
            hint = "'aimkit evaluate' and 'aimkit train' write them"
            raise AimkitError("there are no evaluations or runs below this folder", shown_title(studio, name), hint)
        return take(opened, list(found.values()), list(found), skips, shown_title(studio, name), request)

    @telling
    def upload(paths: list[str], request: gr.Request) -> list[Any]:
        skips, found = Skips("results file"), {}
        for path in map(Path, paths[: studio.limits.files]):
            with skips.guard(path.name):
                if path.stat().st_size > _LONGEST:
                    raise AimkitError("the results file is larger than 64 MB")
                found[path] = read_results(path)
        return take(_SideBySide(), list(found.values()), list(found), skips, "Uploaded", request)

    def take(
        opened: _SideBySide,
        found: Sequence[dict[str, Any]],
        files: Sequence[Path],
        skips: Skips,
        title: str,
        request: gr.Request,
    ) -> list[Any]:
        for result, place in zip(named_apart(found, files), files, strict=True):
            name = model_name(result)
            if name in opened.results:
                name = f"{name} ({len(opened.results) + 1})"
            opened.results[name], opened.files[name] = result, place
        studio.sessions.of(request).values["results"] = opened
        names = list(opened.results)
        words = f"**{_escaped(title)}**: {_counted(len(names), 'evaluation')}."
        words += "".join(f"\n- Damaged: {_escaped(hide_paths(line))}" for line in lines(skips.rows))
        return [
            gr.Column(visible=bool(names)),
            gr.Dropdown(names, value=names[:2]),
            words,
            shown_text(studio, opened.runs),
        ]

    def of(request: gr.Request, names: Sequence[str]) -> tuple[_SideBySide, list[dict[str, Any]]]:
        opened = studio.sessions.of(request).values.get("results")
        if opened is None:
            raise AimkitError("nothing is open", hint="open a folder, or upload results")
        return opened, [opened.results[name] for name in names[:_MOST] if name in opened.results]

    @telling
    def show(names: list[str], metric: str, mixed: bool, request: gr.Request) -> list[Any]:
        hidden = gr.DownloadButton(visible=False)
        _, found = of(request, names)
        if not found:
            return ["", "", "", "", hidden]
        try:
            differences = differences_html(found, mix_protocols=mixed)
        except AimkitError as error:
            differences = f"<h2>Differences</h2><p class=note>{escape(error.what)}</p>"
        try:
            title = f"<h2>Image by image: {TITLES[metric][0]}</h2>"
            drawn, listed = title + scatter_html(found, metric), worst_html(found, metric, pick=True)
        except AimkitError as error:
            drawn, listed = f"<h2>Image by image</h2><p class=note>{escape(error.what)}</p>", ""
        return [averages_html(found) + differences, drawn, "", listed, hidden]

    @telling
    def look(
        names: list[str],
        first: str | None,
        second: str | None,
        truth: str | None,
        event: gr.EventData,
        request: gr.Request,
    ) -> str:
        opened, found = of(request, names)
        image, titles, planes = str(event.name), [], []
        given = [first, second]
        for number, (name, result) in enumerate(zip(list(names)[:2], found, strict=False)):
            told = stored_inputs(opened.files[name].parent)
            predicted = (given[number] or "").strip() or told.get("predictions", "")
            true = (truth or "").strip() or told.get("truth") or told.get("data", "")
            if not predicted or not true:
                hint = "its network was evaluated without storing predictions: name a folder of 'aimkit predict'"
                raise AimkitError("the predictions were not stored", model_name(result), hint if studio.local else "")
            for place in (predicted, true):
                may_open(studio, place)
            data = open_predictions(predicted, true)
            entry = next((one for one in data.entries if one.id == image), None)
            if entry is None:
                raise AimkitError("the image is not among the predictions", image)
            titles.append(name)
            planes.append(data.read(entry))
        return beside_html(image, titles, planes)

    @telling
    def write_page(names: list[str], metric: str, mixed: bool, request: gr.Request) -> Any:
        _, found = of(request, names)
        target = studio.sessions.of(request).place("comparison") / "comparison.html"
        write_bytes(target, comparison_page(found, metric, mix_protocols=mixed).encode())
        return gr.DownloadButton(value=str(target), visible=True)

    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    view = {"fn": show, "inputs": [chosen, metric, mixed], "outputs": [tables, plot, picture, worst, file], **quiet}
    opened = [choice, chosen, told, runs]
    for event in (opener.click, path.submit):
        event(open_, [offered, path], opened, **quiet, concurrency_limit=4).success(**view)
    own.upload(upload, own, opened, **quiet).success(**view)
    for box in (chosen, metric, mixed):
        box.input(**view)
    for part in (plot, worst):
        part.pick(look, [chosen, *places], picture, **quiet, concurrency_limit=4)
    write.click(write_page, [chosen, metric, mixed], file, **quiet)


def _runs(folder: Path, skips: Skips) -> str:
    """The runs below a folder side by side; "" without any, for which nothing heavy is imported."""
    if next(folder.glob("**/metrics.jsonl"), None) is None:
        return ""
    from aimkit.train.page import runs_html
    from aimkit.train.runs import find_runs

    found = find_runs(folder, skips)[:_RUNS]
    names = [run.path.relative_to(folder).as_posix() for run in found]
    return runs_html(found, [folder.name if name == "." else name for name in names]) if found else ""


def _first_words(studio: Studio) -> str:
    if studio.local:
        return "Name a folder with evaluations or training runs, or upload results of `aimkit evaluate`."
    return "Choose one of the offered folders, or upload results of `aimkit evaluate`."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _escaped(text: str) -> str:
    from aimkit.markdown import escape as escaped

    return escaped(text)
