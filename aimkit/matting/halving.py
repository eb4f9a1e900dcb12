"""Halving of a colour plane with its matte in 8 bits, compiled by Numba: one pass over memory."""

from __future__ import annotations

import numpy as np

from aimkit.compiled import compiled
from aimkit.types import Array, UInt8


def halve(color: UInt8, alpha: UInt8) -> tuple[UInt8, UInt8]:
    """Average every block of 2 x 2 pixels, colours weighted by alpha.

    Where a block has hardly any weight, half a level in the mean, its colours are averaged as they are.

    Args:
        color: Straight RGB, uint8, (H, W, 3); H and W are even.
        alpha: Matte, uint8, (H, W).

    Returns:
        Both, halved; halves are rounded up but for weighted colours, which are rounded to even.
    """
    height, width = (n // 2 for n in alpha.shape)
    small, matte = np.empty((height, width, 3), np.uint8), np.empty((height, width), np.uint8)
    _halve(np.ascontiguousarray(color).reshape(2 * height, -1), alpha, small.reshape(height, -1), matte)
    return small, matte


@compiled
def _halve(color: Array, alpha: Array, small: Array, matte: Array) -> None:
    height, width = matte.shape
    for y in range(height):
        one, two, a, b, out = color[2 * y], color[2 * y + 1], alpha[2 * y], alpha[2 * y + 1], small[y]
        for x in range(width):
            p, q = np.int32(a[2 * x]), np.int32(a[2 * x + 1])
            r, s = np.int32(b[2 * x]), np.int32(b[2 * x + 1])
            weight = p + q + r + s
            matte[y, x] = np.uint8((weight + 2) >> 2)
            share = np.float32(weight if weight > 1 else 1)
            for c in range(3):
                i = 6 * x + c
                w, v, u, t = np.int32(one[i]), np.int32(one[i + 3]), np.int32(two[i]), np.int32(two[i + 3])
                mean = np.float32(p * w + q * v + r * u + s * t) / share
                plain = (w + v + u + t + 2) >> 2
                out[3 * x + c] = np.uint8(np.int32(np.rint(mean)) if weight > 1 else plain)
