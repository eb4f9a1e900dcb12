"""Every strategy of the runtime torch on a GPU gives what it gives on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pretended_gpu import GpuCounts

from aimkit.models.base import MattingModel
from aimkit.predict import Predictor
from aimkit.predict.strategy import strategies

PHOTO = np.random.default_rng(0).integers(0, 256, (70, 83, 3), np.uint8)

CASES: list[dict[str, Any]] = [
    *({"strategy": name} for name in strategies.list()),
    {"strategy": "hybrid", "parity": True, "semantic_scale": 0.5, "channels_last": True},
    {"strategy": "resize", "tta": True, "short_side": 60},
    {"strategy": "tiled", "tile": 64, "overlap": 16, "detail_scale": 1.0},
    {"strategy": "refined", "window": 64, "overlap": 16},
    {"strategy": "whole", "precision": "bf16"},
    {"strategy": "whole", "precision": "fp16"},
]


@pytest.mark.parametrize("options", CASES, ids=lambda options: "-".join(map(str, options.values())))
def test_a_prediction_equals_the_cpus(
    options: dict[str, Any], tiny: Callable[[], MattingModel], gpu: GpuCounts
) -> None:
    keywords = {"precision": "fp32", **options}
    predictor = Predictor(tiny(), device="cuda", **keywords)
    model: Any = vars(predictor.network)["model"]
    assert {parameter.device.type for parameter in model.parameters()} == {"cuda"}
    gpu.clear()
    got = predictor(PHOTO)
    assert gpu.launches.total() > 100
    assert not gpu.doubles
    assert {line.split(":")[0] for line in gpu.waits} == {"predict/runtime/torch.py"}
    want = Predictor(tiny(), device="cpu", **keywords | {"precision": "fp32"})(PHOTO)
    near = 1e-5 if keywords["precision"] == "fp32" else 0.02
    assert np.abs(got.alpha - want.alpha).max() < near
    assert np.abs(got.detail - want.detail).max() < near
