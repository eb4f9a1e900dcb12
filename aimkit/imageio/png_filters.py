"""Undoing the filters of PNG rows, compiled by Numba: differences from neighbours become levels again."""

from __future__ import annotations

from typing import Any

import numpy as np

from aimkit.compiled import compiled
from aimkit.types import Array


@compiled
def undo_filters(rows: Array, channels: int, pixels: Array) -> bool:
    """Undo the filters of rows.

    Args:
        rows: Each with its filter's number before it, uint8, (h, 1 + bytes).
        channels: Bytes of a pixel.
        pixels: Is filled, uint8, (h, n); n may be less than the bytes of a row.

    Returns:
        False if a filter is unknown.
    """
    height, length = pixels.shape
    for y in range(height):
        kind, row, out = rows[y, 0], rows[y, 1:], pixels[y]
        if kind == 0 or (kind == 2 and y == 0):
            out[:] = row[:length]
        elif kind == 1 or (kind == 4 and y == 0):
            # Above the first row all is 0, and then the left neighbour is the nearest to the gradient.
            out[:channels] = row[:channels]
            for i in range(channels, length):
                out[i] = row[i] + out[i - channels]
        elif kind == 2:
            above = pixels[y - 1]
            for i in range(length):
                out[i] = row[i] + above[i]
        elif kind == 3:
            for i in range(length):
                left = np.int32(out[i - channels]) if i >= channels else np.int32(0)
                up = np.int32(pixels[y - 1, i]) if y else np.int32(0)
                out[i] = row[i] + np.uint8((left + up) >> 1)
        elif kind == 4:
            if channels == 3:
                _undo_gradient_of_colors(row, pixels[y - 1], out)
            elif channels == 1:
                _undo_gradient_of_grey(row, pixels[y - 1], out)
            else:
                _undo_gradient(row, pixels[y - 1], out, channels)
        else:
            return False
    return True


@compiled
def _nearest(left: Any, up: Any, corner: Any) -> Any:
    """Paeth's predictor, the neighbour that is nearest to ``left + up - corner``, in its shortest form (stb_image)."""
    low, high = min(left, up), max(left, up)
    edge = 3 * corner - (left + up)
    middle = low if high <= edge else corner
    return high if edge <= low else middle


@compiled
def _undo_gradient(row: Array, above: Array, out: Array, channels: int) -> None:
    for c in range(channels):
        left, corner = np.int32(0), np.int32(0)
        for i in range(c, len(out), channels):
            up = np.int32(above[i])
            left = (np.int32(row[i]) + _nearest(left, up, corner)) & np.int32(255)
            out[i] = np.uint8(left)
            corner = up


@compiled
def _undo_gradient_of_grey(row: Array, above: Array, out: Array) -> None:
    left, corner = np.int32(0), np.int32(0)
    for i in range(len(out)):
        up = np.int32(above[i])
        # Most of a matte: one level all around.
        if row[i] == 0 and up == corner and left == up:
            out[i] = np.uint8(left)
            continue
        left = (np.int32(row[i]) + _nearest(left, up, corner)) & np.int32(255)
        out[i] = np.uint8(left)
        corner = up


@compiled
def _undo_gradient_of_colors(row: Array, above: Array, out: Array) -> None:
    # The three channels side by side, so that the processor works on all of them at a time.
    red, green, blue = np.int32(0), np.int32(0), np.int32(0)
    red0, green0, blue0 = np.int32(0), np.int32(0), np.int32(0)
    for i in range(0, len(out) - 2, 3):
        red1, green1, blue1 = np.int32(above[i]), np.int32(above[i + 1]), np.int32(above[i + 2])
        red = (np.int32(row[i]) + _nearest(red, red1, red0)) & np.int32(255)
        green = (np.int32(row[i + 1]) + _nearest(green, green1, green0)) & np.int32(255)
        blue = (np.int32(row[i + 2]) + _nearest(blue, blue1, blue0)) & np.int32(255)
        out[i], out[i + 1], out[i + 2] = np.uint8(red), np.uint8(green), np.uint8(blue)
        red0, green0, blue0 = red1, green1, blue1
