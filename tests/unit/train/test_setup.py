from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel

from aimkit.models.weights.loading import find
from aimkit.predict.predictor import load_network
from aimkit.train.loop import train
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import average_weights


@pytest.mark.parametrize("decay", [0.5, 0.999])
def test_the_average_of_few_steps_forgets_the_first_weights(decay: float) -> None:
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    average = AveragedModel(network, multi_avg_fn=partial(average_weights, decay), use_buffers=True)
    wanted = None
    for step in range(300):
        network[0].weight.data.fill_(100.0 if step == 0 else 1.0 + step / 300)
        average.update_parameters(network)
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
