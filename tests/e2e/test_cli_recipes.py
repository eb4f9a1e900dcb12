from __future__ import annotations

from pathlib import Path

import pytest

from aimkit.cli import run


def test_ls_lists_every_recipe_with_its_purpose(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recipes", "ls", "synth"]) == 0
    out = capsys.readouterr().out
    assert "synth/demo" in out
    assert "Composites without any data" in out


def test_cp_then_check_then_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "mine.toml"
    assert run(["recipes", "cp", "synth/demo", str(copy)]) == 0
    assert run(["recipes", "check", str(copy)]) == 0
    assert run(["recipes", "cp", "synth/demo", str(copy)]) == 2
    assert "already exists" in capsys.readouterr().err
    assert run(["recipes", "show", str(copy), "seed=9"]) == 0
    assert "seed = 9" in capsys.readouterr().out


def test_check_lists_every_wrong_recipe_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('kind = "synth"\nsede = 1\n')
    assert run(["recipes", "check", str(wrong), "synth/demo"]) == 2
    captured = capsys.readouterr()
    assert "did you mean 'seed'" in captured.err
    assert "ok     synth/demo" in captured.out


def test_errors_have_three_parts_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recipes", "show", "demo", "labels.kernal=3"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: unknown key; did you mean 'kernel'?")
    assert "where: " in error
    assert "labels.kernal" in error


def test_an_unknown_command_or_option_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recipse"]) == 2
    assert "did you mean 'recipes'" in capsys.readouterr().err
    assert run(["recipes", "ls", "--nothing"]) == 2
    assert "--nothing" in capsys.readouterr().err


def test_quiet_says_nothing_but_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-q", "recipes", "cp", "synth/demo", str(tmp_path / "a.toml")]) == 0
    assert capsys.readouterr().err == ""
