"""Depthwise convolutions under bfloat16 on CPUs."""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn


def keep_in_float32(network: nn.Module) -> None:
    """Exclude the depthwise convolutions of a network from autocast, in place.

    On CPUs their backward pass in bfloat16 takes up to 8 times as long as in float32 (PyTorch 2.14, channels_last).
    Weights and state dict do not change.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            # A bound method, not a closure: the convolution of a copied network must use its own weights.
            module.forward = MethodType(_in_float32, module)  # type: ignore[method-assign]


def _in_float32(convolution: Any, x: Tensor) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        output: Tensor = type(convolution).forward(convolution, x.float())
    return output
