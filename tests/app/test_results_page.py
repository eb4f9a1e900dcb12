"""Results in a browser: from a click on a folder to a page that compares, and the pictures of one image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from offered_folders import COUNT

from aimkit.html import is_changed

pytestmark = pytest.mark.slow


def open_folder(page: Any, name: str = "results") -> None:
    page.click("#results-offered input")
    page.locator("[role=option]", has_text=name).first.click()
    page.click("#results-open")


@pytest.fixture
def page(visit: Callable[..., Any]) -> Any:
    page = visit(tab="Results")
    open_folder(page)
    page.wait_for_selector("#results-plot svg")
    return page


def rows(page: Any) -> list[list[str]]:
    found: list[list[str]] = page.eval_on_selector_all(
        "#results-worst tbody tr", "all => all.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return found


def test_two_evaluations_become_a_page(page: Any, saved: Any) -> None:
    assert page.locator("#results-plot circle").count() == COUNT
    assert "2 evaluations" in page.inner_text("#results-told")
    assert "<b>soft</b>" in page.inner_text("#results-tables")
    page.click("#results-write")
    page.wait_for_selector("#results-file")
    file = saved(page, "#results-file")
    assert not is_changed(file.read_bytes())
    assert file.read_text().count("<circle") == COUNT


def test_the_worst_image_is_first_and_is_looked_at_with_errors_and_a_slider(page: Any) -> None:
    listed = rows(page)
    worst = [max(float(cell) for cell in row[3:5]) for row in listed]
    assert worst == sorted(worst, reverse=True)
    page.locator("#results-worst td button").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#results-picture img")
    captions = page.locator("#results-picture figcaption").all_inner_texts()
    both = [text for name in ("soft", "thin") for text in (f"<b>{name}</b>", f"error of <b>{name}</b>")]
    assert captions == ["<b>soft</b> | <b>thin</b>", "photo", "truth", *both]
    slider = page.locator("#results-picture input[type=range]")
    slider.focus()
    page.keyboard.press("Home")
    assert page.eval_on_selector("#results-picture .pair", "e => e.style.getPropertyValue('--cut')") == "0%"
    page.locator("#results-plot circle").first.click()
    page.wait_for_function(
        "id => document.querySelector('#results-picture h3').textContent === id",
        arg=page.get_attribute("#results-plot circle >> nth=0", "data-pick"),
    )


def test_tables_sort_by_a_click_and_by_the_keyboard(page: Any) -> None:
    head = page.locator("#results-worst th button", has_text="image")
    head.focus()
    page.keyboard.press("Enter")
    assert [row[0] for row in rows(page)] == [f"p{n}" for n in range(COUNT)]
    page.keyboard.press("Enter")
    assert rows(page)[0][0] == f"p{COUNT - 1}"
    assert page.get_attribute("#results-worst th >> nth=0", "aria-sort") == "descending"


def test_a_damaged_file_is_told_and_the_others_are_shown(page: Any, offered: tuple[Path, ...]) -> None:
    told = page.inner_text("#results-told")
    assert "Damaged" in told
    assert "damaged/results.json" in told
    assert str(offered[0].parent) not in page.content()


def test_results_can_be_uploaded_and_have_no_pictures(
    visit: Callable[..., Any], offered: tuple[Path, ...], tmp_path: Path
) -> None:
    page = visit(tab="Results")
    good, bad = tmp_path / "mine.json", tmp_path / "cut.json"
    good.write_bytes((offered[1] / "soft/results.json").read_bytes())
    bad.write_bytes(good.read_bytes()[:300])
    with page.expect_file_chooser() as chooser:
        page.click("#results-own")
    chooser.value.set_files([str(good), str(bad)])
    page.wait_for_selector("#results-worst td button")
    assert "cut.json" in page.inner_text("#results-told")
    page.locator("#results-worst td button").first.click()
    toast = page.locator(".toast-body").first
    toast.wait_for()
    assert "not stored" in toast.inner_text()


@pytest.mark.parametrize(("folder", "words"), [("empty", "no evaluations or runs"), ("gone", "folder not found")])
def test_a_folder_without_results_is_told_without_its_path(
    folder: str, words: str, visit: Callable[..., Any], offered: tuple[Path, ...]
) -> None:
    page = visit(tab="Results")
    open_folder(page, folder)
    toast = page.locator(".toast-body").first
    toast.wait_for()
    assert words in toast.inner_text()
    assert str(offered[0].parent) not in page.content()


def test_it_fits_a_phone_in_the_dark(visit: Callable[..., Any]) -> None:
    page = visit(width=390, dark=True, tab="Results")
    open_folder(page)
    page.wait_for_selector("#results-plot svg")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("getComputedStyle(document.querySelector('#results-tables td')).color") == "rgb(228, 233, 238)"
