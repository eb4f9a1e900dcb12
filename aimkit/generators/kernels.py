"""Loops of the generators, compiled by Numba. Each gives the bytes of a plain form that the tests keep.

Modules import this one where they draw, so that listing the generators needs no compiler.
"""

from __future__ import annotations

import numpy as np

from aimkit.compiled import compiled
from aimkit.types import Array


@compiled
def spline(
    lattice: Array, top: Array, tall: Array, left: Array, wide: Array, deviation: np.float32, result: Array
) -> None:
    """Weighted sums over a lattice, along its columns and then along its rows, over a deviation.

    Args:
        lattice: float32, (nodes down, nodes across).
        top: First lattice row of every pixel row, int64, (H,).
        tall: Weights of the rows from there on, float32, (H, taps).
        left: First lattice column of every pixel column, int64, (W,).
        wide: Weights of the columns from there on, float32, (W, taps).
        deviation: What the sums are divided by.
        result: Written to, float32, (H, W).
    """
    row = np.empty(lattice.shape[1], np.float32)
    for y in range(result.shape[0]):
        row[:] = 0
        for k in range(tall.shape[1]):
            weight, at = tall[y, k], min(top[y] + k, lattice.shape[0] - 1)
            for x in range(len(row)):
                row[x] += weight * lattice[at, x]
        if wide.shape[1] == 4:
            for x in range(result.shape[1]):
                at = left[x]
                total = wide[x, 0] * row[at] + wide[x, 1] * row[at + 1]
                total = total + wide[x, 2] * row[at + 2] + wide[x, 3] * row[at + 3]
                # Adding 0 makes -0 the 0 that a sum from 0 on gives.
                result[y, x] = (total + np.float32(0)) / deviation
        else:
            for x in range(result.shape[1]):
                total = np.float32(0)
                for k in range(wide.shape[1]):
                    total += wide[x, k] * row[min(left[x] + k, len(row) - 1)]
                result[y, x] = total / deviation


@compiled
def develop(light: Array, grey: Array, saturation: np.float32, top: np.float32, table: Array, result: Array) -> None:
    """Draw colours away from grey, and look their square roots up.

    Args:
        light: float32, (H, W, 3).
        grey: float32, (H, W).
        saturation: What the distance from grey is multiplied by.
        top: Light of the table's last value.
        table: Values from 0 to ``top``, evenly spaced by the square root, float32, (N,).
        result: Written to, float32, (H, W, 3).
    """
    zero, last = np.float32(0), np.float32(len(table) - 1)
    for y in range(light.shape[0]):
        for x in range(light.shape[1]):
            for c in range(3):
                value = grey[y, x] + saturation * (light[y, x, c] - grey[y, x])
                place = np.sqrt(min(max(value, zero), top) / top) * last
                result[y, x, c] = table[int(np.rint(place))]


@compiled
def splat(column: Array, row: Array, mass: Array, parts: Array) -> None:
    """Add point masses to the four cells around them.

    Args:
        column: Positions in cells, 0 is the centre of the first, (N,).
        row: As ``column``.
        mass: (N,).
        parts: Added to: masses for a cell, the next, the one below, and the one below the next, float64,
            (height, width, 4).
    """
    height, width = parts.shape[0], parts.shape[1]
    for i in range(len(column)):
        if column[i] >= 0 and row[i] >= 0 and column[i] < width - 1 and row[i] < height - 1:
            c, r = int(column[i]), int(row[i])
            right, low = column[i] - np.float64(c), row[i] - np.float64(r)
            parts[r, c, 0] += mass[i] * (1 - right) * (1 - low)
            parts[r, c, 1] += mass[i] * right * (1 - low)
            parts[r, c, 2] += mass[i] * (1 - right) * low
            parts[r, c, 3] += mass[i] * right * low


@compiled
def running_sum(table: Array, before: int, total: Array) -> None:
    """Sums along the rows of a periodic table, from ``before`` columns before its first.

    Args:
        table: float32, (H, W, 4).
        before: Where the sums begin.
        total: Set to the sums of the columns before each, float32, (H, columns + 1, 4).
    """
    running = np.zeros(4)
    for y in range(table.shape[0]):
        running[:] = 0
        total[y, 0] = 0
        x = table.shape[1] - before
        for column in range(1, total.shape[1]):
            if x == table.shape[1]:
                x = 0
            for c in range(4):
                running[c] += table[y, x, c]
                total[y, column, c] = running[c]
            x += 1


@compiled
def straight(layer: Array, color: Array, alpha: Array) -> None:
    """Straight colour, clipped to [0, 1], and alpha without its last ten thousandth at either end.

    Args:
        layer: Premultiplied RGBA, float32, (H, W, 4).
        color: Written to, float32, (H, W, 3).
        alpha: Written to, float32, (H, W).
    """
    zero, one = np.float32(0), np.float32(1)
    # Below this a float32 quotient says nothing about the colour.
    least, most = np.float32(1e-4), np.float32(1 - 1e-4)
    for y in range(layer.shape[0]):
        for x in range(layer.shape[1]):
            a = layer[y, x, 3]
            alpha[y, x] = zero if a < least else (one if a > most else a)
            for c in range(3):
                color[y, x, c] = min(max(layer[y, x, c] / max(a, least), zero), one)


@compiled
def spline_values(first: Array, second: Array, rows: Array, columns: Array, result: Array) -> None:
    """Two periodic cubic splines at places in cells.

    Args:
        first: Coefficients, float64, (n, n).
        second: Coefficients of the other, float64, (n, n).
        rows: Places along the first axis, (N,).
        columns: Places along the second axis, (N,).
        result: Written to, float32, (2, N).
    """
    n = first.shape[0]
    tall, wide = np.empty(4), np.empty(4)
    below, beside = np.empty(4, np.int64), np.empty(4, np.int64)
    for i in range(len(rows)):
        _taps(np.float64(rows[i]), n, tall, below)
        _taps(np.float64(columns[i]), n, wide, beside)
        one, two = 0.0, 0.0
        for a in range(4):
            for b in range(4):
                one += first[below[a], beside[b]] * tall[a] * wide[b]
                two += second[below[a], beside[b]] * tall[a] * wide[b]
        result[0, i], result[1, i] = one, two


@compiled
def _taps(place: float, n: int, weights: Array, cells: Array) -> None:
    """Weights of a cubic B-spline at a place, and the cells that they belong to."""
    if place < 0:
        place += n * (int((-1 - place) / n) + 1)
    elif place > n - 1:
        place -= n * int(place / n)
    cell = np.floor(place)
    y = place - cell
    z = 1 - y
    weights[0] = z * z * z / 6
    weights[1] = (y * y * (y - 2) * 3 + 4) / 6
    weights[2] = (z * z * (z - 2) * 3 + 4) / 6
    weights[3] = 1 - weights[0] - weights[1] - weights[2]
    for k in range(4):
        cells[k] = (int(cell) - 1 + k) % n
