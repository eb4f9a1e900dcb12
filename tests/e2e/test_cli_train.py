from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from aimkit.cli import run

TINY = [
    "steps=2",
    "batch=2",
    "log_every=1",
    "checkpoint_every=1",
    "data.workers=0",
    'data.transform={transform = "crop", size = 64, crops = [64]}',
    "validation.count=2",
    "validation.every=1",
    "validation.size=64",
    'data.train.overrides=["placement.height=64", "placement.width=64", "labels.kernel=5"]',
    'validation.data.overrides=["placement.height=64", "placement.width=64", "seed=9"]',
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for seed in (1, 2):
        assert run(["-q", "train", "demo", "-o", str(folder / f"seed{seed}"), *TINY, f"seed={seed}"]) == 0
    return folder


def test_train_leaves_a_run_that_ls_show_and_compare_can_read(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["runs", "ls", str(trained), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["step"] for row in rows] == ["2/2", "2/2"]
    assert run(["runs", "show", str(trained / "seed1")]) == 0
    assert "semantic_cross_entropy" in capsys.readouterr().out
    assert run(["runs", "compare", str(trained), "--json"]) == 0
    (both,) = json.loads(capsys.readouterr().out)
    assert both["seeds"] == 2
    assert both["mad"]["deviation"] > 0


def test_show_tells_scripts_whether_a_run_is_finished(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["runs", "show", str(trained / "seed1"), "--finished"]) == 0
    shutil.copytree(trained / "seed1", tmp_path / "stopped")
    shutil.rmtree(tmp_path / "stopped/checkpoints/step_00000002")
    assert run(["runs", "show", str(tmp_path / "stopped"), "--finished"]) == 1
    assert "not finished: 1 of 2 steps" in capsys.readouterr().err


def test_a_finished_run_can_be_resumed_and_stays_as_it_is(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (trained / "seed1/metrics.jsonl").read_text()
    assert run(["train", "--resume", str(trained / "seed1")]) == 0
    assert (trained / "seed1/metrics.jsonl").read_text() == before


def test_errors_of_train_say_what_to_do(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train"]) == 2
    assert "missing argument RECIPE" in capsys.readouterr().err
    assert run(["train", "demo", "-o", str(trained / "seed1"), *TINY]) == 2
    assert "--resume" in capsys.readouterr().err
    assert run(["train", "--resume", str(tmp_path)]) == 2
    assert "no run in this folder" in capsys.readouterr().err
    assert run(["train", "demo", "-o", str(tmp_path / "x"), "model.backbone=resent18"]) == 2
    assert "resnet18" in capsys.readouterr().err
    assert run(["train", "demo", "-o", str(tmp_path / "x"), "optim.lrr=1"]) == 2
    assert "did you mean 'lr'" in capsys.readouterr().err


def test_dry_run_says_what_the_run_would_take_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["train", "demo", "--dry-run", *TINY]) == 0
    out = capsys.readouterr().out
    assert "estimated time" in out
    assert "(2, 3, 64, 64)" in out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("rank", "times"), [("0", 1), ("1", 0)])
def test_of_several_processes_one_speaks(
    rank: str, times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from aimkit import console
    from aimkit.train.state import State

    def stand_in(recipe: object, folder: Path, resume: object) -> State:
        console.info("loaded")
        return State(step=1)

    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr("aimkit.train.loop.train", stand_in)
    assert run(["train", "demo", "-o", str(tmp_path), "steps=1"]) == 0
    told = capsys.readouterr().err
    assert told.count("loaded") == times
    assert told.count("trained 1 steps") == times


def test_errors_of_every_process_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert run(["train", "demo", "-o", str(tmp_path), "no_such_key=1"]) == 2
    assert "error: unknown key" in capsys.readouterr().err
