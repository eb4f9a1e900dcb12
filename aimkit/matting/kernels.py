"""The inner loops of compositing, compiled by Numba: one pass over memory where OpenCV and NumPy need several.

The first call on a machine compiles them in a few seconds; Numba caches the result beside this file or in the user's
cache. Rows are handled as flat runs of bytes, so that the compiler can use wide instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aimkit.compiled import compiled
from aimkit.types import Array, Float, UInt8


def blend(foreground: UInt8, alpha: UInt8, background: UInt8) -> UInt8:
    """Blend: I = a F + (1 - a) B rounded to the nearest level; it never lies half-way between two.

    Args:
        foreground: RGB, uint8, (H, W, 3).
        alpha: Alpha matte, uint8, (H, W).
        background: RGB, uint8, (H, W, 3).

    Returns:
        RGB, uint8, (H, W, 3).
    """
    image = np.empty(foreground.shape, np.uint8)
    _blend(_rows(foreground), np.ascontiguousarray(alpha), _rows(background), _rows(image))
    return image


def add_tiled(
    planes: tuple[UInt8, UInt8], banks: tuple[Float, Float], starts: Array, scale: float, sigma: float
) -> tuple[UInt8, UInt8]:
    """Add the sum of two tiled banks of noise to two planes, rounded and clipped.

    Args:
        planes: Two RGB planes, uint8, (H, W, 3).
        banks: Two banks of noise, float32, (side, side, 3).
        starts: Row and column of each bank at the first pixel, int64, (2, 2); they lie inside the bank.
        scale: First factor of the noise, in single precision.
        sigma: Second factor of the noise, in single precision.

    Returns:
        The two planes with noise, uint8, (H, W, 3).
    """
    first, second = (np.empty(plane.shape, np.uint8) for plane in planes)
    one, two = (bank.reshape(len(bank), -1) for bank in banks)
    factor1, factor2 = np.float32(scale), np.float32(sigma)
    _add_tiled(_rows(planes[0]), _rows(planes[1]), one, two, starts, factor1, factor2, _rows(first), _rows(second))
    return first, second


def reduce(
    image: UInt8, alpha: UInt8, foreground: UInt8, background: UInt8, times: int
) -> tuple[UInt8, UInt8, UInt8, UInt8]:
    """Average every block of ``times`` x ``times`` pixels; halves are rounded up.

    The foreground's mean is weighted by alpha and the background's by 1 - alpha, so that the compositing equation
    survives. Where less than half a level of weight is left, the colour is that of the pixel in the middle.

    Args:
        image: RGB, uint8, (H, W, 3); H and W are multiples of ``times``.
        alpha: Alpha matte, uint8, (H, W).
        foreground: RGB, uint8, (H, W, 3).
        background: RGB, uint8, (H, W, 3).
        times: Side of the blocks, at most 256.

    Returns:
        The four planes, reduced: image, alpha, foreground, background.
    """
    height, width = (n // times for n in alpha.shape)
    small = [np.empty((height, width, 3), np.uint8) for _ in range(3)]
    matte = np.empty((height, width), np.uint8)
    _reduce(
        _rows(image), np.ascontiguousarray(alpha), _rows(foreground), _rows(background), times,
        _rows(small[0]), matte, _rows(small[1]), _rows(small[2]),
    )  # fmt: skip
    return small[0], matte, small[1], small[2]


@compiled
def or_shifted(run: Array, bits: Array, by: int) -> None:
    """Add to a mask another mask that is shifted to the left; both are packed, 64 pixels in a word.

    Args:
        run: Mask that is changed in place, uint64, (H, words).
        bits: Mask to be shifted, uint64, (H, words); pixels from outside are 0.
        by: Shift to the left in pixels; may be negative.
    """
    height, width = bits.shape
    words, rest = by // 64, np.uint64(by % 64)
    other = np.uint64(64) - rest
    start, stop = max(0, -words), min(width, width - words)
    for y in range(height):
        to, source = run[y], bits[y]
        for x in range(start, stop):
            to[x] |= source[x + words] >> rest
        if rest:
            for x in range(max(0, -words - 1), min(width, width - words - 1)):
                to[x] |= source[x + words + 1] << other


def _rows(plane: Array) -> Array:
    """View (H, W, 3) as (H, 3 W)."""
    return np.ascontiguousarray(plane).reshape(len(plane), -1)


@compiled
def _blend(foreground: Array, alpha: Array, background: Array, image: Array) -> None:
    height, width = alpha.shape
    weight = np.empty(3 * width, np.float32)
    full, half = np.float32(255), np.float32(0.5)
    for y in range(height):
        _thrice(alpha[y], weight)
        f, b, out = foreground[y], background[y], image[y]
        for i in range(3 * width):
            total = weight[i] * np.float32(f[i]) + (full - weight[i]) * np.float32(b[i])
            out[i] = np.uint8(np.int32(total / full + half))


@compiled
def _add_tiled(
    first: Array,
    second: Array,
    one: Array,
    two: Array,
    starts: Array,
    scale: np.float32,
    sigma: np.float32,
    to1: Array,
    to2: Array,
) -> None:
    height, length = first.shape
    noise = np.empty(length, np.float32)
    for y in range(height):
        row1, row2 = one[(starts[0, 0] + y) % len(one)], two[(starts[1, 0] + y) % len(two)]
        x1, x2, x = 3 * starts[0, 1], 3 * starts[1, 1], 0
        while x < length:
            count = min(length - x, len(row1) - x1, len(row2) - x2)
            a, b, n = row1[x1 : x1 + count], row2[x2 : x2 + count], noise[x : x + count]
            for i in range(count):
                n[i] = (a[i] + b[i]) * scale * sigma
            x, x1, x2 = x + count, (x1 + count) % len(row1), (x2 + count) % len(row2)
        p, q, r, s = first[y], second[y], to1[y], to2[y]
        for i in range(length):
            r[i] = _level(np.float32(p[i]) + noise[i])
            s[i] = _level(np.float32(q[i]) + noise[i])


@compiled
def _reduce(
    image: Array, alpha: Array, foreground: Array, background: Array, times: int,
    small: Array, matte: Array, near: Array, far: Array,
) -> None:  # fmt: skip
    # First down the columns of a block, many at a time, then along its rows.
    height, width = matte.shape
    length, count = 3 * width * times, times * times
    weight = np.empty(length, np.uint16)
    total, solid = np.empty(length, np.uint32), np.empty(length, np.uint32)
    front, back = np.empty(length, np.uint32), np.empty(length, np.uint32)
    for y in range(height):
        total[:], solid[:], front[:], back[:] = 0, 0, 0, 0
        for row in range(y * times, (y + 1) * times):
            _thrice(alpha[row], weight)
            i_row, f_row, b_row = image[row], foreground[row], background[row]
            for i in range(length):
                w = np.uint32(weight[i])
                total[i] += np.uint32(i_row[i])
                solid[i] += w
                front[i] += w * np.uint32(f_row[i])
                back[i] += (np.uint32(255) - w) * np.uint32(b_row[i])
        middle = y * times + times // 2
        f_row, b_row = foreground[middle], background[middle]
        for x in range(width):
            share = np.uint32(0)
            for i in range(times):
                share += solid[3 * (x * times + i)]
            rest = np.uint32(255 * count) - share
            matte[y, x] = np.uint8((2 * share + count) // (2 * count))
            for c in range(3):
                s, f, b = np.uint32(0), np.uint32(0), np.uint32(0)
                for i in range(times):
                    at = 3 * (x * times + i) + c
                    s, f, b = s + total[at], f + front[at], b + back[at]
                seen = 3 * (x * times + times // 2) + c
                small[y, 3 * x + c] = np.uint8((2 * s + count) // (2 * count))
                near[y, 3 * x + c] = np.uint8(f / share + 0.5) if 2 * share > count else f_row[seen]
                far[y, 3 * x + c] = np.uint8(b / rest + 0.5) if 2 * rest > count else b_row[seen]


@compiled
def _level(value: float) -> Any:
    """The nearest level, by adding a half and cutting off: rounding to even costs twice as much."""
    return np.uint8(np.int32(min(max(value + np.float32(0.5), np.float32(0)), np.float32(255))))


@compiled
def _thrice(alpha: Array, weight: Array) -> None:
    for x in range(len(alpha)):
        weight[3 * x] = weight[3 * x + 1] = weight[3 * x + 2] = alpha[x]
