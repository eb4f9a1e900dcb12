"""Training with device_compositing sees the samples that it sees without."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from aimkit.bench import train as bench
from aimkit.errors import AimkitError
from aimkit.train.dry_run import dry_run
from aimkit.train.log import opening
from aimkit.train.loop import train
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import build

Make = Callable[..., TrainRecipe]

STEPS = 'steps=[{step="shared_noise", sigma=[3, 6], p=0.7}, {step="jpeg", p=0.3}]'
SYNTH = {
    "source": "synth",
    "recipe": "demo",
    "crop_first": "fast",
    "overrides": [
        "placement.height=96",
        "placement.width=96",
        "labels.kernel=5",
        'foregrounds.0.generators=["toy", "fog", "net"]',
        'backgrounds.0.generators=["gradient"]',
        STEPS,
    ],
}


def data(**keys: Any) -> dict[str, Any]:
    crop = {"transform": "crop", "size": 64, "crops": [64, 96]}
    return {"workers": 0, "train": SYNTH, "transform": crop, **keys}


def weights(run: Path, step: int) -> dict[str, torch.Tensor]:
    return load_file(run / f"checkpoints/step_{step:08d}/model.safetensors")


def scores(run: Path, kind: str) -> list[dict[str, Any]]:
    return [
        row for line in (run / "metrics.jsonl").read_text().splitlines() if (row := json.loads(line))["kind"] == kind
    ]


@pytest.mark.slow
def test_a_run_sees_the_same_samples_and_validates_as_without(
    recipe: Make, held_out: dict[str, Any], tmp_path: Path
) -> None:
    for name, on in (("device", True), ("workers", False)):
        made = recipe(device_compositing=on, data=data(), steps=2, validation=held_out)
        train(made.model_copy(update={"optim": made.optim.model_copy(update={"lr": 1e-9})}), tmp_path / name)
    device, workers = ([row["total"] for row in scores(tmp_path / name, "train")] for name in ("device", "workers"))
    assert device == pytest.approx(workers, rel=2e-3)
    assert len(set(device)) == 2
    first, second = (scores(tmp_path / name, "val")[0]["mad"] for name in ("device", "workers"))
    assert first == pytest.approx(second, rel=1e-3)


def test_an_interrupted_run_goes_on_to_the_same_weights(recipe: Make, tmp_path: Path) -> None:
    made = recipe(device_compositing=True, data=data(), steps=2, checkpoint_every=1)
    train(made, tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    shutil.rmtree(tmp_path / "parts/checkpoints/step_00000002")
    train(made, tmp_path / "parts", resume=True)
    whole, parts = (weights(tmp_path / name, 2) for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.slow
def test_workers_send_batches_that_give_the_same_weights(recipe: Make, tmp_path: Path) -> None:
    for workers in (0, 2):
        made = recipe(device_compositing=True, data=data(workers=workers), steps=2)
        train(made, tmp_path / str(workers))
    alone, several = (weights(tmp_path / str(workers), 2) for workers in (0, 2))
    assert all(torch.equal(alone[name], several[name]) for name in alone)


def test_dry_run_and_log_say_what_stays_with_the_workers(recipe: Make) -> None:
    made = recipe(device_compositing=True, data=data())
    who = "on the device; workers place the layers; make whole samples that get jpeg"
    rows = dict(dry_run(made))
    assert rows["compositing"] == who
    assert rows["batch, image"] == "(2, 3, 64, 64)"
    assert opening(made, build(made)).endswith(f"\ncompositing {who}")
    assert "compositing" not in opening(recipe(), build(recipe()))


def test_the_benchmark_times_the_compositing_too(recipe: Make) -> None:
    found = bench.measure(recipe(device_compositing=True, data=data()), 0)
    assert min(found.data, found.network, found.together) > 0
    assert found.compositing is not None
    assert found.compositing > found.network


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        ({"train": {**SYNTH, "crop_first": "exact"}}, "data.train.crop_first"),
        ({"transform": {"transform": "fit", "size": 64}}, "data.transform.transform"),
        ({"train": {"source": "saliency", "path": "duts"}}, "data.train.source"),
    ],
)
def test_what_does_not_go_together_is_told(recipe: Make, keys: dict[str, Any], where: str) -> None:
    with pytest.raises(AimkitError, match="device_compositing needs") as caught:
        recipe(device_compositing=True, data=data(**keys))
    assert caught.value.where == where
    assert caught.value.hint
