"""Sizes at which networks see a photo, and bilinear resizing of any window of a plane."""

from __future__ import annotations

import numpy as np

from aimkit.types import Array, Float, UInt8

#: Minimum short side of a network's input in pixels, unless the photo is smaller: below it networks see too little.
LEAST_SIDE = 128
#: Maximum long side of a network's input in the reference, in pixels.
MAX_SIDE = 1600
#: Reduced inputs have sides of a multiple, as in the reference: a network that has to pad its input sees what the photo
#: does not show.
MULTIPLE = 32

#: (top, left, bottom, right) in pixels, bottom and right excluded.
Window = tuple[int, int, int, int]


def working_size(
    size: tuple[int, int], scale: float, max_side: int = MAX_SIDE, side: int | None = None
) -> tuple[int, int]:
    """The input size of a network: the photo's own, or a smaller one of nearly its aspect ratio.

    Args:
        size: (height, width) of the photo.
        scale: Desired size relative to the photo, at most 1; raised where the short side would fall below
            ``LEAST_SIDE``.
        max_side: Maximum long side in pixels; overrides all else.
        side: Desired short side in pixels; replaces ``scale``.

    Returns:
        (height, width), each at most the photo's. A reduced side is rounded to a multiple of ``MULTIPLE``, unless it is
        smaller than that.
    """
    scale = scale if side is None else side / min(size)
    scale = min(max(scale, LEAST_SIDE / min(size)), 1.0, max_side / max(size))
    height, width = (_rounded(side * scale, min(side, max_side)) for side in size)
    return size if scale == 1 else (height, width)


def _rounded(length: float, most: int) -> int:
    nearest = int(length / MULTIPLE + 0.5) * MULTIPLE
    nearest -= MULTIPLE * (nearest > most)
    return nearest or max(1, round(length))


def planes_of(photos: UInt8) -> UInt8:
    """View photos, (B, H, W, 3), as planes, (B, 3, H, W)."""
    return np.moveaxis(photos, -1, 1)


def shrink(planes: Array, size: tuple[int, int]) -> Float:
    """Reduce photos to a network's input size: bilinear, as in training, and averaged where that would skip pixels.

    Args:
        planes: uint8 or float, (B, C, H, W).
        size: (height, width) of the result.

    Returns:
        float32, (B, C, height, width), in the units of ``planes``.
    """
    # Bilinear looks at 2 x 2 pixels. From a sixth on several looks are averaged, each at about a quarter.
    down, across = max(1, round(planes.shape[-2] / size[0] / 4)), max(1, round(planes.shape[-1] / size[1] / 4))
    dense = bilinear(planes, (size[0] * down, size[1] * across))
    if (down, across) == (1, 1):
        return dense
    total = np.zeros((*planes.shape[:2], *size), np.float32)
    for y in range(down):
        for x in range(across):
            total += dense[..., y::down, x::across]
    total /= down * across
    return total


def bilinear(planes: Array, size: tuple[int, int], window: Window | None = None, *, mirror: bool = False) -> Float:
    """Resize planes to ``size`` and return a window, without computing the rest.

    Pixel centres are at half-integers (as PyTorch's ``align_corners=False``). There is no anti-aliasing. Only the
    pixels that are read are converted to float.

    Args:
        planes: uint8 or float32, (B, C, h, w).
        size: (height, width) of the whole resized plane.
        window: The part of the resized plane to return; None for all.
        mirror: Mirror the plane about its outermost pixels beyond the border, as the reference's resizer does, instead
            of repeating them.

    Returns:
        float32, (B, C, rows, columns) of the window. It may share memory with ``planes``.
    """
    top, left, bottom, right = window or (0, 0, *size)
    enlarges = size[0] > planes.shape[-2]
    planes, rows = _neighbours(planes, -2, size[0], top, bottom, mirror)
    planes, columns = _neighbours(planes, -1, size[1], left, right, mirror)
    # Columns are the slower axis, so that they are done while there are few rows.
    if enlarges:
        return _lerp(_lerp(planes, -1, columns), -2, rows)
    return _lerp(_lerp(planes, -2, rows), -1, columns)


#: For every position: the pixel before it, and how far it is on the way to the next.
_Neighbours = tuple[Array, Array] | None


def _neighbours(
    planes: Array, axis: int, length: int, start: int, stop: int, mirror: bool
) -> tuple[Array, _Neighbours]:
    """The part of the planes that is looked at, and where in it; None where pixels are taken as they are."""
    last = planes.shape[axis] - 1
    if last + 1 == length:
        return _narrow(planes, axis, start, stop), None
    # float32 would lose whole hundredths of a pixel on large photos.
    at = (np.arange(start, stop) + 0.5) * ((last + 1) / length) - 0.5
    if mirror:
        at = np.abs(at)
        at = np.where(at > last, 2 * last - at, at)
    at = np.clip(at, 0, last)
    low = np.minimum(np.floor(at).astype(np.int64), max(last - 1, 0))
    first = int(low.min())
    part = _narrow(planes, axis, first, min(int(low.max()) + 1, last) + 1)
    return part, (low - first, (at - low).astype(np.float32))


def _lerp(planes: Array, axis: int, neighbours: _Neighbours) -> Float:
    if neighbours is None:
        return np.asarray(planes, np.float32)
    low, share = neighbours
    after = np.minimum(low + 1, planes.shape[axis] - 1)
    first, second = _take(planes, axis, low), _take(planes, axis, after)
    second = np.subtract(second, first, dtype=np.float32)
    second *= share[:, None] if axis == -2 else share
    second += first
    return second


def _take(planes: Array, axis: int, index: Array) -> Array:
    # Indexing copies rows of a view without copying the view first, as np.take does; for columns np.take is faster.
    return planes[:, :, index] if axis == -2 else np.take(planes, index, axis=-1)


def _narrow(planes: Array, axis: int, start: int, stop: int) -> Array:
    return planes[:, :, start:stop] if axis == -2 else planes[..., start:stop]
