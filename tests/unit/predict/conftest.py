"""Networks that cost nothing and whose results are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tiny_backbone import TinyBackbone

from aimkit.models.aimnet import AimNet
from aimkit.models.backbones.contract import MattingOutput
from aimkit.models.base import MattingModel
from aimkit.models.fusion import REPRESENTATIONS, Fusion, argmax
from aimkit.models.registry import backbones, register_backbone

#: Channels of a backbone of a few convolutions.
FEW = (4, 4, 4, 8, 8, 8)


class PointwiseNet(MattingModel):
    """Every pixel by itself: red is the score of the background, green of the foreground, blue is the detail.

    Unknown wins where neither red nor green exceeds a half. It notes the sizes of the images that it saw.
    """

    def __init__(self, representation: str = "generalized") -> None:
        torch.nn.Module.__init__(self)  # It has no backbone.
        self.classes = REPRESENTATIONS[representation]
        self.fuse: Fusion = argmax
        self.seen: list[tuple[int, ...]] = []

    def preprocess(self, image: torch.Tensor) -> torch.Tensor:
        return image

    def forward(self, image: torch.Tensor) -> MattingOutput:
        self.seen.append(tuple(image.shape))
        scores = {
            "background": image[:, :1] - 0.5,
            "unknown": torch.zeros_like(image[:, :1]),
            "foreground": image[:, 1:2] - 0.5,
        }
        logits = torch.cat([scores[name] for name in self.classes], 1)
        detail = image[:, 2:]
        return MattingOutput(torch.sigmoid(logits), detail, self.fuse(logits, detail, self.classes), logits)


@pytest.fixture
def pointwise() -> type[PointwiseNet]:
    return PointwiseNet


@pytest.fixture
def smooth_photo() -> np.ndarray:
    """Foreground at the left, background at the right, blue waves; smooth, so that scales hardly matter."""
    y, x = np.mgrid[:300, :420] / 420
    red, green = np.clip(4 * x - 1.8, 0, 1), np.clip(2.2 - 4 * x, 0, 1)
    return np.rint(255 * np.dstack([red, green, 0.5 + 0.4 * np.sin(9 * x + 5 * y)])).astype(np.uint8)


@pytest.fixture
def tiny_net() -> MattingModel:
    """A small AimNet with random weights, so that labels vary over the image."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = AimNet(TinyBackbone(channels=FEW), width=4).eval()
        torch.nn.init.normal_(model.semantic.head.weight, std=0.3)
    return model


@pytest.fixture
def few_convs(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a backbone of a few convolutions."""
    monkeypatch.setattr(backbones, "_entries", dict(backbones._entries))
    register_backbone("few_convs")(lambda in_chans=3: TinyBackbone(in_chans, FEW))
    return "few_convs"


@pytest.fixture
def seen() -> Callable[[Any, Callable[[], Any]], list[tuple[int, int]]]:
    """A function that runs something and returns (height, width) of every input of a network meanwhile."""

    def inputs(model: Any, run: Callable[[], Any]) -> list[tuple[int, int]]:
        sizes: list[tuple[int, int]] = []
        handle = model.register_forward_pre_hook(lambda _, args: sizes.append(tuple(args[0].shape[-2:])))
        run()
        handle.remove()
        return sizes

    return inputs
