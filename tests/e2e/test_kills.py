"""A kill of the commands that run longest; ``test_storm.py`` has all commands, interrupts and full disks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import fault_server
import pytest
from faults import tree, unfinished

from aimkit.cli import run

SMALL = '"placement.height=32", "placement.width=32", "labels.kernel=3"'
TRAINING = [
    *("steps=2", "batch=2", "checkpoint_every=1", "keep=1", "data.workers=0", f"data.train.overrides=[{SMALL}]"),
    'data.transform={transform = "crop", size = 32, crops = [32]}',
    *("validation.count=1", "validation.every=1", "validation.size=32", "validation.gallery=1"),
    f"validation.data.overrides=[{SMALL}, 'seed=9']",
    *("model.backbone=mobilenetv3_small_050", "model.options.width=8"),
]


@pytest.fixture(autouse=True)
def _few_threads() -> Any:
    """A fork has none of its parent's threads, and OpenCV would wait for them."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(0)
    yield
    cv2.setNumThreads(before)


def killed(words: Sequence[str], more: Sequence[str], tmp_path: Path, event: str) -> None:
    """Kill a command at an event, continue, and compare with an undisturbed run."""
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert run([word.replace("OUT", str(whole)) for word in words]) == 0
    filled = [word.replace("OUT", str(out)) for word in words]
    (tmp_path / "log").mkdir()
    ended = fault_server.served({"words": filled, "folder": str(out), "kill": event}, tmp_path / "log")
    assert ended["code"] == 137, ended["err"]
    assert unfinished(out)
    assert run([*filled, *more]) == 0
    assert unfinished(out) == []
    assert tree(out) == tree(whole)


def test_synthesis_continues_after_a_kill(tmp_path: Path) -> None:
    size = ["placement.height=32", "placement.width=32", "labels.kernel=3"]
    words = ["synth", "quick", "-o", "OUT", "count=2", "output.shard_size=1", *size, "--workers", "1"]
    killed(words, ["--resume"], tmp_path, r"os.rename .*00001\.json.*")


def test_training_continues_after_a_kill(tmp_path: Path) -> None:
    words = ["train", "demo", "-o", "OUT", "--auto-resume", *TRAINING]
    killed(words, [], tmp_path, r"os.remove .*step_00000001.*/recipe\.toml")
