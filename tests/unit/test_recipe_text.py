"""Recipes as text: what is written, read again, is the same recipe."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from aimkit.recipe import load_recipe, parse, raw_recipe
from aimkit.recipe_text import essential, overrides_between, recipe_toml
from aimkit.resources import recipes
from aimkit.synth.recipe import SynthRecipe

ALL = sorted(recipes())


@pytest.mark.parametrize("name", ALL)
def test_the_file_of_a_recipe_is_that_recipe(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    text = recipe_toml(recipe, "A copy.", "aimkit recipes check copy.toml")
    (tmp_path / "copy.toml").write_text(text)
    assert load_recipe(tmp_path / "copy.toml") == recipe


def test_only_what_differs_is_written_and_explained() -> None:
    before = essential(load_recipe("demo"))
    text = recipe_toml(load_recipe("demo", ["placement.flip=0.1"]), "Mine.", "aimkit synth mine.toml", before)
    assert text.startswith("# Mine.\n#\n# Run: aimkit synth mine.toml\n")
    assert "# Probability of mirroring left and right.\nflip = 0.1\n" in text
    assert "background_flip" not in text
    changed = recipe_toml(load_recipe("demo", ["placement.scale=[0.2, 0.9]", "labels.kernel=9"]), "", "", before)
    assert "scale = [0.2, 0.9]  # was [0.6, 1.0]" in changed
    assert "kernel = 9  # was [15, 15]" in changed


CHANGES: list[dict[str, Any]] = [
    {"seed": 7},
    {"placement": {"scale": [0.1, 0.2]}},
    {"balance": {"SO": 0.5}},
    {"steps": [{"step": "jpeg", "p": 0.5}]},
    {"labels": {"schedule": "random", "kernel": [3, 9]}},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: next(iter(one)))
@pytest.mark.parametrize("name", ["demo", "natural", "quick"])
def test_overrides_lead_to_the_changed_recipe(name: str, change: dict[str, Any]) -> None:
    before, where = raw_recipe(name, kind="synth")
    after = {key: before.get(key, {}) | value if isinstance(value, dict) else value for key, value in change.items()}
    wanted = parse(SynthRecipe, before | after, where)
    overrides = shlex.split(shlex.join(overrides_between(before, before | after)))
    assert load_recipe(name, overrides, kind="synth") == wanted


def test_overrides_reach_into_rows_by_name() -> None:
    before = {"steps": [{"step": "jpeg", "p": 0.5}, {"step": "shadow"}, {"step": "shadow"}]}
    after = {"steps": [{"step": "jpeg", "p": 0.25}, {"step": "shadow"}, {"step": "shadow", "p": 0.1}]}
    assert overrides_between(before, after) == ["steps.jpeg.p=0.25", "steps.2.p=0.1"]


def test_rows_of_other_names_are_written_whole() -> None:
    overrides = overrides_between({"steps": [{"step": "jpeg"}]}, {"steps": [{"step": "webp"}, {"step": "jpeg"}]})
    assert tomllib.loads(overrides[0]) == {"steps": [{"step": "webp"}, {"step": "jpeg"}]}
