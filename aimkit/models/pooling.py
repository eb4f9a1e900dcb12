"""Means and maxima of large maps, whose gradients pass over memory as seldom as they can.

Torch writes the gradient of a mean as a whole map of equal numbers, and that of a maximum in four passes. At the size
of the image these are a tenth of what a train step moves. The values are torch's own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def mean_of(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    """``x.mean(dims, keepdim=True)``."""
    if _as_torch(x):
        return x.mean(dim=dims, keepdim=True)
    result: Tensor = _Mean.apply(x, dims)
    return result


def mean_and_maximum(x: Tensor) -> Tensor:
    """Mean and maximum over the channels of (B, C, H, W), as (B, 2, H, W)."""
    if _as_torch(x):
        return torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
    result: Tensor = _MeanAndMaximum.apply(x)
    return result


def _as_torch(x: Tensor) -> bool:
    """A compiler finds few passes by itself, an export knows torch's operations alone, and a CPU gains little."""
    return x.device.type == "cpu" or torch.compiler.is_compiling()


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: tuple[int, ...]) -> Tensor:
        result = x.mean(dim=dims, keepdim=True)
        ctx.shape, ctx.count = x.shape, x.numel() // max(1, result.numel())
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        # A view: what adds it to other gradients reads a number per mean.
        return (gradient / ctx.count).expand(ctx.shape), None


class _MeanAndMaximum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        highest = x.amax(dim=1, keepdim=True)
        ctx.save_for_backward(x, highest)
        return torch.cat([x.mean(dim=1, keepdim=True), highest], dim=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        x, highest = ctx.saved_tensors
        of_mean = gradient[:, :1] / x.shape[1]
        is_highest = x == highest
        # Equal maxima share, as in torch.
        share = gradient[:, 1:] / is_highest.sum(dim=1, keepdim=True)
        return torch.where(is_highest, of_mean + share, of_mean)
