"""Reports: tables that sort and scroll, one stylesheet, and everything in reach of the keyboard, in a browser too."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aimkit import html

BROWSER = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), "")
ROWS = [("b", "10", "1.5 +- 0.1", "x"), ("a", "9", "-", "a long cell " * 5), ("c", "2e-05", "34 %", "y")]
BODY = html.table(["name", "n", "value", "words"], ROWS, "a table", pick=True) + html.chart(
    "loss", {"one": [(0, 1.0), (1, 0.5)], "two": [(0, 2.0), (1, 1.0)]}
)
BODY += html.slider("data:,a", "data:,b", ("left", "right"), "from right to left")


def test_columns_of_words_are_told_from_columns_of_figures() -> None:
    assert re.search("<table class='([^']*)'", html.table(["a", "b", "c", "d"], ROWS))[1] == "t1 t4 w4"  # type: ignore[index]


def test_colours_are_variables_that_the_dark_redefines() -> None:
    style = html.STYLE.read_text()
    light, dark = (set(re.findall(r"(--[\w-]+):", part)) for part in re.findall(r":root \{(.*?)\}", style, re.S))
    assert light == dark
    rules = re.sub(r":root \{.*?\}", "", style, flags=re.S)
    assert not re.search(r"#[0-9a-f]{3,6}\b", rules.replace("background: #fff", ""))
    assert set(re.findall(r"var\((--[\w-]+)\)", style)) - light <= {"--c", "--cut"}


def test_nothing_in_a_page_comes_from_elsewhere() -> None:
    page = html.page("t", BODY)
    assert not re.search(r"https?://|@import|url\(", page)
    assert page.count("<script") == 1


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if not BROWSER:
        pytest.skip("no Chromium on this machine: what a browser does was not tried")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here to open pages with")
    file: Path = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(html.page("t", BODY), encoding="utf-8")
    with playwright.sync_playwright() as api:
        opened = api.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = opened.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
        page.goto(file.as_uri())
        yield page
        opened.close()


@pytest.mark.slow
def test_a_table_sorts_by_the_keyboard(tab: Any) -> None:
    def column(number: int) -> list[str]:
        found: list[str] = tab.eval_on_selector_all(
            "tbody tr", f"all => all.map(row => row.cells[{number}].textContent)"
        )
        return found

    for name, number, wanted in (("name", 0, ["a", "b", "c"]), ("n", 1, ["2e-05", "9", "10"])):
        button = tab.locator("th button").nth(number)
        button.focus()
        tab.keyboard.press("Enter")
        assert column(number) == wanted, name
        tab.keyboard.press("Enter")
        assert column(number) == wanted[::-1]
    tab.locator("th button").nth(2).click()
    assert column(2) == ["1.5 +- 0.1", "34 %", "-"]


@pytest.mark.slow
def test_a_narrow_page_is_dark_and_scrolls_its_tables_only(tab: Any) -> None:
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.evaluate("document.querySelector('.wide').scrollWidth > document.querySelector('.wide').clientWidth")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 20, 24)"
    assert tab.evaluate(
        "[...document.querySelectorAll('img, input, svg, [role=region]')].every("
        "e => e.alt || e.ariaLabel || e.getAttribute('aria-label'))"
    )


@pytest.mark.slow
def test_focus_is_seen_on_everything_that_takes_it(tab: Any) -> None:
    tab.evaluate("document.activeElement.blur()")
    seen = []
    for _ in range(9):
        tab.keyboard.press("Tab")
        seen.append(
            tab.evaluate("[document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]")
        )
    assert {name for name, _ in seen} >= {"DIV", "BUTTON", "INPUT"}
    assert {style for name, style in seen if name != "BODY"} == {"solid"}
