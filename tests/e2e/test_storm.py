"""Kills at file events: whatever a command was writing, typing it again gives what an undisturbed run gives."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

#: Ends the process without any clean-up at the n-th time that a file is flushed or renamed.
KILLER = """
import os, sys
at, count = int(os.environ["KILL_AT"]), 0
def lethal(work):
    def run(*args, **keywords):
        global count
        count += 1
        if count == at:
            os._exit(137)
        return work(*args, **keywords)
    return run
os.fsync, os.replace, os.rename = lethal(os.fsync), lethal(os.replace), lethal(os.rename)
from aimkit.cli import run
sys.exit(run(sys.argv[1:]))
"""

SMALL_TRAINING = [
    "steps=2",
    "batch=2",
    "checkpoint_every=1",
    "log_every=1",
    "data.workers=0",
    "data.train.overrides=['count=4']",
    "validation.count=2",
    "validation.every=2",
    "model.options.width=4",
]


def command(words: list[str], kill_at: int, home: Path) -> int:
    """The exit code; 137 when it was killed."""
    env = os.environ | {"KILL_AT": str(kill_at), "AIMKIT_HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-c", KILLER, *words], env=env, capture_output=True, check=False).returncode


def tree(folder: Path, skip: tuple[str, ...] = ()) -> dict[str, str]:
    """Digest of every file by its path; files that hold times are left out by name."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in skip and not path.name.startswith(".")
    }


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 48, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def storm(first: list[str], again: list[str], tmp_path: Path, kills: range, skip: tuple[str, ...] = ()) -> int:
    """Kill a command at each of these events, continue, and compare; the number of kills that hit."""
    home, whole = tmp_path / "home", tmp_path / "whole"
    assert command([word.replace("OUT", str(whole)) for word in first], 0, home) == 0
    expected, hits = tree(whole, skip), 0
    for at in kills:
        out = tmp_path / f"out{at}"
        code = command([word.replace("OUT", str(out)) for word in first], at, home)
        if code == 0:
            break
        assert code == 137
        hits += 1
        assert command([word.replace("OUT", str(out)) for word in again], 0, home) == 0, f"killed at event {at}"
        assert tree(out, skip) == expected, f"killed at event {at}"
        left = [path for path in out.rglob("*") if path.name.endswith(".part") or ".part." in path.name]
        assert left == [], f"killed at event {at}"
    return hits


@pytest.mark.parametrize("form", ["folder", "parquet", "webdataset"])
def test_synthesis_survives_a_kill_at_every_file_event(form: str, tmp_path: Path) -> None:
    words = ["synth", "quick", "-o", "OUT", "count=4", "output.shard_size=2", f"output.format={form}", "--workers", "1"]
    assert storm(words, [*words, "--resume"], tmp_path, range(1, 60)) > 3


def test_a_pool_survives_a_kill_at_every_file_event(tmp_path: Path) -> None:
    words = ["pool", "build", "quick", "-o", "OUT", "--drawn", "1", "--size", "16", "--workers", "1"]
    assert storm(words, words, tmp_path, range(1, 40)) > 2


def test_predictions_survive_a_kill_at_every_file_event(photos: Path, tmp_path: Path) -> None:
    words = ["predict", str(photos), "-o", "OUT", "--outputs", "alpha,trimap"]
    assert storm(words, [*words, "--resume"], tmp_path, range(1, 16), ("photos.jsonl",)) > 3


def test_training_survives_kills_at_file_events(tmp_path: Path) -> None:
    words = ["train", "demo", "-o", "OUT", "--auto-resume", *SMALL_TRAINING]
    skip = ("metrics.jsonl", "page.html", "log.txt", "state.json")
    assert storm(words, words, tmp_path, range(2, 40, 4), skip) > 3
