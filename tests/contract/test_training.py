"""Every registered network trains on every kind of backbone: two of the trainer's own steps, a gradient everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from aimkit.models.registry import list_models
from aimkit.recipe import parse
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import build
from aimkit.train.state import State
from aimkit.train.step import one_step

#: Pooling indices, strides 2 to 32, strides 4 to 32, mobile, flat. The first runs by default.
BACKBONES = ["mobilenetv3_small_050", "resnet34_mp", "resnet18", "convnext_atto", "vit_tiny_patch16_224"]
SIZE = 64

CASES = [
    pytest.param(name, backbone, id=f"{name}-{backbone}", marks=[pytest.mark.slow] if position else [])
    for position, backbone in enumerate(BACKBONES)
    for name in list_models()
]


def recipe(name: str, backbone: str, stage: str) -> TrainRecipe:
    data = {
        "kind": "train",
        "stage": stage,
        "steps": 2,
        "batch": 2,
        "model": {"name": name, "backbone": backbone},
        "data": {"workers": 0, "train": {"source": "synth", "recipe": "demo"}, "transform": {"transform": "crop"}},
        "optim": {"lr": 1e-3},
    }
    return parse(TrainRecipe, data, "test")


def batches() -> Iterator[dict[str, Any]]:
    """Batches as the loader gives them: a disc in front of noise, with all three classes in its label."""
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    distance = torch.hypot(y - SIZE / 2, x - SIZE / 2)
    alpha = ((24 - distance) / 8).clamp(0, 1)
    label = torch.where(alpha == 1, 255, torch.where(alpha == 0, 0, 128))
    for step in range(2):
        draw = torch.Generator().manual_seed(step)
        planes = [torch.randint(256, (2, 3, SIZE, SIZE), dtype=torch.uint8, generator=draw) for _ in range(2)]
        yield {
            "image": (alpha * planes[0] + (1 - alpha) * planes[1]).round().to(torch.uint8),
            "foreground": planes[0],
            "background": planes[1],
            "alpha": (alpha * 255).round().to(torch.uint8).expand(2, 1, SIZE, SIZE),
            "label": label.to(torch.uint8).expand(2, 1, SIZE, SIZE),
            "composition_valid": torch.tensor([True, True]),
            "type": torch.tensor([0, 0]),
            "position": torch.tensor([2 * step, 2 * step + 1]),
        }


@pytest.mark.parametrize(("name", "backbone"), CASES)
@pytest.mark.parametrize("stage", ["matting", "saliency"])
def test_every_parameter_that_learns_gets_a_gradient(name: str, backbone: str, stage: str) -> None:
    same = recipe(name, backbone, stage)
    parts, state, pending = build(same), State(), batches()
    learning = {key: p for key, p in parts.network.named_parameters() if p.requires_grad}
    largest = dict.fromkeys(learning, 0.0)

    def look(*_: Any) -> None:
        for key, parameter in learning.items():
            assert parameter.grad is not None, f"{key} has no gradient: freeze it or drop it"
            assert torch.isfinite(parameter.grad).all(), key
            largest[key] = max(largest[key], float(parameter.grad.abs().max()))

    parts.optimizer.optimizer.register_step_pre_hook(look)
    before = {key: p.detach().clone() for key, p in learning.items()}
    for state.step in range(2):
        terms = one_step(same, parts, state, pending)
        assert all(torch.isfinite(value) for value in terms.values())
    # A layer behind one that starts at zero learns from the second step on.
    assert [key for key, value in largest.items() if value == 0] == []
    assert [key for key, p in learning.items() if torch.equal(p, before[key])] == []
