"""Compose in a browser: from a click to a recipe file."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimkit.imageio import write_png
from aimkit.recipe import load_recipe

pytestmark = pytest.mark.slow

SCALE = '[data-key="placement.scale"] input[type=number]'


def settled(page: Any, tiles: int = 6) -> None:
    """Wait until the wall shows what the form says."""
    page.wait_for_timeout(400)
    page.wait_for_function(
        "n => document.querySelector('#wall .wall').getAttribute('aria-busy') === 'false'"
        " && document.querySelectorAll('#wall .tile:not(.empty)').length === n",
        arg=tiles,
    )


def pictures(page: Any) -> list[str]:
    found: list[str] = page.eval_on_selector_all("#wall .tile img", "all => all.map(i => i.src)")
    return found


def fill(page: Any, selector: str, value: str, nth: int = 0) -> None:
    field = page.locator(selector).nth(nth)
    field.fill(value)
    field.press("Enter")


@pytest.fixture
def page(visit: Callable[..., Any]) -> Any:
    page = visit()
    page.wait_for_selector("#recipe-choice")
    page.select_option("#wall-tools .count", "6")
    settled(page)
    return page


def test_a_changed_recipe_becomes_a_file_and_a_command(page: Any, saved: Any) -> None:
    before = pictures(page)
    fill(page, SCALE, "0.25")
    page.get_by_label("Use jpeg").check()
    fill(page, '[data-key="steps.0.p"] input[type=number]', "1")
    settled(page)
    assert pictures(page) != before
    page.get_by_text("Recipe file and command").click()
    page.click("#compose-write")
    page.wait_for_selector("#compose-download")
    wanted = load_recipe("demo", ["placement.scale=[0.25, 1]", "steps=[{step='jpeg', p=1}]"], kind="synth")
    assert load_recipe(saved(page, "#compose-download"), kind="synth") == wanted
    words = shlex.split(page.inner_text("#compose-command pre"))
    assert words[:3] == ["aimkit", "synth", "demo"]
    assert load_recipe("demo", words[5:], kind="synth") == wanted
    fill(page, '[data-key="seed"] input', "2")
    settled(page)
    assert page.inner_text("#compose-toml pre") == ""


def test_an_error_is_shown_at_its_control_and_goes_away(page: Any) -> None:
    before = pictures(page)
    fill(page, SCALE, "2", nth=0)
    fault = page.locator('[data-key="placement.scale"] .fault')
    fault.wait_for(state="visible")
    assert "reversed" in fault.inner_text()
    assert pictures(page) == before
    fill(page, SCALE, "0.5", nth=0)
    fault.wait_for(state="hidden")
    settled(page)


def test_generators_and_types_are_chosen(page: Any) -> None:
    page.locator("summary", has_text="Foregrounds").click()
    page.get_by_role("button", name="Only one").first.click()
    page.locator("#wall .wall-note.bad").wait_for()
    assert "balance" in page.inner_text('[data-key="balance"] .fault')
    page.locator('[aria-label="Generators"] label', has_text="smoke").first.click()
    for name in ("SO", "NS"):
        page.get_by_label(f"balance {name}").evaluate("e => { e.value = 0; e.dispatchEvent(new Event('input')); }")
    settled(page)
    assert page.locator("#wall .tile", has_text="STM").count() == 6


def test_sides_are_shown_without_making_samples_anew(page: Any) -> None:
    composite = pictures(page)
    page.click("[data-side=alpha]")
    page.wait_for_function("src => document.querySelector('#wall .tile img').src !== src", arg=composite[0])
    alpha = pictures(page)
    page.click("[data-side=color]")
    page.wait_for_function("src => document.querySelector('#wall .tile img').src !== src", arg=alpha[0])
    page.click("[data-side=composite]")
    page.wait_for_function("src => document.querySelector('#wall .tile img').src === src", arg=composite[0])


def test_later_samples_and_provenance_by_keyboard_alone(page: Any) -> None:
    page.locator("#wall-tools .forth").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#wall .tile').dataset.index === '6'")
    settled(page)
    page.locator("#wall .tile").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog.closer[open]")
    text = page.inner_text("dialog.closer")
    assert "Sample 6" in text
    assert "sources" in text
    assert page.locator("dialog.closer img").count() == 6
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.closer[open]", state="detached")


def test_own_cut_outs_are_used_and_photos_refused_as_cut_outs(page: Any, tmp_path: Path) -> None:
    y, x = np.mgrid[:80, :80]
    alpha = np.uint8(255) * (np.hypot(y - 40, x - 40) < 30)
    write_png(tmp_path / "ball.png", np.dstack([np.full((80, 80, 3), 200, np.uint8), alpha.astype(np.uint8)]))
    write_png(tmp_path / "photo.png", np.full((80, 80, 3), 90, np.uint8))
    for name in ("STM", "NS"):
        page.get_by_label(f"balance {name}").evaluate("e => { e.value = 0; e.dispatchEvent(new Event('input')); }")
    page.get_by_text("Your own cut-outs and photos").click()
    page.set_input_files("#compose-own input[type=file] >> nth=0", [tmp_path / "ball.png", tmp_path / "photo.png"])
    page.locator("#compose-told", has_text="1 picture is used").wait_for()
    assert "no alpha channel" in page.inner_text("#compose-told")
    settled(page)
    page.locator("#wall .tile").first.click()
    page.wait_for_selector("dialog.closer[open]")
    assert "ball" in page.inner_text("dialog.closer")
    page.keyboard.press("Escape")
    page.get_by_text("Recipe file and command").click()
    page.click("#compose-write")
    page.locator("#compose-command pre", has_text="--foregrounds my/cutouts").wait_for()
    assert "${CUTOUTS}" in page.inner_text("#compose-toml pre")


def test_a_recipe_file_of_a_stranger_reads_no_folder_of_the_server(page: Any, tmp_path: Path) -> None:
    write_png(tmp_path / "secret.png", np.zeros((40, 40, 4), np.uint8))
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        'kind = "synth"\n[[foregrounds]]\nsource = "cutouts"\n'
        f'path = "{tmp_path}"\n[[backgrounds]]\nsource = "procedural"\n[placement]\nmode = "canvas"\n'
    )
    with page.expect_file_chooser() as chooser:
        page.click("#compose-open")
    chooser.value.set_files(recipe)
    page.locator("#wall .wall-note", has_text="Generators stand in").wait_for()
    settled(page)
    page.locator("#wall .tile").first.click()
    page.wait_for_selector("dialog.closer[open]")
    assert "secret" not in page.inner_text("dialog.closer")


def test_two_visitors_see_their_own_recipes(page: Any, visit: Callable[..., Any]) -> None:
    other = visit()
    other.wait_for_selector("#recipe-choice")
    other.select_option("#recipe-choice", "procedural-so")
    other.select_option("#wall-tools .count", "6")
    settled(other)
    fill(page, '[data-key="seed"] input', "5")
    settled(page)
    assert pictures(page) != pictures(other)
    assert other.input_value('[data-key="seed"] input') != "5"
    assert page.input_value("#recipe-choice") == "demo"
