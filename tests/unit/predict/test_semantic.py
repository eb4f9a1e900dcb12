"""Semantic classes from several input sizes and from the mirrored photo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from aimkit.errors import AimkitError
from aimkit.models.registry import create_model
from aimkit.predict import strategies
from aimkit.predict.runtime.torch import TorchNetwork
from aimkit.predict.semantic import SemanticInput
from aimkit.predict.sizes import bilinear, planes_of, shrink

Seen = Callable[[Any, Callable[[], Any]], list[tuple[int, int]]]

PHOTO = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)


@pytest.fixture
def model(few_convs: str) -> Any:
    torch.manual_seed(0)
    return create_model("aimnet", backbone=few_convs, width=8, fusion="soft").eval()


@pytest.mark.parametrize("tta", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_logits_are_the_mean_over_sizes_of_which_every_second_is_mirrored(model: Any, count: int, tta: bool) -> None:
    network, planes = TorchNetwork(model, flip=tta), planes_of(PHOTO[None])
    block = SemanticInput(semantic_side=128, semantic_sizes=count, semantic_flip=True)
    looks = [((128, 160), False), ((160, 224), True), ((192, 256), False)][:count]
    looks += [((128, 160), True)] * (count == 1)
    expected = []
    with network.evaluating():
        for size, mirrored in looks:
            images = shrink(planes, size)
            logits = network(images[..., ::-1].copy()).logits[..., ::-1] if mirrored else network(images).logits
            expected.append(bilinear(logits.copy(), looks[count - 1][0]))
        found = block.semantic_logits(network, planes, 1600)
    np.testing.assert_allclose(found, np.mean(expected, 0), atol=1e-5)


@pytest.mark.parametrize("strategy", ["hybrid", "tiled", "refined"])
def test_further_sizes_are_1_25_times_larger(model: Any, strategy: str, seen: Seen) -> None:
    options: dict[str, Any] = {"semantic_side": 128, "semantic_sizes": 3, "detail_side": 240}
    sizes = seen(model, lambda: strategies.run(strategy, model, PHOTO, **options))
    assert sizes[:3] == [(128, 160), (160, 224), (192, 256)]
    assert (240, 320) in sizes[3:]


def test_a_photo_smaller_than_the_sizes_is_seen_once(model: Any, seen: Seen) -> None:
    options: dict[str, Any] = {"semantic_side": 1000, "semantic_sizes": 4, "detail_side": 160}
    assert seen(model, lambda: strategies.hybrid(model, PHOTO, **options)) == [(240, 320), (160, 224)]


@pytest.mark.parametrize("options", [{"semantic_sizes": 2}, {"semantic_flip": True}])
def test_parity_predicts_once(model: Any, options: dict[str, Any]) -> None:
    with pytest.raises(AimkitError, match="the reference predicts once"):
        strategies.hybrid(model, PHOTO, parity=True, **options)
    model.inference_defaults = options
    assert np.isfinite(strategies.hybrid(model, PHOTO, parity=True)).all()
