"""The paper's network under weights whose outputs were recorded from the reference implementation."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from aimkit.models import official
from aimkit.models.aimnet import AimNet
from aimkit.models.base import MattingModel
from aimkit.models.contract import Backbone, Features
from aimkit.models.resnet_mp import ResNet34MP


class Tiny(Backbone):
    """One convolution a stride; no pooling indices."""

    def __init__(self, in_chans: int = 3, channels: tuple[int, ...] = (8, 8, 16, 16, 32, 32)) -> None:
        super().__init__()
        self.channels = channels
        self.preprocessing = self.preprocessing.for_channels(in_chans)
        pairs = zip((in_chans, *channels), channels, strict=False)
        self.convs = torch.nn.ModuleList(
            torch.nn.Conv2d(a, b, 3, stride=1 if i == 0 else 2, padding=1) for i, (a, b) in enumerate(pairs)
        )

    def forward(self, image: torch.Tensor) -> Features:
        maps = [image]
        for conv in self.convs:
            maps.append(conv(maps[-1]).relu())
        return Features(tuple(maps[1:]))


@pytest.fixture
def tiny() -> type[Backbone]:
    return Tiny


@pytest.fixture(scope="session")
def released_keys(golden: Path) -> list[tuple[str, tuple[int, ...], str | None]]:
    """Key, shape and alias of every tensor of a released state dict."""
    text = gzip.decompress((golden / "aimnet" / "keys.json.gz").read_bytes())
    return [(key, tuple(shape), alias) for key, shape, alias in json.loads(text)]


@pytest.fixture(scope="session")
def golden_weights(released_keys: list[tuple[str, tuple[int, ...], str | None]]) -> dict[str, torch.Tensor]:
    """A released state dict, aliases included, with the golden values of seed 1. Not to be changed."""
    weights: dict[str, torch.Tensor] = {}
    for key, shape, alias in released_keys:
        weights[key] = weights[alias] if alias else _golden_values(key, shape)
    return weights


@pytest.fixture(scope="session")
def paper(golden_weights: dict[str, torch.Tensor]) -> MattingModel:
    """The paper's network with the golden weights, in evaluation mode. Not to be changed."""
    model = AimNet(ResNet34MP()).eval()
    official.load_state_dict(model, golden_weights)
    return model


@pytest.fixture(scope="session")
def golden_image() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(101).standard_normal((2, 3, 64, 96)).astype(np.float32))


def _golden_values(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    rng = np.random.default_rng([1, zlib.crc32(key.encode())])
    last = key.rsplit(".", 1)[1]
    if last == "num_batches_tracked":
        return torch.tensor(0)
    if last == "running_var":
        values = rng.uniform(0.5, 1.5, shape)
    elif last in ("running_mean", "bias"):
        values = 0.1 * rng.standard_normal(shape)
    elif len(shape) == 1:
        values = rng.uniform(0.5, 1.5, shape)
    else:
        values = np.sqrt(2 / np.prod(shape[1:])) * rng.standard_normal(shape)
    factor = {"decoder_final_g.weight": 0.001, "decoder_final_l.weight": 0.02}.get(key, 1.0)
    return torch.from_numpy((values * factor).astype(np.float32))
