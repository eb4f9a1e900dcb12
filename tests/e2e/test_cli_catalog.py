"""aimkit catalog ls, show and check, in process."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aimkit.cli import run
from aimkit.datasets import catalog as registry


@pytest.fixture
def animals(
    small: Callable[..., Any], publish: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """AM-2k as published, were it three images a part."""
    known = small("am2k")
    monkeypatch.setattr(registry, "published_sets", lambda: {"am2k": known})
    return publish(known, tmp_path / "AM 2k")


def test_ls_and_show_name_parts_terms_and_commands(capsys: pytest.CaptureFixture) -> None:
    assert run(["catalog", "ls"]) == 0
    shown = capsys.readouterr().out
    assert "P3M-500-NP 500" in shown
    assert "CC BY-NC-SA 4.0" in shown
    assert run(["catalog", "show", "AM-2k"]) == 0
    shown = capsys.readouterr().out
    assert "https://github.com/JizhiziLi/GFM#am-2k" in shown
    assert "aimkit evaluate am2k --root DIR --weights FILE" in shown
    assert run(["catalog", "show", "hatt", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parts"][0]["count"] == 596
    assert run(["catalog", "ls", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) >= 8


def test_sets_of_models_are_listed_and_shown_with_licence_and_credit(capsys: pytest.CaptureFixture) -> None:
    assert run(["catalog", "ls"]) == 0
    assert "YCB Object and Model Set" in capsys.readouterr().out
    assert run(["catalog", "show", "Scopia"]) == 0
    shown = capsys.readouterr().out
    assert "licence CC-BY-3.0\ncredit  Scopia Visual Interfaces Systems" in shown
    assert "SWEETHOME3D=DIR" in shown
    assert "aimkit render things -o CUTOUTS" in shown
    assert run(["catalog", "show", "ycb", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["count"] == 78
    assert run(["catalog", "ls", "--json"]) == 0
    assert "ycb" in {one["name"] for one in json.loads(capsys.readouterr().out) if one.get("kind") == "models"}


def test_an_unknown_name_gets_the_nearest(capsys: pytest.CaptureFixture) -> None:
    assert run(["catalog", "show", "ppm10"]) == 2
    assert "did you mean 'ppm100'" in capsys.readouterr().err


def test_check_says_that_all_is_there_and_how_to_use_it(animals: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["catalog", "check", "am2k", str(animals)]) == 0
    shown = capsys.readouterr().out
    assert "AM-2k: everything is as published" in shown
    assert f'source = "catalog"\n  set = "am2k"\n  path = "{animals}"' in shown
    assert f"aimkit evaluate am2k --root '{animals}' --weights FILE" in shown
    assert f"AM2K='{animals}' BG20K=... aimkit synth am2k -o out/am2k" in shown


def test_the_recipe_lines_make_a_source(animals: Path, capsys: pytest.CaptureFixture) -> None:
    from aimkit.synth.source import foreground_sources

    assert run(["catalog", "check", "am2k", str(animals), "--json"]) == 0
    train = json.loads(capsys.readouterr().out)["use"][0]
    table = tomllib.loads("\n".join(train["recipe"]))["foregrounds"][0]
    entry = foreground_sources.get("catalog")
    assert len(entry.value(entry.info["params"].model_validate(table)).items) == 3


def test_check_lists_what_is_wrong_and_exits_with_1(animals: Path, capsys: pytest.CaptureFixture) -> None:
    (animals / "train" / "mask" / "t_0001.png").unlink()
    assert run(["catalog", "check", "am2k", str(animals)]) == 1
    shown = capsys.readouterr()
    assert "train: no matte: t_0001" in shown.out
    assert "train: wrong count: 2 pairs, 3 are published" in shown.out
    assert "AM-2k: 1 of 2 parts do not match" in shown.out
    assert "error: the folder does not match AM-2k" in shown.err
    assert run(["catalog", "check", "am2k", str(animals), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["parts"][0]["found"]) == (False, 2)


def test_check_of_a_folder_without_the_rest_says_how_to_ask_for_one_part(
    animals: Path, capsys: pytest.CaptureFixture
) -> None:
    (animals / "train").rename(animals.parent / "train elsewhere")
    assert run(["catalog", "check", "am2k", str(animals)]) == 1
    shown = capsys.readouterr()
    assert "not found" in shown.out
    assert "--part validation checks that part only" in shown.err
    assert run(["catalog", "check", "am2k", str(animals), "--part", "validation"]) == 0


def test_a_known_set_is_evaluated_by_name(
    small: Callable[..., Any], publish: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    root = publish(small("p3m10k", 2), tmp_path / "P3M")
    out = tmp_path / "out"
    assert (
        run(["evaluate", "p3m-500-np", "--root", str(root), "--baseline", "mean", "-o", str(out), "--no-report"]) == 0
    )
    shown = capsys.readouterr()
    assert "P3M-500-NP, 2 images" in shown.out
    assert "found 2 of 500 published images" in shown.err
    results = json.loads((out / "results.json").read_text())
    assert results["averages"]["types"]["SO"]["count"] == 2
    assert results["averages"]["categories"]["portrait"]["count"] == 2
    assert "trimap from files" in results["protocol"]["text"]


def test_predictions_are_measured_beside_a_known_set(
    small: Callable[..., Any], publish: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    root = publish(small("ppm100", 2), tmp_path / "PPM-100")
    command = ["evaluate", "ppm-100", "--root", str(root), "--predictions", str(root / "matte")]
    assert run([*command, "-o", str(tmp_path / "out"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["protocol"]["data"] == "PPM-100, 2 images"
    assert result["averages"]["images"]["sad"] == 0
    assert result["averages"]["types"]["SO"]["count"] == 2
