"""Mean over a box, compiled by Numba: running sums down the columns, then along the rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from aimkit.compiled import compiled
from aimkit.types import Array, UInt8


def box_blur(levels: UInt8, side: int, centered: bool) -> UInt8:
    """Mean over a box of ``side`` x ``side`` pixels; borders are mirrored at the middle of the last pixel.

    Args:
        levels: RGB, uint8, (H, W, 3).
        side: Side of the box in pixels.
        centered: Centre a box of even side on its pixel: take the mean of the four boxes about it. Otherwise it lies
            half a pixel off.

    Returns:
        RGB, uint8, (H, W, 3), rounded to the nearest. Sums are whole numbers: a window equals that part of the whole.
    """
    height, width = levels.shape[:2]
    if not height or not width:
        return levels.copy()
    twice = centered and side % 2 == 0
    blurred = np.empty(levels.shape, np.uint8)
    rows, out = np.ascontiguousarray(levels).reshape(height, -1), blurred.reshape(height, -1)
    _blur(rows, side, twice, np.float32(1 / (side * side * (4 if twice else 1))), out)
    return blurred


@compiled
def _blur(rows: Array, side: int, twice: bool, share: np.float32, out: Array) -> None:
    height, length = rows.shape
    width, before = length // 3, side // 2
    column = np.zeros(length, np.int32)
    padded, sums = np.empty(3 * (width + side), np.int32), np.empty(length, np.int32)
    for y in range(-before, side - 1 - before):
        _add(column, rows, y, twice)
    for y in range(height):
        if y:
            _move(column, rows, y + side - 1 - before, y - 1 - before, twice)
        else:
            _add(column, rows, side - 1 - before, twice)
        middle = padded[3 * before : 3 * before + length]
        if twice:
            for i in range(length - 3):
                middle[i] = column[i] + column[i + 3]
            last = 3 * mirrored(width, width)
            for c in range(3):
                middle[length - 3 + c] = column[length - 3 + c] + column[last + c]
        else:
            middle[:] = column
        for x in range(-before, 0):
            _copy(padded, before + mirrored(x, width), before + x)
        for x in range(width, width + side - before):
            _copy(padded, before + mirrored(x, width), before + x)
        red, green, blue = np.int32(0), np.int32(0), np.int32(0)
        for i in range(0, 3 * side - 3, 3):
            red, green, blue = red + padded[i], green + padded[i + 1], blue + padded[i + 2]
        new = padded[3 * side - 3 :]
        for i in range(0, length, 3):
            red, green, blue = red + new[i], green + new[i + 1], blue + new[i + 2]
            sums[i], sums[i + 1], sums[i + 2] = red, green, blue
            red, green, blue = red - padded[i], green - padded[i + 1], blue - padded[i + 2]
        to = out[y]
        for i in range(length):
            to[i] = np.uint8(np.int32(np.rint(np.float32(sums[i]) * share)))


@compiled
def _add(column: Array, rows: Array, y: int, twice: bool) -> None:
    """Add a row to the sums of the columns; with ``twice``, it and the one below."""
    height = len(rows)
    at = mirrored(y, height)
    column += rows[at]
    if twice:
        column += rows[mirrored(at + 1, height)]


@compiled
def _move(column: Array, rows: Array, y: int, old: int, twice: bool) -> None:
    """Add a row to the sums of the columns, and take away an old one."""
    height = len(rows)
    at, gone = mirrored(y, height), mirrored(old, height)
    one, two = rows[at], rows[gone]
    if not twice:
        for i in range(len(column)):
            column[i] += np.int32(one[i]) - np.int32(two[i])
        return
    below, under = rows[mirrored(at + 1, height)], rows[mirrored(gone + 1, height)]
    for i in range(len(column)):
        column[i] += np.int32(one[i]) + np.int32(below[i]) - np.int32(two[i]) - np.int32(under[i])


@compiled
def _copy(padded: Array, source: int, to: int) -> None:
    for c in range(3):
        padded[3 * to + c] = padded[3 * source + c]


@compiled
def mirrored(at: int, count: int) -> Any:
    """The number of the pixel that a mirrored border shows at a place, as OpenCV's BORDER_REFLECT_101 has it."""
    if count == 1:
        return 0
    while at < 0 or at >= count:
        at = -at if at < 0 else 2 * (count - 1) - at
    return at
