"""A backbone that costs nothing, and the image whose outputs were recorded from the reference implementation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_backbone import TinyBackbone

from aimkit.models.backbones.contract import Backbone


@pytest.fixture
def tiny() -> type[Backbone]:
    return TinyBackbone


@pytest.fixture(scope="session")
def golden_image() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(101).standard_normal((2, 3, 64, 96)).astype(np.float32))
