"""Training on a GPU: nothing lies on the wrong side, and nothing in a step waits."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pretended_gpu import GpuCounts
from safetensors.torch import load_file

from aimkit.bench.gpu.right import batch
from aimkit.models.registry import models
from aimkit.train.loop import train
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import build
from aimkit.train.state import State
from aimkit.train.step import one_step

Make = Callable[..., TrainRecipe]

#: Where gradients in float16 are examined for infinity.
OVERFLOW = "torch/amp/grad_scaler.py"


def steps(same: TrainRecipe, count: int = 1) -> dict[str, torch.Tensor]:
    """The terms of the last of some steps on the device that there is."""
    parts = build(same)
    ready = [batch(same.batch // same.accumulate, 64)] * same.accumulate * count
    pending = iter(ready)
    for number in range(count):
        terms = one_step(same, parts, State(step=number), pending)
    return terms


@pytest.fixture(autouse=True)
def without_doubles(gpu: GpuCounts) -> Iterator[None]:
    """Nothing on the device is float64, which Apple's GPUs do not have."""
    yield
    # The scaler of float16 asks which device it is on, and does without on those.
    assert set(gpu.doubles) <= {OVERFLOW}


def waits_of_steps(gpu: GpuCounts) -> set[str]:
    """The lines that wait, without those that build the network."""
    return {line for line in gpu.waits if not line.startswith("train/setup.py")}


@pytest.mark.parametrize(
    "keys",
    [
        {"steps": 2, "checkpoint_every": 2},
        pytest.param(
            {
                "steps": 4,
                "checkpoint_every": 2,
                "batch": 4,
                "accumulate": 2,
                "ema": 0.9,
                "optim": {"lr": 1e-3, "warmup": 1, "clip": 1.0, "freeze_backbone": 1},
            },
            marks=pytest.mark.slow,
        ),
    ],
    ids=["plain", "everything"],
)
def test_a_whole_run_waits_for_readings_and_results_alone(
    keys: dict[str, Any], recipe: Make, held_out: dict[str, Any], tmp_path: Path, gpu: GpuCounts
) -> None:
    small = {"backbone": "mobilenetv3_small_050", "options": {"width": 8}}
    same = recipe(log_every=2, model=small, validation={**held_out, "every": 4, "count": 1}, **keys)
    train(same, tmp_path / "run")
    waits = Counter[str]()
    for line, count in gpu.waits.items():
        waits[line.split(":")[0]] += count
    assert set(waits) == {f"train/{name}.py" for name in ("setup", "checkpoint", "readings", "validation")}
    assert waits["train/readings.py"] == same.steps // same.log_every
    assert waits["train/validation.py"] == 1
    last = tmp_path / f"run/checkpoints/step_{same.steps:08d}"
    whole = {file.name: load_file(file) for file in last.glob("*.safetensors")}
    assert len(whole) == (1 if same.ema is None else 2)
    if same.steps > same.checkpoint_every:
        shutil.rmtree(last)
        train(same, tmp_path / "run", resume=True)
        for name, tensors in whole.items():
            again = load_file(last / name)
            assert all(torch.equal(again[key], value) for key, value in tensors.items())


@pytest.mark.parametrize("precision", [pytest.param("fp32", marks=pytest.mark.slow), "bf16", "fp16"])
def test_a_step_gives_the_losses_of_the_cpu_and_does_not_wait(precision: str, recipe: Make, gpu: GpuCounts) -> None:
    same = recipe(
        precision=precision,
        ema=0.9,
        model={"backbone": "mobilenetv3_small_050", "options": {"width": 8}},
        optim={"lr": 1e-3, "warmup": 1, "clip": 1.0},
    )
    terms = steps(same)
    assert {term.device.type for term in terms.values()} == {"cuda"}
    assert waits_of_steps(gpu) == set()
    assert gpu.copies.total() == 6
    torch.manual_seed(0)
    near = 1e-4 if precision == "fp32" else 0.03
    for name, value in on_the_cpu(same.model_copy(update={"precision": "fp32"})).items():
        if name not in ("semantic_accuracy", "semantic_iou"):
            assert float(terms[name]) == pytest.approx(value, rel=near, abs=near), name


def on_the_cpu(same: TrainRecipe) -> dict[str, float]:
    """The terms of a step in which accelerate finds no GPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aimkit.train.setup.Accelerator", without_gpu)
        return {name: float(value) for name, value in steps(same).items()}


def without_gpu(**keywords: Any) -> Any:
    from accelerate import Accelerator
    from accelerate.state import PartialState

    PartialState._reset_state()
    return Accelerator(**{**keywords, "cpu": True})


@pytest.mark.slow
@pytest.mark.parametrize(
    "backbone", ["resnet34_mp", "resnet18", "convnext_atto", "vit_tiny_patch16_224", "tf_efficientnet_lite0"]
)
@pytest.mark.parametrize("name", models.list())
def test_every_network_learns_without_waiting(name: str, backbone: str, recipe: Make, gpu: GpuCounts) -> None:
    terms = steps(recipe(model={"name": name, "backbone": backbone}))
    assert waits_of_steps(gpu) == set()
    assert math.isfinite(float(terms["total"]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "keys",
    [
        {"stage": "saliency"},
        {"parity": True, "model": {"name": "p3mnet", "backbone": "resnet18"}},
        {"parity": True, "model": {"name": "gfm", "backbone": "resnet18", "options": {"rosta": "BT"}}},
        {"model": {"name": "gfm", "backbone": "resnet18", "options": {"rosta": "RIM"}}},
        {"model": {"backbone": "mobilenetv3_small_050", "options": {"width": 8}, "checkpoint_activations": True}},
        {"channels_last": True, "precision": "bf16"},
        {"optim": {"lr": 1e-3, "backbone_factor": 0}},
        {"optim": {"lr": 1e-3, "name": "adam"}},
        {"model": {"backbone": "mobilenetv3_small_050", "options": {"width": 8}, "freeze_norm": True}},
    ],
    ids=lambda keys: "-".join(keys),
)
def test_every_kind_of_step_learns_without_waiting(keys: dict[str, Any], recipe: Make, gpu: GpuCounts) -> None:
    terms = steps(recipe(**keys), count=2)
    assert waits_of_steps(gpu) == set()
    assert math.isfinite(float(terms["total"]))
