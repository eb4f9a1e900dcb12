"""Previews: what they show, what they keep, and when they stop."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from aimkit.imageio import write_png
from aimkit.recipe import load_recipe, raw_recipe
from aimkit.synth.draft import draft
from aimkit.synth.drawn_layers import DrawnLayers
from aimkit.synth.engine import Synthesizer
from aimkit.synth.own_data import with_stand_ins
from aimkit.synth.preview import preview
from aimkit.synth.recipe import SynthRecipe

QUICK = [
    "placement.height=160",
    "placement.width=160",
    "foregrounds.0.generators=['toy', 'net']",
    "backgrounds.0.generators=['gradient']",
    "balance.NS=0",
]


def recipe(*more: str) -> SynthRecipe:
    loaded: SynthRecipe = load_recipe("demo", [*QUICK, *more], kind="synth")
    return loaded


def test_a_preview_shows_the_samples_of_the_dataset() -> None:
    shown = dict(preview(recipe(), [3, 1], 80))
    assert list(shown) == [3, 1]
    for index, sample in shown.items():
        assert sample.size == (80, 80)
        whole = Synthesizer(recipe()).sample(index)
        small = cv2.resize(whole.image, (80, 80), interpolation=cv2.INTER_AREA)
        assert np.abs(sample.image.astype(int) - small).mean() < 6


def test_what_was_drawn_changes_no_sample_and_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = DrawnLayers(1 << 28)
    first = [sample for _, sample in preview(recipe(), range(3), 96, drawn=drawn)]
    used = drawn.used
    changed = recipe("placement.scale=[0.2, 0.4]", "steps=[{step='jpeg'}]")
    again = [sample for _, sample in preview(changed, range(3), 96, drawn=drawn)]
    assert drawn.used == used > 0
    for index, (a, b) in enumerate(zip(first, again, strict=True)):
        (_, plain), (_, other) = next(preview(recipe(), [index], 96)), next(preview(changed, [index], 96))
        assert np.array_equal(a.image, plain.image)
        assert np.array_equal(b.image, other.image)
    list(preview(recipe("seed=9"), range(3), 96, drawn=drawn))
    assert drawn.used > used


def test_the_cache_stays_within_its_budget() -> None:
    drawn = DrawnLayers(1 << 21)
    list(preview(recipe(), range(6), 96, drawn=drawn))
    assert 0 < drawn.used <= 1 << 21


def test_a_preview_that_is_not_wanted_any_more_ends() -> None:
    asked = count()
    assert len(list(preview(recipe(), range(40), 64, wanted=lambda: next(asked) < 3))) < 10


def test_generators_stand_in_for_folders_that_are_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIM", raising=False)
    monkeypatch.setenv("AM2K", str(tmp_path))
    shown, names = with_stand_ins(raw_recipe("aim-parity", kind="synth")[0])
    assert "foregrounds.DIM" in names
    assert "foregrounds.AM2K" not in names
    assert shown["foregrounds"][0] == {"source": "procedural", "repeat": 5}
    assert shown["foregrounds"][2]["path"] == "${AM2K}"
    nothing_allowed, names = with_stand_ins(raw_recipe("aim-parity", kind="synth")[0], [])
    assert "foregrounds.AM2K" in names
    assert {row["source"] for key in ("foregrounds", "backgrounds") for row in nothing_allowed[key]} == {"procedural"}


def test_a_draft_names_each_fault_by_its_key() -> None:
    data = raw_recipe("demo", kind="synth")[0]
    data["placement"] |= {"scale": [0.9, 0.1], "flip": 2}
    data["steps"] = [{"step": "jpeg", "p": 3}]
    made = draft(data)
    assert made.recipe is None
    assert set(made.faults) == {"placement.scale", "placement.flip", "steps.0.p"}
    assert made.faults["placement.scale"] == "the range [0.9, 0.1] is reversed"


def test_a_draft_of_a_stranger_stays_small() -> None:
    data = raw_recipe("demo", ["placement.width=4096"], kind="synth")[0]
    assert draft(data).faults == {}
    assert list(draft(data, most_pixels=1_000_000).faults) == ["placement.height"]


def test_own_pictures_are_shown_but_not_named_in_the_recipe(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.full((40, 40, 4), 200, np.uint8))
    data: dict[str, Any] = raw_recipe("demo", QUICK[3:4], kind="synth")[0] | {"balance": {}}
    made = draft(data, foregrounds=tmp_path, local=False)
    assert made.recipe is not None
    assert made.shown is not None
    assert made.stand_ins == ()
    assert made.recipe.resolved()["foregrounds"][0]["path"] == "${CUTOUTS}"
    _, sample = next(preview(made.shown, [0], 64))
    assert sample.meta["sources"][0]["id"] == "a"
