"""Bilinear resampling along the axes, compiled by Numba: half of the time of a warp that may also turn."""

from __future__ import annotations

import numpy as np

from aimkit.compiled import compiled
from aimkit.types import Array, UInt8

#: Parts of a pixel that places are rounded to.
PARTS = 1024


def stretch(levels: UInt8, scale: tuple[float, float], shift: tuple[float, float], size: tuple[int, int]) -> UInt8:
    """Levels at the places ``scale * pixel + shift``, as OpenCV's warp rounds them; borders are repeated.

    Args:
        levels: RGB, uint8, (h, w, 3).
        scale: Pixels of ``levels`` from a pixel to the next, as (x, y), in whole :data:`PARTS`; negative mirrors.
        shift: Place of the first pixel as (x, y), in whole :data:`PARTS`; centres of pixels are at integers.
        size: (height, width) that comes out.
    """
    height, width = levels.shape[:2]
    x, across = _places(size[1], scale[0], shift[0])
    y, down = _places(size[0], scale[1], shift[1])
    left = 3 * (np.clip(x, -1, width - 1) + 1)
    above, below = np.clip(y, 0, height - 1), np.clip(y + 1, 0, height - 1)
    image = np.empty((*size, 3), np.uint8)
    rows = np.ascontiguousarray(levels).reshape(height, -1)
    _stretch(rows, left.astype(np.uint64), across, above, below, down, image.reshape(size[0], -1))
    return image


def _places(count: int, scale: float, shift: float) -> tuple[Array, Array]:
    """(pixel before, parts behind it) of every place."""
    parts = np.rint((np.arange(count) * scale + shift) * PARTS).astype(np.int64)
    return parts // PARTS, (parts % PARTS).astype(np.int32)


@compiled
def _stretch(rows: Array, left: Array, across: Array, above: Array, below: Array, down: Array, image: Array) -> None:
    length = rows.shape[1]
    # A row between two rows, in parts of a level, with its ends repeated once.
    between = np.empty(length + 6, np.int32)
    for y in range(len(image)):
        one, two, share, out = rows[above[y]], rows[below[y]], down[y], image[y]
        middle = between[3 : 3 + length]
        for i in range(length):
            level = np.int32(one[i])
            middle[i] = (level << 10) + share * (np.int32(two[i]) - level)
        for i in range(3):
            between[i], between[length + 3 + i] = between[i + 3], between[length + i]
        for x in range(len(left)):
            at, part = left[x], across[x]
            for c in range(3):
                level, following = between[at + np.uint64(c)], between[at + np.uint64(c + 3)]
                # Exact up to here; OpenCV rounds to single precision before it rounds to levels.
                total = np.float32((level << 10) + part * (following - level))
                out[3 * x + c] = np.uint8(np.int32(np.rint(total * np.float32(2.0**-20))))
