"""A GPU that is pretended, and networks that cost little on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from pretended_gpu import TRIED, GpuCounts, pretended_gpu
from small_run import held_out, recipe
from tiny_backbone import TinyBackbone

from aimkit.models.aimnet import AimNet
from aimkit.models.base import MattingModel

__all__ = ["held_out", "recipe"]


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
        return AimNet(TinyBackbone(channels=(8,) * 6), width=8, fusion="soft")

    return make
