"""A recipe that trains in seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aimkit.recipe import parse
from aimkit.train.recipe import TrainRecipe

SYNTH = {
    "source": "synth",
    "recipe": "demo",
    "overrides": [
        "placement.height=64",
        "placement.width=64",
        "labels.kernel=5",
        "balance={NS=1, STM=1}",
        'foregrounds.0.generators=["mesh", "net"]',
        'backgrounds.0.generators=["gradient"]',
    ],
}


@pytest.fixture(scope="session")
def held_out() -> dict[str, Any]:
    """A validation table."""
    return {"data": {**SYNTH, "reseed": False}, "count": 2, "every": 2, "size": 64, "gallery": 1}


@pytest.fixture(scope="session")
def recipe() -> Callable[..., TrainRecipe]:
    """Makes the recipe, with some of its tables replaced."""

    def make(**keys: Any) -> TrainRecipe:
        data: dict[str, Any] = {
            "kind": "train",
            "seed": 5,
            "steps": 4,
            "batch": 2,
            "log_every": 1,
            "checkpoint_every": 2,
            "model": {"backbone": "mobilenetv3_small_050", "options": {"width": 8}},
            "data": {"workers": 0, "train": SYNTH, "transform": {"transform": "crop", "size": 64, "crops": [64]}},
            "optim": {"lr": 1e-3, "warmup": 1},
        }
        return parse(TrainRecipe, {**data, **keys}, "test")

    return make
