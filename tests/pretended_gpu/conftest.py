"""A GPU that is pretended, and networks that cost little on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from pretended_gpu import TRIED, GpuCounts, pretended_gpu
from small_run import held_out, recipe

from aimkit.models.aimnet import AimNet
from aimkit.models.backbones.contract import Backbone, Features
from aimkit.models.base import MattingModel

__all__ = ["held_out", "recipe"]


class SixConvolutions(Backbone):
    """One convolution a stride."""

    channels = (8, 8, 8, 8, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        self.convs = torch.nn.ModuleList(
            torch.nn.Conv2d(8 if i else 3, 8, 3, stride=2 if i else 1, padding=1) for i in range(6)
        )

    def forward(self, image: torch.Tensor) -> Features:
        maps = [image]
        for conv in self.convs:
            maps.append(conv(maps[-1]).relu())
        return Features(tuple(maps[1:]))


@pytest.fixture
def gpu() -> Iterator[GpuCounts]:
    """The test runs on a pretended GPU, and finds what it was asked for."""
    version = tuple(map(int, torch.__version__.split(".")[:2]))
    if version not in TRIED:
        pytest.skip(f"pretending a GPU uses private parts of torch, and was not tried on {torch.__version__}")
    with pretended_gpu() as counts:
        yield counts


@pytest.fixture
def tiny() -> Callable[[], MattingModel]:
    """Makes an AimNet of few channels; its fusion is soft, so that a rounding decides nothing."""

    def make() -> MattingModel:
        torch.manual_seed(0)
        return AimNet(SixConvolutions(), width=8, fusion="soft")

    return make
