from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
import tomli_w
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from aimkit.models.weights.loading import find
from aimkit.predict.predictor import load_network
from aimkit.train.average import MovingAverage
from aimkit.train.loop import train
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import build_network


@pytest.mark.parametrize("decay", [0.5, 0.999])
def test_the_average_of_few_steps_forgets_the_first_weights(decay: float) -> None:
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    average = MovingAverage(network, decay)
    wanted = None
    for step in range(300):
        network[0].weight.data.fill_(100.0 if step == 0 else 1.0 + step / 300)
        average.update(network)
        value = network[0].weight.item()
        # By hand: the first update copies, the n-th after it keeps min(decay, (1 + n) / (10 + n)).
        share = min(decay, (1 + step) / (10 + step))
        wanted = value if wanted is None else share * wanted + (1 - share) * value
    assert average.module[0].weight.item() == pytest.approx(wanted, rel=1e-5)
    assert average.module[0].weight.item() < 2.0
    assert torch.equal(average.module[1].running_mean, network[1].running_mean)


def test_what_is_fine_tuned_is_meant_for_what_its_start_is_meant_for(
    recipe: Callable[..., TrainRecipe], tmp_path: Path
) -> None:
    first = recipe(steps=1)
    train(first, tmp_path / "first")
    start = tmp_path / "first" / "start.safetensors"
    found = find(tmp_path / "first")
    with safe_open(found, framework="pt") as file:
        told = file.metadata()
    save_file(load_file(found), start, told | {"predict": '{"semantic_side": 96, "detail_side": 128}'})
    train(first.model_copy(update={"model": first.model.model_copy(update={"init": str(start)})}), tmp_path / "second")
    assert load_network(tmp_path / "second").inference_defaults == {"semantic_side": 96, "detail_side": 128}


def test_inference_defaults_of_another_architecture_are_not_kept(
    recipe: Callable[..., TrainRecipe], tmp_path: Path
) -> None:
    first = recipe(steps=1)
    network = build_network(first)
    start = tmp_path / "start.safetensors"
    table = first.model
    told = {"backbone": table.backbone, "options": json.dumps(table.options), "predict": '{"semantic_side": 96}'}
    begun = first.model_copy(update={"model": table.model_copy(update={"init": str(start)})})
    for architecture, wanted in ((table.name, {"semantic_side": 96}), ("gfm", {})):
        save_file(network.state_dict(), start, told | {"architecture": architecture})
        assert dict(build_network(begun).inference_defaults) == wanted


def test_inference_defaults_of_the_zoo_alone_are_kept(
    recipe: Callable[..., TrainRecipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = recipe(steps=1)
    table, id = first.model, f"{first.model.name}_{first.model.backbone}.own"
    monkeypatch.setenv("AIMKIT_ZOO", str(tmp_path))
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    facts = {"architecture": table.name, "backbone": table.backbone, "options": json.dumps(table.options)}
    weights = build_network(first).state_dict()
    begun = first.model_copy(update={"model": table.model_copy(update={"init": id})})
    for own, wanted in (({}, {"semantic_side": 96}), ({"predict": '{"semantic_side": 64}'}, {"semantic_side": 64})):
        file = tmp_path / f"{len(own)}.safetensors"
        save_file(weights, file, facts | own)
        entry = {"id": id, "architecture": table.name, "backbone": table.backbone, "stage": "matting"}
        entry |= {"options": table.options, "sources": [f"file:{file.name}"], "format": "safetensors"}
        entry |= {"sha256": sha256(file.read_bytes()).hexdigest(), "licence": "MIT", "predict": {"semantic_side": 96}}
        (tmp_path / "own.toml").write_text(tomli_w.dumps({"checkpoint": [entry]}))
        assert dict(build_network(begun).inference_defaults) == wanted
        assert dict(load_network(id).inference_defaults) == wanted
