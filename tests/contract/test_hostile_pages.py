"""Names from elsewhere are shown on every page as they are and do nothing, to a parser and in a browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from hostile_names import HIDDEN, HOSTILE, NAMES, evaluation_result

from aimkit import html
from aimkit.evaluate import report
from aimkit.evaluate.comparison import comparison_page, worst_html
from aimkit.evaluate.images import EvaluationPlanes
from aimkit.evaluate.report import beside_html
from aimkit.imageio import write_png
from aimkit.lint.item import LintItem, LintTarget
from aimkit.lint.report import findings_html
from aimkit.lint.run import lint
from aimkit.printable import on_one_line, printable
from aimkit.publish.board import BoardRow, Standings, read_board
from aimkit.publish.board_page import as_page
from aimkit.recipe import load_recipe
from aimkit.train.experiment import Experiment, write_experiment
from aimkit.train.page import runs_html, write_page
from aimkit.train.runs import open_run

BROWSER = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), "")
#: Ways of a browser to ask somebody for something without being told to.
QUIET = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")
#: What pages of ours may load: themselves and the pictures in them.
LOCAL = ("file:", "data:", "blob:")


class Page(HTMLParser):
    """The elements, attributes and texts of a page, as a browser reads them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def _planes(_: str) -> EvaluationPlanes:
    grey = np.full((8, 8), 128, np.uint8)
    return EvaluationPlanes(grey, grey, np.dstack([grey] * 3), grey)


def _evaluation(result: Mapping[str, Any], folder: Path) -> str:
    return report.page(result, _planes, each=50)


def _run(result: Mapping[str, Any], folder: Path) -> Path:
    run = folder / on_one_line(HOSTILE).replace("/", "_")[:60]
    (run / "gallery").mkdir(parents=True)
    grey = np.zeros((4, 4, 3), np.uint8)
    for name in ("0_image", "0_truth", "0_00001"):
        write_png(run / "gallery" / f"{name}.png", grey)
    rows: list[dict[str, Any]] = [{"kind": "train", "step": i, "total": 1.0, HOSTILE: 2.0, "lr": 0.1} for i in (1, 2)]
    rows += [{"kind": "val", "step": 2, "mad": 0.1, f"mad/{HOSTILE.replace('/', '_')}": 0.2}]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = load_recipe("train/demo").resolved()
    text = tomli_w.dumps(recipe) + "".join(f"# {printable(name)}\n".replace("\n", " ") + "\n" for name in NAMES)
    (run / "recipe.toml").write_text("# digest 0\n" + text, encoding="utf-8")
    return run


def _training(result: Mapping[str, Any], folder: Path) -> str:
    return write_page(_run(result, folder)).read_text(encoding="utf-8")


def _experiment(result: Mapping[str, Any], folder: Path) -> str:
    run = _run(result, folder)
    write_page(run)
    both = [dict(result), {**result, "model": {"name": HOSTILE + "2"}}]
    what = Experiment(run, both, [folder / "a", folder / "b"], None, HOSTILE, NAMES)
    write_experiment(folder / "e.html", what, rows=1)
    return (folder / "e.html").read_text(encoding="utf-8")


def _parts(result: Mapping[str, Any], folder: Path) -> str:
    lines = {name: [(0.0, 1.0), (1.0, 2.0)] for name in NAMES}
    png = folder / "a.png"
    write_png(png, np.zeros((2, 2, 3), np.uint8))
    body = html.table([HOSTILE, *NAMES], [[HOSTILE, *NAMES]]) + html.chart(HOSTILE, lines) + html.picture(png, HOSTILE)
    return html.page(HOSTILE, body)


def _board(result: Mapping[str, Any], folder: Path) -> str:
    rows = [BoardRow.model_construct(method=n, training=n, source=n, protocol=HOSTILE, seen="no") for n in NAMES]
    board = read_board("aim500").model_copy(update={"title": HOSTILE, "about": HOSTILE, "notes": HOSTILE})
    return as_page(Standings(board, rows, [(row, HOSTILE) for row in rows]))


