"""Runs side by side: by their folders' names, and by evaluations beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from aimkit.cli import run

PROTOCOL = {
    "text": "photos, whole",
    "data": "photos",
    "content": "c",
    "prediction": "whole",
    "size": "s",
    "trimap": "t",
    "grad": "g",
    "conn": "k",
}


def leave(folder: Path, mad: float, photos: float, **keys: Any) -> None:
    """What a finished run of two validations leaves, and an evaluation of it."""
    (folder / "checkpoints" / "step_00000002").mkdir(parents=True)
    (folder / "checkpoints" / "step_00000002" / "state.json").write_text('{"step": 2}')
    recipe = {"kind": "train", "steps": 2, "seed": 0, "model": {"name": "aimnet", "backbone": "x"}, **keys}
    (folder / "recipe.toml").write_text("# digest abc\n" + tomli_w.dumps(recipe))
    scores = dict.fromkeys(("sad", "mse", "grad", "conn"), 1.0)
    rows = [{"kind": "val", "step": step, "mad": mad + 1 / step, "mad/SO": mad, **scores} for step in (1, 2)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    means = {"mad": photos, "count": 9, **scores}
    averages = {"images": means, "types": {"SO": means}, "categories": {}, "type_macro": means, "category_macro": means}
    content = {"format": 1, "protocol": PROTOCOL, "averages": averages, "images": [], "model": {}, "notes": []}
    (folder / "photos").mkdir()
    (folder / "photos" / "results.json").write_text(json.dumps(content))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for seed in (1, 2, 3):
        leave(tmp_path / f"full-seed{seed}", 0.1 * seed, 0.5, seed=seed)
        leave(tmp_path / f"linear-{seed}", 0.2, 0.3 + 0.1 * seed, seed=seed, blend="linear")
    return tmp_path


def table(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["runs", "compare", *arguments, "--json"]) == 0
    return {row["run"]: row for row in json.loads(capsys.readouterr().out)}


def test_folders_of_one_name_are_one_row(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = table(capsys, str(runs), "--group")
    assert list(rows) == ["full", "linear"]
    assert [row["seeds"] for row in rows.values()] == [3, 3]
    assert rows["full"]["mad"] == {"mean": pytest.approx(0.7), "deviation": pytest.approx(0.1)}
    assert rows["full"]["mad/SO"]["mean"] == pytest.approx(0.2)
    assert list(table(capsys, str(runs))) != ["full", "linear"], "without --group, keys of the recipe are the names"


def test_an_evaluation_takes_the_place_of_the_validation(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = table(capsys, str(runs), "--group", "--results", "photos")
    assert rows["full"]["mad"] == {"mean": 0.5, "deviation": 0.0}
    assert rows["linear"]["mad/SO"] == {"mean": pytest.approx(0.5), "deviation": pytest.approx(0.1)}


def test_what_can_not_be_compared_is_told(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(runs / "full-4", 0.1, 0.1, seed=1, steps=7)
    assert run(["runs", "compare", str(runs), "--group"]) == 0
    assert "full: its runs differ in more than their seed: steps" in capsys.readouterr().err
    file = runs / "full-4" / "photos" / "results.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"protocol": PROTOCOL | {"prediction": "hybrid"}}))
    assert run(["runs", "compare", str(runs), "--group", "--results", "photos"]) == 2
    assert "prediction: hybrid | whole" in capsys.readouterr().err.replace("whole | hybrid", "hybrid | whole")
    file.unlink()
    assert run(["runs", "compare", str(runs), "--results", "photos"]) == 2
    assert "the results file is missing" in capsys.readouterr().err
