"""Sizes at which networks see a photo, and bilinear resizing of any window of a plane."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aimkit.types import Array

#: Minimum short side of a network's input in pixels, unless the photo is smaller: below it networks see too little.
LEAST_SIDE = 128
#: Maximum long side of a network's input in the reference, in pixels.
MAX_SIDE = 1600

#: (top, left, bottom, right) in pixels, bottom and right excluded.
Window = tuple[int, int, int, int]


def working_size(
    size: tuple[int, int], scale: float, max_side: int = MAX_SIDE, side: int | None = None
) -> tuple[int, int]:
    """The input size of a network, with the photo's aspect ratio.

    Args:
        size: (height, width) of the photo.
        scale: Desired size relative to the photo, at most 1; raised where the short side would fall below
            ``LEAST_SIDE``.
        max_side: Maximum long side in pixels; overrides all else.
        side: Desired short side in pixels; replaces ``scale``.

    Returns:
        (height, width), at least 1. Networks pad it to their size multiple.
    """
    scale = scale if side is None else side / min(size)
    scale = min(max(scale, LEAST_SIDE / min(size)), 1.0, max_side / max(size))
    height, width = (max(1, round(side * scale)) for side in size)
    return height, width


def shrink(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """Reduce photos to a network's input size: bilinear, as in training, and averaged where that would skip pixels.

    Args:
        planes: uint8 or float, (B, C, H, W).
        size: (height, width) of the result.

    Returns:
        float32, (B, C, height, width), in the units of ``planes``.
    """
    # Bilinear looks at 2 x 2 pixels. From a sixth on several looks are averaged, each at about a quarter.
    looks = max(1, round(planes.shape[-2] / size[0] / 4)), max(1, round(planes.shape[-1] / size[1] / 4))
    dense = bilinear(planes, (size[0] * looks[0], size[1] * looks[1]))
    return dense if looks == (1, 1) else F.avg_pool2d(dense, looks)


def bilinear(planes: Tensor, size: tuple[int, int], window: Window | None = None, *, mirror: bool = False) -> Tensor:
    """Resize planes to ``size`` and return a window, without computing the rest.

    Pixel centres are at half-integers (``align_corners=False``). There is no anti-aliasing. Only the pixels that are
    read are converted to float.

    Args:
        planes: uint8 or float, (B, C, h, w).
        size: (height, width) of the whole resized plane.
        window: The part of the resized plane to return; None for all.
        mirror: Mirror the plane about its outermost pixels beyond the border, as the reference's resizer does, instead
            of repeating them.

    Returns:
        float32, (B, C, rows, columns) of the window.
    """
    top, left, bottom, right = window or (0, 0, *size)
    planes, rows = _neighbours(planes, -2, size[0], top, bottom, mirror)
    planes, columns = _neighbours(planes, -1, size[1], left, right, mirror)
    return _lerp(_lerp(planes, -2, rows), -1, columns)


#: For every position: the pixel before it, and how far it is on the way to the next.
_Neighbours = tuple[Array, Array] | None


def _neighbours(
    planes: Tensor, axis: int, length: int, start: int, stop: int, mirror: bool
) -> tuple[Tensor, _Neighbours]:
    """The part of the planes that is looked at, and where in it; None where pixels are taken as they are."""
    last = planes.shape[axis] - 1
    if last + 1 == length:
        return planes.narrow(axis, start, stop - start), None
    # float32 would lose whole hundredths of a pixel on large photos.
    at = (np.arange(start, stop) + 0.5) * ((last + 1) / length) - 0.5
    if mirror:
        at = np.abs(at)
        at = np.where(at > last, 2 * last - at, at)
    at = np.clip(at, 0, last)
    low = np.minimum(np.floor(at).astype(np.int64), max(last - 1, 0))
    first = int(low.min())
    part = planes.narrow(axis, first, min(int(low.max()) + 1, last) - first + 1)
    return part, (low - first, (at - low).astype(np.float32))


def _lerp(planes: Tensor, axis: int, neighbours: _Neighbours) -> Tensor:
    if neighbours is None:
        return planes.float()
    low, share = neighbours
    after = np.minimum(low + 1, planes.shape[axis] - 1)
    weight = torch.from_numpy(share).to(planes.device)
    first, second = _take(planes, axis, low).float(), _take(planes, axis, after).float()
    return torch.lerp(first, second, weight.view(-1, 1) if axis == -2 else weight)


def _take(planes: Tensor, axis: int, index: Array) -> Tensor:
    if axis == -1 and planes.device.type == "cpu":
        # PyTorch copies single columns one value at a time; NumPy is 25 times faster.
        return torch.from_numpy(np.take(planes.numpy(), index, axis=axis))
    return planes.index_select(axis, torch.from_numpy(index).to(planes.device))
