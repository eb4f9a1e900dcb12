"""Dilation of a mask by OpenCV's ellipse, 64 pixels at a time.

A mask with one bit a pixel is so small that it stays in the processor's nearest cache. A row of the ellipse is a
segment. The dilation by it is a union of shifted masks, and a longer row only adds a few shifts to a shorter one.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from aimkit.types import Array

#: Below this kernel OpenCV's own dilation is as fast.
_WIDE = 12

_BITS = 64


def dilate(mask: Array, kernel: int) -> Array:
    """Dilate a mask exactly as ``cv2.dilate`` does with an elliptical kernel.

    Erosion is the same on the inverted mask.

    Args:
        mask: Mask, bool, (H, W).
        kernel: Side of the ellipse in pixels; below 2 the mask is returned unchanged.

    Returns:
        The dilated mask, bool, (H, W).
    """
    if kernel < 2 or not mask.any():
        return mask
    if kernel < _WIDE:
        return cv2.dilate(mask.view(np.uint8), _ellipse(kernel)).view(bool)
    # Numba is imported only where its loops run.
    from aimkit.matting import kernels

    height, width = mask.shape
    padded = np.pad(mask, ((0, 0), (0, -width % _BITS)))
    bits = np.packbits(padded, axis=1, bitorder="little").view("<u8")
    rows, middle = segments(kernel), kernel // 2
    result, run = np.zeros_like(bits), np.zeros_like(bits)
    low = high = rows[0][0]
    for number in sorted(range(kernel), key=lambda n: rows[n][1] - rows[n][0]):
        start, stop = rows[number]
        for column in [*range(start, low), *range(max(high, start), stop)] if low < high else range(start, stop):
            kernels.or_shifted(run, bits, column - middle)
        low, high = start, stop
        down = number - middle
        if abs(down) < height:
            part = result[max(-down, 0) : height - max(down, 0)]
            part |= run[max(down, 0) : height + min(down, 0)]
    return np.unpackbits(result.view(np.uint8), axis=1, count=width, bitorder="little").view(bool)


@lru_cache(maxsize=64)
def segments(kernel: int) -> list[tuple[int, int]]:
    """Return first column and last column + 1 of every row of OpenCV's ellipse, whose middle is at ``kernel // 2``."""
    columns = [np.flatnonzero(row) for row in _ellipse(kernel)]
    return [(int(c[0]), int(c[-1]) + 1) for c in columns]


@lru_cache(maxsize=64)
def _ellipse(kernel: int) -> Array:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (kernel, kernel))
