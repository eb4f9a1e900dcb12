"""Uploads: what is taken, what is refused and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import uploads as files

from aimkit.app.told import hide_paths
from aimkit.app.uploads import UploadLimits, accept
from aimkit.imageio import DecodedImage, read_rgb, write_png

LIMITS = UploadLimits(megabytes=4, files=20, megapixels=20)


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", sorted(files.bad()))
def test_each_kind_of_bad_file_is_refused_with_its_reason(name: str, tmp_path: Path) -> None:
    content, reason = files.bad()[name]
    made = accept([put(tmp_path, name, content)], tmp_path / "good", LIMITS)
    assert made.files == ()
    ((told, why),) = made.refused
    assert told == name
    assert why
    assert reason in why
    assert str(tmp_path) not in why


@pytest.mark.parametrize("name", sorted(files.odd()))
def test_unusual_pictures_are_taken_as_they_are(name: str, tmp_path: Path) -> None:
    content, size = files.odd()[name]
    (taken,) = accept([put(tmp_path, name, content)], tmp_path / "good", LIMITS).files
    assert taken.read_bytes() == content
    assert read_rgb(taken).shape[:2] == size


def test_only_so_many_files_are_taken(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.zeros((2, 2), np.uint8))
    made = accept([tmp_path / "a.png"] * 4, tmp_path / "good", UploadLimits(files=3))
    assert [path.name for path in made.files] == ["a.png", "a-2.png", "a-3.png"]
    assert made.refused == (("a.png", "only 3 files at a time"),)


def test_names_are_tamed_and_stems_differ(tmp_path: Path) -> None:
    names = ["a.png", "A.PNG", "..hidden.png", "b;rm -rf $.png"]
    for name in names:
        write_png(tmp_path / "x.png", np.zeros((2, 2), np.uint8))
        (tmp_path / "x.png").rename(tmp_path / name)
    made = accept([tmp_path / name for name in names], tmp_path / "good", LIMITS)
    assert [path.name for path in made.files] == ["a.png", "A-2.PNG", "hidden.png", "b_rm -rf _.png"]


def test_a_caller_can_refuse_more(tmp_path: Path) -> None:
    def fault(picture: DecodedImage) -> str:
        return "" if picture.alpha is not None else "no alpha"

    write_png(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))
    assert accept([tmp_path / "a.png"], tmp_path / "good", LIMITS, fault).refused == (("a.png", "no alpha"),)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("can't open /home/me/secret/a.png: gone", "can't open a.png: gone"),
        (r"C:\Users\me\a.png is broken", "a.png is broken"),
        ("placement.scale: 0.5/0.7 and 3 / 4", "placement.scale: 0.5/0.7 and 3 / 4"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
        ("'/data/x/y'", "'y'"),
    ],
)
def test_paths_of_the_machine_are_not_told(text: str, shown: str) -> None:
    assert hide_paths(text) == shown
