"""Multiplying colours by alpha and dividing them again, compiled by Numba: one pass over memory each."""

from __future__ import annotations

from functools import cache

import numpy as np

from aimkit.compiled import compiled
from aimkit.types import Array, Float, UInt8, to_float

#: Below this alpha the un-premultiplied colour is noise.
THIN = np.float32(1 / 512)


def premultiply(color: Array, alpha: Array) -> Float:
    """Colours times alpha, and alpha.

    Args:
        color: Straight RGB, uint8 or float32 in [0, 1], (H, W, 3).
        alpha: Matte, uint8 or float32 in [0, 1], (H, W).

    Returns:
        Float32 in [0, 1], (H, W, 4).
    """
    layer = np.empty((*alpha.shape, 4), np.float32)
    if color.dtype == alpha.dtype == np.uint8:
        _premultiply_levels(color, alpha, _shares(), layer)
    else:
        _premultiply(to_float(color), to_float(alpha), layer)
    return layer


def straighten(layer: Float) -> tuple[Float, Float, bool]:
    """Undo :func:`premultiply`; values beyond [0, 1] are clipped.

    Returns:
        Straight RGB, float32, (H, W, 3); alpha, float32, (H, W); whether any alpha is at most :data:`THIN`, where
        colours mean nothing.
    """
    color, alpha = np.empty((*layer.shape[:2], 3), np.float32), np.empty(layer.shape[:2], np.float32)
    return color, alpha, bool(_straighten(layer, color, alpha))


def fill_thin(color: Float, alpha: Float, other: Array) -> None:
    """Set colours where alpha is at most :data:`THIN` to those of another image, uint8 or float32, (H, W, 3)."""
    if other.dtype == np.uint8:
        _fill_levels(color, alpha, other, _shares())
    else:
        _fill(color, alpha, to_float(other))


@cache
def _shares() -> Float:
    levels: UInt8 = np.arange(256, dtype=np.uint8)
    return to_float(levels)


@compiled
def _premultiply_levels(color: Array, alpha: Array, shares: Array, layer: Array) -> None:
    height, width = alpha.shape
    for y in range(height):
        for x in range(width):
            a = shares[alpha[y, x]]
            layer[y, x, 3] = a
            for c in range(3):
                layer[y, x, c] = shares[color[y, x, c]] * a


@compiled
def _premultiply(color: Array, alpha: Array, layer: Array) -> None:
    height, width = alpha.shape
    for y in range(height):
        for x in range(width):
            a = alpha[y, x]
            layer[y, x, 3] = a
            for c in range(3):
                layer[y, x, c] = color[y, x, c] * a


@compiled
def _straighten(layer: Array, color: Array, alpha: Array) -> bool:
    height, width = alpha.shape
    thin = False
    zero, one = np.float32(0), np.float32(1)
    for y in range(height):
        for x in range(width):
            a = min(max(layer[y, x, 3], zero), one)
            alpha[y, x] = a
            thin |= a <= THIN
            weight = max(a, THIN)
            for c in range(3):
                color[y, x, c] = min(min(max(layer[y, x, c], zero), one) / weight, one)
    return thin


@compiled
def _fill_levels(color: Array, alpha: Array, other: Array, shares: Array) -> None:
    height, width = alpha.shape
    for y in range(height):
        for x in range(width):
            if alpha[y, x] <= THIN:
                for c in range(3):
                    color[y, x, c] = shares[other[y, x, c]]


@compiled
def _fill(color: Array, alpha: Array, other: Array) -> None:
    height, width = alpha.shape
    for y in range(height):
        for x in range(width):
            if alpha[y, x] <= THIN:
                for c in range(3):
                    color[y, x, c] = min(max(other[y, x, c], np.float32(0)), np.float32(1))
