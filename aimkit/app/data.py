"""The tab Data: browse a dataset, a folder or a table, and mark items for an exclude list."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from aimkit.app.components import part, picture_url, report_part
from aimkit.app.places import folder_fields, folder_named, shown_text, shown_title
from aimkit.app.sessions import Session
from aimkit.app.settings import Studio
from aimkit.app.told import plain, telling
from aimkit.browse.browsed import BrowsedItem, BrowsedSet, thumbnail
from aimkit.browse.exclude import exclude_text, marked_by
from aimkit.browse.open import open_browsed
from aimkit.datasets.exclude import read_exclude
from aimkit.errors import AimkitError
from aimkit.html import escape, table
from aimkit.imageio.reduced import reduced
from aimkit.lint.report import findings_html
from aimkit.lint.run import LintResult, lint

#: Items on a page, and the longer sides of their pictures and of one that is looked at, in pixels.
_PAGE, _SIDE, _CLOSE = 48, 220, 720
#: Most pictures that are kept for turning back.
_KEPT = 1000
#: Largest exclude list that is read, bytes.
_LONGEST = 16 << 20
_ALL, _NONE = "all", "not stated"


class _CheckStopped(Exception):
    pass


@dataclass
class _Shelf:
    """What a visitor looks through.

    Attributes:
        found: The set.
        title: Its name for the visitor.
        marked: Positions of the items to leave out.
        findings: Positions by check, once the checks have run.
        shown: The items that fit the filters.
        small: Pictures, or why there is none, by position.
    """

    found: BrowsedSet
    title: str
    marked: set[int] = field(default_factory=set)
    findings: dict[str, list[int]] = field(default_factory=dict)
    shown: list[BrowsedItem] = field(default_factory=list)
    small: dict[int, dict[str, str]] = field(default_factory=dict)


def data(studio: Studio, page: gr.Blocks) -> None:
    """Build the tab within the ``gr.Tab`` of the page that is open."""
    serials = itertools.count(1)
    with gr.Row(elem_id="data", equal_height=False):
        with gr.Column(scale=0, min_width=300, elem_id="data-side"):
            hint = "a folder, a dataset, or hf:NAME"
            offered, path = folder_fields(studio, "data", "Folder or dataset", hint)
            opener = gr.Button("Open", variant="primary", elem_id="data-open")
            with gr.Column(visible=False, elem_id="data-filters") as filters:
                kind, category, source, finding = (
                    gr.Dropdown([_ALL], value=_ALL, label=label, elem_id=f"data-{label.lower()}", interactive=True)
                    for label in ("Type", "Category", "Source", "Finding")
                )
                text = gr.Textbox(label="Name contains", elem_id="data-text", max_lines=1, max_length=200)
                only = gr.Checkbox(label="Only those to leave out", elem_id="data-only")
                with gr.Row():
                    checker = gr.Button("Check", elem_id="data-check", min_width=70)
                    stop = gr.Button("Stop", elem_id="data-stop", min_width=70)
        with gr.Column(min_width=300, elem_id="data-main"):
            told = gr.Markdown(_first_words(studio), elem_id="data-told")
            with gr.Column(visible=False, elem_id="data-exclude") as leaving:
                count = gr.Markdown(elem_id="data-marked")
                with gr.Row(elem_classes="toolbar"):
                    every = gr.Button("Mark all that fit the filters", size="sm", elem_id="data-mark-all")
                    none = gr.Button("Clear", size="sm", elem_id="data-mark-none")
                    load = gr.UploadButton("Load a list …", file_types=[".txt"], size="sm", elem_id="data-load")
                    write = gr.Button("Write exclude.txt", variant="primary", size="sm", elem_id="data-write")
                    file = gr.DownloadButton("Download exclude.txt", size="sm", visible=False, elem_id="data-file")
                snippet = part("copy_text", "", visible=False, elem_id="data-snippet")
            shelf = part("shelf", elem_id="shelf")
            closer = part("closer_look", elem_id="data-closer")
            with gr.Accordion("Statistics", open=False, visible=False, elem_id="data-statistics") as statistics:
                numbers = report_part(elem_id="data-numbers")
            with gr.Accordion("Findings", open=False, visible=False, elem_id="data-findings") as more:
                findings = report_part(elem_id="data-found")

    def shelf_of(request: gr.Request) -> tuple[Session, _Shelf]:
        session = studio.sessions.of(request)
        if "data" not in session.values:
            raise AimkitError("no folder is open", hint="open one first")
        return session, session.values["data"]

    @telling
    def open_(offered: str | None, path: str, request: gr.Request) -> list[Any]:
        session = studio.sessions.of(request)
        session.stop("check")
        name = folder_named(studio, offered, path)
        try:
            found = open_browsed(name)
        except OSError as error:
            raise AimkitError(f"can't open the folder: {error.strerror or error}", shown_title(studio, name)) from None
        one = session.values["data"] = _Shelf(found, shown_title(studio, found.title))
        choices = [_choices(found.counts(key)) for key in ("type", "category", "sources")]
        boxes = [gr.Dropdown(names, value=_ALL, visible=len(names) > 2) for names in choices]
        boxes.append(gr.Dropdown([_ALL], value=_ALL, visible=False))
        tables = "".join(
            f"<h2>{escape(title.capitalize())}</h2>{table(columns, rows, title)}"
            for title, columns, rows in found.statistics()
        )
        words = f"**{_markdown(one.title)}**: {_counted(len(found.items), _NOUNS[found.kind])}."
        notes = "".join(f"\n\n{_markdown(shown_text(studio, note))}" for note in found.target.notes)
        visible = [gr.Column(visible=True), gr.Column(visible=True), gr.Accordion(visible=True, open=False)]
        return [
            *boxes,
            gr.Textbox(value=""),
            gr.Checkbox(value=False),
            words + notes,
            tables or "<p>Nothing is stated of types, categories or sources.</p>",
            "",
            *visible,
            gr.Accordion(visible=False),
            *marks(one),
        ]

    def marks(one: _Shelf) -> list[Any]:
        number = len(one.marked)
        words = f"**{_counted(number, 'sample')}** marked to be left out." if number else "No sample is marked yet."
        return [words, gr.DownloadButton(visible=False), gr.HTML(visible=False)]

    @telling
    def show(
        kind: str, category: str, source: str, finding: str, text: str, only: bool, request: gr.Request
    ) -> Iterator[dict[str, Any]]:
        session, one = shelf_of(request)
        places = set(range(len(one.found.items)))
        if finding in one.findings:
            places &= set(one.findings[finding])
        if only:
            places &= one.marked
        chosen = {"type": kind, "category": category, "source": source}
        values = {key: None if value == _ALL else "" if value == _NONE else value for key, value in chosen.items()}
        one.shown = one.found.select(**values, text=(text or "").strip(), positions=places)
        yield from leaf(session, one, 0)

    @telling
    def turn(event: gr.EventData, request: gr.Request) -> Iterator[dict[str, Any]]:
        session, one = shelf_of(request)
        yield from leaf(session, one, int(event.first))

    def leaf(session: Session, one: _Shelf, first: int) -> Iterator[dict[str, Any]]:
        # One serial for all of it: what an older piece of work tells late is not shown.
        wanted, serial = session.turn("shelf"), next(serials)
        first = min(max(0, first), max(0, len(one.shown) - 1)) // _PAGE * _PAGE
        here = one.shown[first : first + _PAGE]
        missing = [item for item in here if item.position not in one.small]
        value = {"first": first, "size": _PAGE, "total": len(one.shown), "all": len(one.found.items)}

        def state(busy: bool) -> dict[str, Any]:
            items = [_card(one, item) for item in here]
            return {**value, "turn": serial, "items": items, "busy": busy}

        yield state(bool(missing))
        if len(one.small) > _KEPT:
            one.small.clear()
            missing = here
        with ThreadPoolExecutor(2) as pool:
            for done, (item, small) in enumerate(zip(missing, pool.map(_small, missing), strict=True), 1):
                one.small[item.position] = small
                if not wanted():
                    pool.shutdown(wait=False, cancel_futures=True)
                    return
                if done % 6 == 0 or done == len(missing):
                    yield state(done < len(missing))

    @telling
    def look(event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        _, one = shelf_of(request)
        item = one.found.items[int(event.position)]
        seen = one.found.look(item)
        sides = []
        for name, plane in seen.planes.items():
            small = reduced(plane, _CLOSE)
            sides.append([name, picture_url(small, exact=name in ("alpha", "label"))])
        checks = [check for check, places in one.findings.items() if item.position in places]
        facts = {**({"findings": checks} if checks else {}), **seen.facts}
        return {"serial": next(serials), "title": item.name, "sides": sides, "meta": _clean(studio, facts)}

    @telling
    def mark(event: gr.EventData, request: gr.Request) -> list[Any]:
        _, one = shelf_of(request)
        place = one.found.items[int(event.position)].position
        (one.marked.add if event.on else one.marked.discard)(place)
        return marks(one)

    @telling
    def mark_all(request: gr.Request) -> list[Any]:
        _, one = shelf_of(request)
        one.marked |= {item.position for item in one.shown}
        return marks(one)

    @telling
    def mark_none(request: gr.Request) -> list[Any]:
        _, one = shelf_of(request)
        one.marked.clear()
        return marks(one)

    @telling
    def load_list(path: str, request: gr.Request) -> list[Any]:
        _, one = shelf_of(request)
        if Path(path).stat().st_size > _LONGEST:
            raise AimkitError("the exclude list is larger than 16 MB", Path(path).name)
        one.marked |= marked_by(one.found, read_exclude(path))
        return marks(one)

    @telling
    def write_list(request: gr.Request) -> list[Any]:
        session, one = shelf_of(request)
        if not one.marked:
            raise AimkitError("no sample is marked", hint="mark those to leave out first")
        target = session.place("exclude") / "exclude.txt"
        target.write_text(exclude_text(one.found, one.marked, one.title), encoding="utf-8")
        use = gr.HTML(value=_USES[one.found.kind], visible=True)
        return [*marks(one)[:1], gr.DownloadButton(value=str(target), visible=True), use]

    @telling
    def check(request: gr.Request) -> Iterator[list[Any]]:
        session, one = shelf_of(request)
        wanted, done, skip = session.turn("check"), [0], gr.skip()
        result: list[LintResult | Exception] = []

        def step(number: int, total: int) -> None:
            done[0] = number
            if not wanted():
                raise _CheckStopped

        def work() -> None:
            try:
                result.append(lint(one.found.target, thumbnails=False, workers=2, step=step))
            except Exception as error:
                result.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        total = len(one.found.items)
        while thread.is_alive():
            yield [f"Checking: {done[0]} of {total} …", skip, skip, skip]
            thread.join(0.4)
        ended = result[0]
        if isinstance(ended, _CheckStopped):
            yield [f"Stopped after {done[0]} of {total}.", skip, skip, skip]
            return
        if isinstance(ended, Exception):
            raise ended
        one.findings = one.found.positions_of(ended.findings)
        counts = ended.counts
        words = ", ".join(_counted(number, name) for name, number in counts.items())
        names = [(f"{name} ({len(places)})", name) for name, places in one.findings.items()]
        box = gr.Dropdown([_ALL, *names], value=_ALL, visible=bool(names))
        told = f"{_counted(total, _NOUNS[one.found.kind])} checked: {words}."
        yield [told, box, shown_text(studio, findings_html(ended)), gr.Accordion(visible=True)]

    def halt(request: gr.Request) -> None:
        studio.sessions.of(request).stop("check")

    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    conditions = [kind, category, source, finding, text, only]
    redo = {"fn": show, "inputs": conditions, "outputs": shelf, **quiet}
    redo |= {"concurrency_limit": 4, "concurrency_id": "shelf", "trigger_mode": "always_last"}
    marking = [count, file, snippet]
    opened = [*conditions, told, numbers, findings, filters, leaving, statistics, more, *marking]
    for event in (opener.click, path.submit):
        event(open_, [offered, path], opened, **quiet, concurrency_limit=4).success(**redo)
    for box in conditions:
        (box.change if box is text else box.input)(**redo)
    shelf.leaf(turn, None, shelf, **quiet, concurrency_limit=4)
    shelf.look(look, None, closer, **quiet, concurrency_limit=4)
    shelf.mark(mark, None, marking, **quiet, trigger_mode="multiple")
    for button, work in ((every, mark_all), (none, mark_none)):
        button.click(work, None, marking, **quiet).success(**redo)
    load.upload(load_list, load, marking, **quiet).success(**redo)
    write.click(write_list, None, marking, **quiet)
    checker.click(check, None, [told, finding, findings, more], **quiet, concurrency_limit=2).success(**redo)
    stop.click(halt, None, None, **quiet)


_NOUNS = {"dataset": "sample", "folder": "picture or pair", "table": "row"}
#: Where a recipe takes the list, by the kind of set.
_USES = {
    "dataset": '# a training recipe\n[data.train]\nsource = "written"\npath = "..."\nexclude = "exclude.txt"\n',
    "folder": '# a synth recipe\n[[foregrounds]]\nsource = "pairs"\npath = "..."\nexclude = "exclude.txt"\n',
    "table": '# a synth recipe\n[[foregrounds]]\nsource = "huggingface"\npath = "..."\nexclude = "exclude.txt"\n',
}


def _first_words(studio: Studio) -> str:
    if studio.local:
        return "Name a folder of pictures, a dataset that `aimkit synth` wrote, or a Hugging Face dataset."
    return "Choose one of the offered folders." if studio.folders else "No folders are offered here."


def _choices(counts: dict[str, int]) -> list[Any]:
    return [_ALL, *((f"{name or _NONE} ({number})", name or _NONE) for name, number in counts.items())]


def _card(one: _Shelf, item: BrowsedItem) -> dict[str, Any]:
    checks = [name for name, places in one.findings.items() if item.position in places]
    folder, _, last = item.name.rpartition("/")
    caption = " · ".join(word for word in (item.type, item.category, *checks, folder) if word)
    small = one.small.get(item.position, {"src": "", "fault": ""})
    return {
        "position": item.position,
        "name": item.name,
        "short": last,
        "caption": caption,
        "marked": item.position in one.marked,
        **small,
    }


def _small(item: BrowsedItem) -> dict[str, str]:
    try:
        return {"src": picture_url(thumbnail(item, _SIDE)), "fault": ""}
    except AimkitError as error:
        return {"src": "", "fault": plain(error)}


def _clean(studio: Studio, value: Any) -> Any:
    """Facts whose texts hold no paths of the machine, where these are nobody's business."""
    if isinstance(value, dict):
        return {key: _clean(studio, one) for key, one in value.items()}
    if isinstance(value, list):
        return [_clean(studio, one) for one in value]
    return shown_text(studio, value) if isinstance(value, str) else value


def _counted(number: int, noun: str) -> str:
    plural = "pictures and pairs" if noun == "picture or pair" and number != 1 else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _markdown(text: str) -> str:
    from aimkit.markdown import escape as escaped

    return escaped(text)
