"""Fine-tuning the zoo's default on ten own cut-outs, by the commands that the recipe names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from aimkit.cli import run
from aimkit.models.registry import create_model
from aimkit.publish.add import Facts, add
from aimkit.publish.convert import save
from aimkit.recipe import header
from aimkit.resources import recipes

OPTIONS = {"width": 8, "fusion": "soft"}
ID = "aimnet_mobilenetv3_small_050.tiny"


@pytest.fixture
def cutouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten blobs of one colour and different outlines."""
    folder = tmp_path / "cutouts"
    folder.mkdir()
    y, x = np.mgrid[:120, :120] - 60.0
    for i in range(10):
        radius = 35 + 8 * np.sin((i + 2) * np.arctan2(y, x))
        alpha = (np.clip((radius - np.hypot(y, x)) / 4, 0, 1) * 255).astype(np.uint8)
        shade = np.random.default_rng(i).integers(200, 255, alpha.shape, np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), np.dstack([shade // 4, shade // 4, shade, alpha]))
    monkeypatch.setenv("CUTOUTS", str(folder))
    return folder


@pytest.fixture
def default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A default entry of one's own: a small untrained network."""
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIMKIT_ZOO", str(tmp_path / "zoo"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = create_model("aimnet", backbone="mobilenetv3_small_050", **OPTIONS).state_dict()
    about = {"architecture": "aimnet", "backbone": "mobilenetv3_small_050", "options": json.dumps(OPTIONS)}
    save(state, tmp_path / "w.safetensors", about)
    add(tmp_path / "w.safetensors", ID, Facts(licence="MIT", default=True), half=True)


def test_the_recipe_names_commands_that_there_are() -> None:
    text = header(recipes()["train/finetune"])
    for command in ("synth cutouts", "evaluate --data folder", "train finetune", "evaluate compare"):
        assert f"aimkit {command}" in text


@pytest.mark.slow
@pytest.mark.usefixtures("cutouts", "default")
def test_ten_cutouts_make_the_default_better_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["placement.height=96", "placement.width=96"]
    network = ["model.backbone=mobilenetv3_small_050", f"model.options={{width={OPTIONS['width']}, fusion='soft'}}"]
    short = ["steps=150", "batch=8", "optim.lr=3e-3", "optim.warmup=10", "data.workers=0", "precision=fp32"]
    data = [f"data.train.overrides={json.dumps(['foregrounds.0.split=train', *small])}"]
    data += ["data.transform.size=64", "data.transform.crops=[64,96]", "validation.every=150", "validation.count=4"]
    data += [f"validation.data.overrides={json.dumps(['foregrounds.0.split=val', 'seed=98', *small])}"]
    data += ["validation.size=96", "model.freeze_norm=false", "optim.backbone_factor=1"]
    assert run(["synth", "cutouts", "-o", "out/held-out", "seed=99", "count=24", *small]) == 0
    evaluate = ["evaluate", "--data", "folder", "--root", "out/held-out", "--strategy", "whole", "--no-report"]
    assert run([*evaluate, "--weights", "default", "-o", "out/before"]) == 0
    assert run(["train", "finetune", "-o", "runs/mine", *network, *short, *data]) == 0
    assert run([*evaluate, "--weights", "runs/mine", "-o", "out/after"]) == 0
    capsys.readouterr()
    assert run(["evaluate", "compare", "out/before", "out/after", "--json"]) == 0
    rows: dict[str, Any] = {row["metric"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["mad"]["other"] < 0.5 * rows["mad"]["first"]
    assert rows["mad"]["clear"]
    # What it was trained on, from the first stage on, is in the run.
    told = json.loads(Path("runs/mine/data.json").read_text())
    assert told["start"] == ID
    assert [row["name"] for row in told["data"]] == ["cutouts", "procedural"]
    start = load_file(next(Path("zoo").glob("*.safetensors")))
    assert start.keys() == load_file("runs/mine/checkpoints/best/model.safetensors").keys()
