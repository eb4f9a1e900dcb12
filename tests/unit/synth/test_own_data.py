"""Own folders take the place of a recipe's files, and are recognised by what they hold."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from aimkit.cli import run
from aimkit.errors import AimkitError
from aimkit.recipe import load_recipe
from aimkit.synth.engine import Synthesizer
from aimkit.synth.own_data import own_sources, own_streams

SMALL = ["placement.height=48", "placement.width=48", "labels.kernel=3"]


def picture(path: Path, channels: int, seed: int = 0) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 40, channels), np.uint8)
    if channels in (1, 4):
        pixels[..., -1] = 0
        pixels[8:30, 10:32, -1] = 255
        pixels[8:30, 9, -1] = 128
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)


def cutouts(folder: Path, count: int = 3) -> Path:
    for i in range(count):
        picture(folder / f"c{i}.png", 4, i)
    return folder


def photos(folder: Path, count: int = 3) -> Path:
    for i in range(count):
        picture(folder / f"p{i}.jpg", 3, i)
    return folder


def test_own_folders_replace_the_files_of_a_recipe_and_its_generators_stay(tmp_path: Path) -> None:
    own = {"foregrounds": str(cutouts(tmp_path / "fg")), "backgrounds": str(photos(tmp_path / "bg"))}
    recipe = load_recipe("natural", own_sources("natural", **own))
    assert [block.source for block in recipe.foregrounds] == ["cutouts", "procedural"]
    assert [block.source for block in recipe.backgrounds] == ["folder", "procedural"]
    assert (recipe.foregrounds[0].path, recipe.foregrounds[0].weight) == (own["foregrounds"], 2.0)


def test_a_recipe_of_generators_alone_gives_way(tmp_path: Path) -> None:
    own = own_sources("quick", backgrounds=str(photos(tmp_path / "bg")))
    recipe = load_recipe("quick", own)
    assert [block.source for block in recipe.backgrounds] == ["folder"]
    assert [block.source for block in recipe.foregrounds] == ["procedural"]


def test_the_composite_shows_the_own_background(tmp_path: Path) -> None:
    (tmp_path / "bg").mkdir()
    cv2.imwrite(str(tmp_path / "bg/red.png"), np.full((60, 60, 3), (0, 0, 200), np.uint8))
    own = own_sources("quick", backgrounds=str(tmp_path / "bg"))
    sample = Synthesizer(load_recipe("quick", [*SMALL, *own]))[0]
    clear = sample.alpha == 0
    assert clear.any()
    assert (sample.image[clear] == (200, 0, 0)).all()


@pytest.mark.parametrize(
    ("layout", "source"),
    [(("fg", "alpha"), "pairs"), (("foreground", "mask"), "pairs"), (("original", "mask"), "photos")],
)
def test_the_layout_decides_the_source(tmp_path: Path, layout: tuple[str, str], source: str) -> None:
    picture(tmp_path / layout[0] / "a.png", 3)
    picture(tmp_path / layout[1] / "a.png", 1)
    recipe = load_recipe("cutouts", own_sources("cutouts", foregrounds=str(tmp_path)))
    assert [block.source for block in recipe.foregrounds] == [source]
    assert len(Synthesizer(recipe)) == 20


def test_photos_and_mattes_lie_in_any_two_folders(tmp_path: Path) -> None:
    picture(tmp_path / "x/photos/a.png", 3)
    picture(tmp_path / "y z/mattes/a.png", 1)
    own = own_sources("cutouts", foregrounds=str(tmp_path / "x/photos"), mattes=str(tmp_path / "y z/mattes"))
    sample = Synthesizer(load_recipe("cutouts", [*SMALL, *own]))[0]
    assert 0.05 < (sample.alpha > 127).mean() < 0.95


def test_variables_name_photos_and_mattes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "photos/a.png", 3)
    picture(tmp_path / "mattes/a.png", 1)
    monkeypatch.setenv("PHOTOS", str(tmp_path / "photos"))
    monkeypatch.setenv("MATTES", str(tmp_path / "mattes"))
    assert len(Synthesizer(load_recipe("cutouts", ["variant=photos"]))) == 20


def test_a_types_file_is_followed(tmp_path: Path) -> None:
    cutouts(tmp_path / "fg", 2)
    names = tmp_path / "fg/types.json"
    names.write_text(json.dumps({"c0": "STM", "c1": "NS"}))
    for path in (tmp_path / "fg", names):
        recipe = load_recipe("cutouts", [*SMALL, *own_sources("cutouts", foregrounds=str(path))])
        synthesizer = Synthesizer(recipe)
        assert {str(synthesizer[i].type) for i in range(0, 40, 7)} == {"STM", "NS"}


def test_training_and_validation_draw_from_the_own_folder_and_stay_apart(tmp_path: Path) -> None:
    folder = str(cutouts(tmp_path / "fg", 6))
    recipe = load_recipe("finetune", own_streams("finetune", foregrounds=folder))
    streams = (recipe.data.train, recipe.validation.data)
    sides = [load_recipe(stream.recipe, stream.overrides).foregrounds for stream in streams]
    assert [(side[0].path, side[0].split) for side in sides] == [(folder, "train"), (folder, "val")]


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ({"foregrounds": "nowhere"}, "folder not found"),
        ({"backgrounds": "nowhere"}, "folder not found"),
        ({"foregrounds": "photos"}, "no alpha channel"),
        ({"foregrounds": "empty"}, "no images"),
        ({"mattes": "photos"}, "--mattes needs --foregrounds"),
    ],
)
def test_what_a_folder_lacks_is_said(tmp_path: Path, folders: dict[str, str], message: str) -> None:
    photos(tmp_path / "photos")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AimkitError, match=message):
        own_sources("cutouts", **{key: str(tmp_path / name) for key, name in folders.items()})


def test_a_recipe_without_composites_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AimkitError, match="does not train on composites"):
        own_streams("duts", foregrounds=str(cutouts(tmp_path / "fg")))


def test_every_command_that_draws_takes_own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cutouts(tmp_path / "fg", 4)
    photos(tmp_path / "bg")
    own = ["--foregrounds", "fg", "--backgrounds", "bg"]
    assert run(["synth", "cutouts", "-o", "out", *own, "-n", "2", *SMALL, "--workers", "0"]) == 0
    assert run(["preview", "cutouts", *own, "-n", "1", *SMALL]) == 0
    assert run(["pool", "build", "cutouts", "-o", "pool", *own, "--workers", "0"]) == 0
    assert (
        run(["synth", "cutouts", "-o", "again", "--foregrounds", "pool", "--backgrounds", "pool", "-n", "1", *SMALL])
        == 0
    )
    assert run(["pool", "build", "fg", "-o", "pool2", "--backgrounds", "bg"]) == 2
