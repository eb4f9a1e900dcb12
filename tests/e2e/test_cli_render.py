"""The command render with a Blender that is a small script, and what becomes of its pictures."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import fake_blender
import numpy as np
import pytest

from aimkit.cli import run
from aimkit.imageio import write_png
from aimkit.render.blender import SCRIPT, find_blender


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program named blender that speaks the protocol, and two models, one of which fails."""
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    program = tmp_path / "bin/blender"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{fake_blender.__file__}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("AIMKIT_BLENDER", str(program))
    (tmp_path / "models/toys").mkdir(parents=True)
    (tmp_path / "models/toys/ball.obj").write_text("disc")
    (tmp_path / "models/toys/bad.obj").write_text("bad")
    return tmp_path


def test_models_become_a_source_whose_licences_reach_the_card_of_a_dataset(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "cutouts"
    table = ["models.0.licence=CC-BY-4.0", "models.0.creator=Ann", "models.0.origin=https://example.org"]
    words = ["render", str(folder / "models"), "-o", str(out), "-n", "3", "--size", "64", *table]
    assert run([*words, "--workers", "1"]) == 0
    told = capsys.readouterr()
    assert told.out == f"{out}\n"
    assert "3 pictures rendered" in told.err
    assert "3 of 6 pictures skipped" in told.err
    assert "the model has no mesh" in (out / "skipped.txt").read_text()
    assert run([*words, "--resume", "--strict"]) == 3
    assert "3 of 6 pictures are already done" in capsys.readouterr().err

    for n in range(2):
        write_png(folder / f"bg/{n}.png", np.random.default_rng(n).integers(0, 255, (90, 70, 3), np.uint8))
    recipe = folder / "r.toml"
    recipe.write_text(
        f'kind = "synth"\ncount = 6\nselection = "draw"\n'
        f'placement = {{ mode = "canvas", height = 48, width = 48 }}\n'
        f'[[foregrounds]]\nsource = "cutouts"\npath = "{out}"\n'
        f'[[backgrounds]]\nsource = "folder"\npath = "{folder / "bg"}"\n'
    )
    assert run(["synth", str(recipe), "-o", str(folder / "data")]) == 0
    card = (folder / "data/README.md").read_text()
    row = next(line for line in card.splitlines() if "CC-BY-4.0" in line)
    assert "foreground" in row
    assert "Ann, https://example.org" in row


def test_a_licence_of_the_recipe_wins_over_the_stated_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(folder / "cutouts")
    assert run(["render", str(folder / "models"), "-o", out, "-n", "1", "--size", "64", "models.0.licence=MIT"]) == 0
    assert run(["pool", "build", out, "-o", str(folder / "pool"), "--workers", "0"]) == 0
    assert run(["pool", "build", out, "-o", str(folder / "other"), "licence=CC0-1.0", "--workers", "0"]) == 0
    for name, licence in (("pool", "MIT"), ("other", "CC0-1.0")):
        capsys.readouterr()
        assert run(["pool", "info", str(folder / name), "--json"]) == 0
        assert [row["licence"] for row in json.loads(capsys.readouterr().out)["sources"]] == [licence]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "missing argument RECIPE or MODEL"),
        (["models"], "missing option -o"),
        (["models", "nothing.obj", "-o", "out"], "give one recipe, or models that exist"),
        (["things2", "-o", "out"], "unknown recipe 'things2'"),
        (["models", "-o", "out", "sice=3"], "unknown key"),
        (["models", "-o", "out", "--prune"], "--prune needs --resume"),
        (["models", "-o", "models"], "the output folder is the folder of models"),
        (["models", "-o", "out", "--blender", "nowhere"], "Blender not found"),
    ],
)
def test_what_is_wrong_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    monkeypatch.chdir(folder)
    assert run(["render", *words]) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_when_every_picture_fails_the_command_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "models/toys/ball.obj").unlink()
    assert run(["render", str(folder / "models"), "-o", str(folder / "out"), "-n", "1"]) == 1
    assert "1 of 1 pictures were skipped" in capsys.readouterr().err


def test_a_blender_is_found_in_the_order_of_the_manual(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = folder / "given/python3.11"
    given.parent.mkdir()
    given.symlink_to(sys.executable)
    assert find_blender(str(given)) == [str(given), "-s", str(SCRIPT)]
    assert find_blender()[0] == str(folder / "bin/blender")
    assert find_blender()[-2:] == ["--python", str(SCRIPT)]
    monkeypatch.delenv("AIMKIT_BLENDER")
    monkeypatch.setenv("PATH", str(folder / "bin"))
    assert find_blender()[0] == str(folder / "bin/blender")
    own = folder / "home/blender/bin/python"
    own.parent.mkdir(parents=True)
    own.symlink_to(sys.executable)
    assert find_blender()[0] == str(own)


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_folder(folder: Path) -> None:
    (folder / "models/toys/bad.obj").unlink()
    whole, out = folder / "whole", folder / "out"
    words = ["render", str(folder / "models"), "-n", "60", "--size", "64", "--workers", "2"]
    assert run([*words, "-o", str(whole)]) == 0
    process = subprocess.Popen([sys.executable, "-m", "aimkit", *words, "-o", str(out)], stderr=subprocess.DEVNULL)
    while len(list(out.rglob("*.png"))) < 10 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 10 <= len(list(out.rglob("*.png"))) < 60
    assert run([*words, "-o", str(out), "--resume"]) == 0
    expected, found = (
        {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()} for root in (whole, out)
    )
    assert found == expected
