"""Data in a browser: from a click on a folder to an exclude list that a recipe takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from offered_folders import COUNT

from aimkit.recipe import named

pytestmark = pytest.mark.slow

CARDS = "#shelf .shelf-card"


def choose(page: Any, field: str, text: str) -> None:
    page.click(f"#{field} input")
    page.locator("[role=option]", has_text=text).first.click()


def open_folder(page: Any, name: str = "pictures") -> None:
    choose(page, "data-offered", name)
    page.click("#data-open")


@pytest.fixture
def page(visit: Callable[..., Any]) -> Any:
    page = visit(tab="Data")
    open_folder(page)
    loaded(page)
    return page


def loaded(page: Any) -> None:
    page.wait_for_function(
        f"() => document.querySelectorAll('{CARDS}').length && [...document.querySelectorAll('{CARDS}')]"
        ".every(one => one.classList.contains('broken') || one.querySelector('img').naturalWidth)"
    )


def names(page: Any) -> list[str]:
    found: list[str] = page.eval_on_selector_all(f"{CARDS} .shelf-name", "all => all.map(i => i.textContent)")
    return found


def wait_for_cards(page: Any, count: int) -> None:
    page.wait_for_function(f"n => document.querySelectorAll('{CARDS}').length === n", arg=count)


def test_marked_photos_become_a_list_that_a_training_stream_takes(
    page: Any, saved: Any, offered: tuple[Path, ...]
) -> None:
    choose(page, "data-category", "net")
    choose(page, "data-type", "STM")
    page.wait_for_function("() => document.querySelector('.shelf-count').textContent.includes('1–1 of 1 ')")
    assert names(page) == ["p1.png"]
    page.get_by_label("Leave out original/p1.png").check()
    choose(page, "data-category", "all")
    choose(page, "data-type", "all")
    page.fill("#data-text textarea, #data-text input", "broken")
    wait_for_cards(page, 1)
    page.click("#data-mark-all")
    page.wait_for_function("() => document.querySelector('#data-marked').innerText.startsWith('2 samples')")
    page.click("#data-write")
    page.wait_for_selector("#data-file")
    text = saved(page, "#data-file")
    assert "original/p1.png\nmask/p1.png\n" in text.read_text()
    assert str(offered[0].parent) not in text.read_text()
    from aimkit.data.streams import streams

    table = {"source": "folder", "path": str(offered[0]), "exclude": str(text), "kernel": 5}
    stream = named(streams, "source")(table).open(0)
    assert {stream.sample(i).meta["sources"][0]["id"] for i in range(8)} == {"p0", "p2", "p3", "p4", "p5"}
    page.click("#data-mark-none")
    page.wait_for_function("() => document.querySelector('#data-marked').innerText.startsWith('No sample')")
    with page.expect_file_chooser() as chooser:
        page.click("#data-load")
    chooser.value.set_files(str(text))
    page.wait_for_function("() => document.querySelector('#data-marked').innerText.startsWith('2 samples')")


def test_a_photo_is_looked_at_with_matte_label_and_facts(page: Any) -> None:
    page.locator(f"{CARDS} .shelf-open", has_text="p2.png").first.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#data-closer dialog")
    dialog.wait_for(state="visible")
    assert dialog.locator("figcaption").all_inner_texts() == ["image", "alpha", "label"]
    page.wait_for_function("() => [...document.querySelectorAll('#data-closer img')].every(i => i.naturalWidth)")
    assert "original/p2.png" in dialog.inner_text()
    assert "64x48" in dialog.inner_text()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")


def test_findings_filter_the_wall(page: Any) -> None:
    page.click("#data-check")
    page.wait_for_function("() => document.querySelector('#data-told').innerText.includes('checked')")
    choose(page, "data-finding", "unreadable")
    page.wait_for_function("() => document.querySelector('.shelf-count').textContent.includes('1–1 of 1')")
    assert names(page) == ["broken.png"]
    page.get_by_text("Findings", exact=True).click()
    assert "unreadable" in page.inner_text("#data-found")


@pytest.mark.parametrize(("folder", "words"), [("empty", "no images"), ("gone", "folder not found")])
def test_a_folder_with_nothing_to_see_is_told_without_its_path(
    folder: str, words: str, visit: Callable[..., Any], offered: tuple[Path, ...]
) -> None:
    page = visit(tab="Data")
    open_folder(page, folder)
    toast = page.locator(".toast-body").first
    toast.wait_for()
    assert words in toast.inner_text()
    assert str(offered[0].parent) not in page.content()


def test_two_visitors_mark_their_own(visit: Callable[..., Any]) -> None:
    one, other = visit(tab="Data"), visit(tab="Data")
    for page in (one, other):
        open_folder(page)
        loaded(page)
    one.get_by_label("Leave out original/p0.png").check()
    one.wait_for_function("() => document.querySelector('#data-marked').innerText.startsWith('1 sample')")
    other.get_by_label("Leave out original/p3.png").check()
    other.wait_for_function("() => document.querySelector('#data-marked').innerText.startsWith('1 sample')")
    one.check("#data-only input")
    one.wait_for_function("() => document.querySelector('.shelf-count').textContent.includes('1–1 of 1')")
    assert names(one) == ["p0.png"]


def test_it_fits_a_phone_in_the_dark(visit: Callable[..., Any]) -> None:
    page = visit(width=390, dark=True, tab="Data")
    open_folder(page)
    loaded(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert len(names(page)) >= COUNT
    assert page.evaluate("getComputedStyle(document.querySelector('.shelf-card')).backgroundColor") == "rgb(23, 28, 34)"
