"""`aimkit demo`: every command that it prints runs, and the page shows what they made."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

from aimkit.cli import COMMANDS, run
from aimkit.cli.demo import commands


def test_the_commands_are_ours_and_photos_are_backgrounds_and_predicted(tmp_path: Path) -> None:
    plain = list(commands(tmp_path, None, 6, 2))
    own = list(commands(tmp_path, tmp_path / "my photos", 6, 2))
    assert {words[0] for words in plain} <= set(COMMANDS)
    assert not any("--backgrounds" in words for words in plain)
    photos = str(tmp_path / "my photos")
    assert own[0][own[0].index("--backgrounds") + 1] == photos
    assert own[2][:2] == ["predict", photos]


def test_a_missing_folder_of_photos_is_told_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "-o", str(tmp_path / "out"), "--images", str(tmp_path / "nowhere")]) == 2
    assert "folder not found" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("own", [False, True])
def test_the_demo_makes_its_page_and_can_be_repeated(
    tmp_path: Path, own: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["demo", "-o", str(tmp_path / "out"), "--samples", "3", "--steps", "2"]
    if own:
        for i in range(2):
            (tmp_path / "photos").mkdir(exist_ok=True)
            pixels = np.random.default_rng(i).integers(0, 256, (90, 120, 3), np.uint8)
            cv2.imwrite(str(tmp_path / f"photos/{i}.jpg"), pixels)
        words += ["--images", str(tmp_path / "photos")]
    assert run(words) == 0
    printed = [shlex.split(line[2:]) for line in capsys.readouterr().err.splitlines() if line.startswith("$ aimkit")]
    assert [line[1:] for line in printed] == list(
        commands(tmp_path / "out", tmp_path / "photos" if own else None, 3, 2)
    )
    page = (tmp_path / "out/index.html").read_text()
    assert {"Dataset", "Photos and their mattes", "Trained on", "Evaluation", "Predictions"} <= set(
        re.findall("<h2>(.*?)</h2>", page)
    )
    for link in re.findall(r"<a href='([^']+)'", page):
        assert (tmp_path / "out" / link).is_file()
    assert run(words) == 0
