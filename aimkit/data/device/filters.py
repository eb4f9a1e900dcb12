"""Filters of batches in which every sample has a kernel and borders of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from aimkit.data.device.planes import BatchPlanes

#: How a plane continues beyond its border: mirrored without repeating the last pixel (OpenCV's reflect-101), or by
#: repeating it.
Border = Literal["reflect", "replicate"]

#: Below this alpha the un-premultiplied colour is noise.
_THIN = 1 / 512


def filter_separable(x: Tensor, kernels: Tensor, planes: BatchPlanes) -> Tensor:
    """Filter rows and columns with the same kernel; borders are mirrored.

    Args:
        x: Planes to filter, float, (n, C, H, W).
        kernels: One kernel for each sample, of odd length with its middle on the pixel, float, (n, k).
        planes: The batch, which knows where each sample's planes lie.
    """
    for axis in (2, 3):
        wide = _extended(x, planes, axis, kernels.shape[1] // 2, "reflect")
        x = _convolve(wide, kernels[:, :, None] if axis == 2 else kernels[:, None, :])
    return x


def filter_2d(x: Tensor, kernels: Tensor, planes: BatchPlanes, border: Border) -> Tensor:
    """As :func:`filter_separable`, with kernels of two dimensions, (n, k, k)."""
    for axis in (2, 3):
        x = _extended(x, planes, axis, kernels.shape[1] // 2, border)
    return _convolve(x, kernels)


def filter_premultiplied(color: Tensor, alpha: Tensor, kernels: Tensor, planes: BatchPlanes) -> tuple[Tensor, Tensor]:
    """Filter colour (n, 3, H, W) and alpha (n, 1, H, W) together, premultiplied; see the engine's geometry."""
    filtered = filter_2d(torch.cat([color * alpha, alpha, color], dim=1), kernels, planes, "replicate")
    light, weight, straight = filtered[:, :3].clamp(0, 1), filtered[:, 3:4].clamp(0, 1), filtered[:, 4:]
    color = torch.where(weight > _THIN, light / weight.clamp(min=_THIN), straight)
    return color.clamp(0, 1), weight


def _extended(x: Tensor, planes: BatchPlanes, axis: int, margin: int, border: Border) -> Tensor:
    """A dimension with ``margin`` more pixels on both ends; all that lies beyond a sample's planes is filled in."""
    start, length = planes.extent[:, axis - 2, None], planes.extent[:, axis, None]
    at = torch.arange(-margin, x.shape[axis] + margin, device=x.device)[None] - start
    if border == "reflect":
        period = (2 * (length - 1)).clamp(min=1)
        at = at.remainder(period)
        at = torch.minimum(at, period - at)
    at = at.clamp(min=0).minimum(length - 1) + start
    shape = [len(x), *x.shape[1:]]
    shape[axis] = at.shape[1]
    return x.gather(axis, (at[:, None, :, None] if axis == 2 else at[:, None, None, :]).expand(shape))


def _convolve(x: Tensor, kernels: Tensor) -> Tensor:
    """Correlate every sample with its own kernel, (n, k, l), where it fits."""
    count, channels = x.shape[:2]
    weight = kernels[:, None].expand(-1, channels, -1, -1).reshape(count * channels, 1, *kernels.shape[1:])
    with full_precision():
        result = conv2d(x.reshape(1, count * channels, *x.shape[2:]), weight, groups=count * channels)
    return result.reshape(count, channels, *result.shape[2:])


@contextmanager
def full_precision() -> Iterator[None]:
    """Convolve in float32, since a tenth of a level is what TensorFloat-32 would cost.

    Since version 2.9, torch has a precision for each kind of operation. Where a user has set one, it refuses to read or
    restore the flag that was for all of them.
    """
    own: Any = getattr(torch.backends.cudnn, "conv", None)
    if own is None:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
        return
    before, own.fp32_precision = own.fp32_precision, "ieee"
    try:
        yield
    finally:
        own.fp32_precision = before
