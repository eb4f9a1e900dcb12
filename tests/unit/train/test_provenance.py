"""What a run says it was trained on, over its stages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.recipe import parse
from aimkit.train import provenance
from aimkit.train.recipe import TrainRecipe

PROCEDURAL = '{source="procedural", name="drawn", generators=["gradient"], licence="MIT"}'


@pytest.fixture
def cutouts(tmp_path: Path) -> Path:
    folder = tmp_path / "cutouts"
    folder.mkdir()
    y, x = np.mgrid[:40, :50]
    for i in range(3):
        alpha = (np.clip((10 + i - np.hypot(y - 20, x - 25)) / 3, 0, 1) * 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), np.dstack([alpha, 255 - alpha, alpha, alpha]))
    return folder


def recipe(train: dict[str, Any], **model: Any) -> TrainRecipe:
    table = {"backbone": "mobilenetv3_small_050", **model}
    data = {"train": train, "transform": {"transform": "fit", "size": 64}, "workers": 0}
    return parse(TrainRecipe, {"kind": "train", "steps": 1, "batch": 2, "model": table, "data": data}, "test")


def live(cutouts: Path) -> dict[str, Any]:
    block = f'{{source="cutouts", name="mine", path="{cutouts}", licence="CC0-1.0", origin="here"}}'
    overrides = [f"foregrounds=[{block}]", f"backgrounds=[{PROCEDURAL}]", "placement.height=64", "placement.width=64"]
    return {"source": "synth", "recipe": "cutouts", "overrides": overrides}


MINE = {"name": "mine", "licence": "CC0-1.0", "origin": "here", "images": 3}
DRAWN = {"name": "drawn", "licence": "MIT"}


def test_sources_of_live_composites_come_with_licence_and_count(cutouts: Path) -> None:
    assert provenance.history(recipe(live(cutouts))) == {"start": "", "data": [MINE, DRAWN]}


def test_the_views_of_a_panorama_count_as_one_image(cutouts: Path, tmp_path: Path) -> None:
    (tmp_path / "panoramas").mkdir()
    cv2.imwrite(str(tmp_path / "panoramas/a.png"), np.zeros((8, 16, 3), np.uint8))
    table = live(cutouts)
    views = f'{{source="panoramas", path="{tmp_path / "panoramas"}", licence="CC0-1.0", views=5}}'
    table["overrides"][1] = f"backgrounds=[{views}]"
    rows = provenance.history(recipe(table))["data"]
    assert rows == [MINE, {"name": "panoramas", "licence": "CC0-1.0", "images": 1}]


def test_a_second_stage_begins_with_what_the_first_was_trained_on(cutouts: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    (first / "checkpoints" / "best").mkdir(parents=True)
    (first / "checkpoints" / "best" / "model.safetensors").touch()
    (first / "im").mkdir()
    stage1 = recipe({"source": "saliency", "path": str(first / "im")}, init="tf_efficientnet_lite0.in1k")
    provenance.write(stage1, first)
    found = provenance.history(recipe(live(cutouts), init=str(first)))
    assert found["start"] == "tf_efficientnet_lite0.in1k"
    assert found["data"] == [{"name": "im", "licence": "not stated"}, MINE, DRAWN]
    # A third stage on the same data adds nothing.
    (tmp_path / "first" / provenance.NAME).write_text(json.dumps(found))
    assert provenance.history(recipe(live(cutouts), init=str(first))) == found


def test_weights_of_unknown_origin_are_told(cutouts: Path, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").touch()
    rows = provenance.history(recipe(live(cutouts), init=str(tmp_path / "w.safetensors")))["data"]
    assert rows[0] == {"name": "training data of w.safetensors", "licence": "not stated"}


@pytest.mark.parametrize(
    ("model", "start"),
    [
        ({"pretrained": True}, "timm:mobilenetv3_small_050"),
        ({"pretrained": True, "backbone": "resnet34_mp"}, "resnet34_mp.in1k"),
        ({"init": "aimnet_resnet34_mp.duts"}, "aimnet_resnet34_mp.duts"),
        ({}, ""),
    ],
)
def test_the_start_is_the_zoo_id_of_the_pretrained_weights(model: Any, start: str) -> None:
    assert provenance.history(recipe({"source": "folder", "path": "nowhere"}, **model))["start"] == start


def test_a_written_dataset_says_what_it_was_made_of(cutouts: Path, tmp_path: Path) -> None:
    from aimkit.recipe import load_recipe
    from aimkit.synth.run import synthesize

    made = load_recipe("cutouts", [*live(cutouts)["overrides"], "count=3", "steps=[]"], kind="synth")
    synthesize(made, tmp_path / "out")
    rows = provenance.history(recipe({"source": "written", "path": str(tmp_path / "out")}))["data"]
    assert sorted(row["name"] for row in rows) == ["drawn", "mine"]
    assert {row["licence"] for row in rows} == {"MIT", "CC0-1.0"}


def test_a_damaged_file_is_told_and_one_that_is_there_stays(cutouts: Path, tmp_path: Path) -> None:
    (tmp_path / provenance.NAME).write_text("{")
    provenance.write(recipe(live(cutouts)), tmp_path)
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(AimkitError, match="the list of the earlier stage's training data is"):
        provenance.history(recipe(live(cutouts), init=str(tmp_path / "model.safetensors")))