def _comparison(result: Mapping[str, Any], folder: Path) -> str:
    return comparison_page([result, {**result, "model": {"name": HOSTILE + "2"}}])


def _parts_of_the_studio(result: Mapping[str, Any], folder: Path) -> str:
    shown = worst_html([result], "sad", pick=True) + beside_html(
        HOSTILE, [HOSTILE, HOSTILE], [_planes(""), _planes("")]
    )
    run = _run(result, folder)
    write_png(folder / "a.png", np.zeros((8, 8, 3), np.uint8))
    found = lint(LintTarget(HOSTILE, folder, [LintItem(n, "single", (n,), (folder / "a.png",)) for n in NAMES]))
    return html.page(HOSTILE, shown + runs_html([open_run(run)], [HOSTILE]) + findings_html(found))


PAGES = {
    "comparison": _comparison,
    "studio": _parts_of_the_studio,
    "board": _board,
    "evaluation": _evaluation,
    "training": _training,
    "experiment": _experiment,
    "parts": _parts,
}


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return evaluation_result()


@pytest.fixture(scope="module", params=PAGES)
def page(request: pytest.FixtureRequest, result: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    return PAGES[request.param](result, tmp_path_factory.mktemp("pages"))


def test_no_page_holds_an_element_or_attribute_of_a_name(page: str) -> None:
    found = Page(page)
    assert found.tags.count("script") <= 1  # the report's own
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    links = [value for name, value in found.attributes if name == "href"]
    assert all(re.fullmatch(r"[\w%./~-]+\.html", link) for link in links)
    assert all(value.startswith("data:image/") for name, value in found.attributes if name == "src")
    assert not HIDDEN.search(page)
    assert "<script>alert" in found.text  # as text
    assert "iframe" not in found.tags


# --- in a browser ---


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium, one for all pages: its start takes longer than they do."""
    if not BROWSER:
        pytest.skip("no Chromium on this machine: what a browser runs was not tried")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here to open pages with")
    with playwright.sync_playwright() as api:
        opened = api.chromium.launch(executable_path=BROWSER, args=list(QUIET))
        yield opened
        opened.close()


def _done_by(browser: Any, file: Path) -> list[str]:
    """What a page does besides being shown, when it is opened and each of its elements is touched."""
    done: list[str] = []
    tab = browser.new_page()
    tab.on("dialog", lambda dialog: (done.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    tab.on("pageerror", lambda error: done.append(f"error: {error}"))
    tab.on("request", lambda request: None if request.url.startswith(LOCAL) else done.append(f"asked {request.url}"))
    tab.on("framenavigated", lambda frame: None if frame.url == file.as_uri() else done.append(f"went to {frame.url}"))
    tab.goto(file.as_uri(), wait_until="load")
    tab.evaluate("""() => { for (const one of document.querySelectorAll("*"))
        for (const name of ["mouseover", "mouseenter", "focus", "pointerdown"]) one.dispatchEvent(new Event(name)) }""")
    done += [
        f"links to {link}" for link in tab.evaluate("[...document.links].map(one => one.protocol)") if link != "file:"
    ]
    tab.close()
    return done


@pytest.mark.slow
def test_no_page_runs_a_script_of_a_name(page: str, browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page, encoding="utf-8")
    assert _done_by(browser, file) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "does"),
    [
        ("<script>alert(1)</script>", "dialog: 1"),
        ("<svg onload=alert(1)>", "dialog: 1"),
        ("<p onmouseover='alert(1)'>a</p>", "dialog: 1"),
        ("<script>nothing()</script>", "error: nothing is not defined"),
        ("<img src='http://127.0.0.1:9/x.png'>", "asked http://127.0.0.1:9/x.png"),
        ("<a href='javascript:alert(1)'>a</a>", "links to javascript:"),
    ],
)
def test_a_page_that_does_something_is_caught_at_it(body: str, does: str, browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(f"<!doctype html><html><head></head><body>{body}</body></html>", encoding="utf-8")
    assert does in _done_by(browser, file)
