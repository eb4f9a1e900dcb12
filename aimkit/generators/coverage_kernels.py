"""Loops of ``coverage``, compiled by Numba. Each gives the bytes of a plain form that the tests keep.

Functions import this module where they draw, so that listing the generators needs no compiler.
"""

from __future__ import annotations

import numpy as np

from aimkit.compiled import compiled
from aimkit.types import Array


@compiled
def fragments(
    lines: Array,
    attributes: Array,
    size: tuple[int, int],
    corner: tuple[int, int],
    columns: int,
    pixel: Array,
    cover: Array,
    sample: Array,
    color: Array,
) -> tuple[int, int, int, int, int, int]:
    """Sample strokes once a pixel along their major axis, and list the pixels that every sample's extent touches.

    Args:
        lines: Polylines in pixels whose centres are whole numbers, float32, (N, P, 2) as (x, y).
        attributes: Width, red, green, blue, 1 and opacity at the points, float32, (N, P, 6).
        size: (height, width) of the canvas.
        corner: First row and column of the window in which pixels are counted.
        columns: Columns of that window.
        pixel: Set to the pixels in the window, int64, (fragments,); when it has no elements, nothing is written.
        cover: Set to the shares of the pixels, float32, (fragments,).
        sample: Set to the rows of ``color``, int64, (fragments,).
        color: Set to red, green, blue and 1 of the samples, float32, (samples, 4).

    Returns:
        Number of fragments, of samples, and the first row, last row, first column and last column touched.
    """
    zero, half, one, most = np.float32(0), np.float32(0.5), np.float32(1), np.float32(1 - 1e-6)
    wider, least, thin = np.float32(1.001), np.float32(1e-4), np.float32(1e-4)
    listed, taken = 0, 0
    top, bottom, left, right = size[0], -1, size[1], -1
    value = np.empty(6, np.float32)
    for line in range(lines.shape[0]):
        for point in range(lines.shape[1] - 1):
            x0, y0 = lines[line, point, 0], lines[line, point, 1]
            x1, y1 = lines[line, point + 1, 0], lines[line, point + 1, 1]
            # The margin keeps a straight diagonal on one axis: where the axis changes, a sample may be lost.
            steep = abs(y1 - y0) > abs(x1 - x0) * wider + least
            u0, u1, v0, dv = (y0, y1, x0, x1 - x0) if steep else (x0, x1, y0, y1 - y0)
            along_limit, across_limit = (size[0], size[1]) if steep else (size[1], size[0])
            du = u1 - u0
            # Samples: whole u between the ends; half open, so that successive segments share no sample.
            low = max(np.ceil(min(u0, u1)), zero)
            count = int(min(np.ceil(max(u0, u1)), np.float32(along_limit)) - low)
            # The extent along v of a band that lies at an angle to it.
            slope = dv / (one if du == zero else du)
            slant = np.sqrt(one + slope * slope)
            for step in range(count):
                u = low + np.float32(step)
                t = (u - u0) / du
                v = v0 + t * dv
                for k in range(6):
                    first_value = attributes[line, point, k]
                    value[k] = first_value + t * (attributes[line, point + 1, k] - first_value)
                reach = half * value[0] * slant
                begin, end = v - reach, v + reach
                first, last = int(np.floor(begin + half)), int(np.floor(end + half))
                along = int(u)
                for across in range(max(first, 0), min(last, across_limit - 1) + 1):
                    centre = np.float32(across)
                    share = (min(end, centre + half) - max(begin, centre - half)) * value[5]
                    share = min(max(share, zero), most)
                    if share <= thin:
                        continue
                    row, col = (along, across) if steep else (across, along)
                    if len(pixel):
                        pixel[listed] = (row - corner[0]) * columns + col - corner[1]
                        cover[listed] = share
                        sample[listed] = taken
                    else:
                        top, bottom = min(top, row), max(bottom, row)
                        left, right = min(left, col), max(right, col)
                    listed += 1
                if len(pixel):
                    for c in range(4):
                        color[taken, c] = value[c + 1]
                taken += 1
    return listed, taken, top, bottom, left, right


@compiled
def sort_fragments(
    pixel: Array, cover: Array, sample: Array, start: Array, sorted_cover: Array, sorted_sample: Array
) -> None:
    """Sort fragments by pixel, those of a pixel in their order.

    Args:
        pixel: int64, (N,).
        cover: float32, (N,).
        sample: int64, (N,).
        start: Zeros; set to where the fragments of every pixel begin, and end, int64, (pixels + 1,).
        sorted_cover: Set to the shares by pixel, float32, (N,).
        sorted_sample: Set to the samples by pixel, int64, (N,).
    """
    for i in range(len(pixel)):
        start[pixel[i] + 1] += 1
    for p in range(1, len(start)):
        start[p] += start[p - 1]
    place = start[:-1].copy()
    for i in range(len(pixel)):
        to = place[pixel[i]]
        place[pixel[i]] = to + 1
        sorted_cover[to] = cover[i]
        sorted_sample[to] = sample[i]


@compiled
def add_fragments(window: Array, through: Array, start: Array, weight: Array, sample: Array, color: Array) -> None:
    """Add weighted colours to what shows through behind them.

    Args:
        window: Changed, float32, (H, W, 4).
        through: Share of a pixel that shows through, float32, (H W,).
        start: Where the fragments of every pixel begin, and end, int64, (H W + 1,).
        weight: float32, (N,).
        sample: Row of ``color`` of every fragment, int64, (N,).
        color: float32, (M, 4).
    """
    width = window.shape[1]
    total = np.empty(4, np.float32)
    for p in range(len(start) - 1):
        if start[p] == start[p + 1]:
            continue
        total[:] = 0
        for i in range(start[p], start[p + 1]):
            for c in range(4):
                total[c] += weight[i] * color[sample[i], c]
        for c in range(4):
            window[p // width, p % width, c] = window[p // width, p % width, c] * through[p] + total[c]


@compiled
def polygon_bounds(start: Array, step: Array, count: Array, height: int, width: int) -> tuple[int, int, int, int]:
    """First row, last row, first column and last column that the edges of a polygon touch inside the frame.

    Args:
        start: Corners in pixels, float64, (N, 2) as (x, y).
        step: From each corner to the next, (N, 2).
        count: Pieces into which every edge is cut, int64, (N,).
        height: Rows of the frame; pieces above and below it are left out.
        width: Columns of the frame; pieces beyond it are moved to its border.
    """
    none = np.empty((0, 0))
    top, bottom, left, right = height, -1, width + 1, -1
    for second in range(2):
        bounds = _rises(start, step, count, height, width, second == 1, 0, 0, none, none)
        top, bottom, left, right = (
            min(top, bounds[0]), max(bottom, bounds[1]), min(left, bounds[2]), max(right, bounds[3]),
        )  # fmt: skip
    return top, bottom, left, right


@compiled
def polygon_area(
    start: Array, step: Array, count: Array, height: int, width: int, top: int, left: int, result: Array
) -> None:
    """Coverage of a polygon by the signed area to the right of its edges; arguments as :func:`polygon_bounds`.

    Args:
        top: First row of the window.
        left: First column of the window.
        result: Written to, float32, the window.
    """
    own, beyond = np.zeros((result.shape[0], result.shape[1] + 2)), np.zeros((result.shape[0], result.shape[1] + 2))
    for second in range(2):
        _rises(start, step, count, height, width, second == 1, top, left, own, beyond)
    for y in range(result.shape[0]):
        total = 0.0
        for x in range(result.shape[1]):
            total += own[y, x] + beyond[y, x]
            result[y, x] = min(max(abs(total), 0.0), 1.0)


@compiled
def _rises(
    start: Array,
    step: Array,
    count: Array,
    height: int,
    width: int,
    second: bool,
    top: int,
    left: int,
    own: Array,
    beyond: Array,
) -> tuple[int, int, int, int]:
    """The first or the second part of every piece: where it lies, and how far it rises there."""
    bounds = (height, -1, width + 1, -1)
    for edge in range(len(count)):
        for piece in range(count[edge]):
            share = piece / count[edge]
            x0, y0 = start[edge, 0] + step[edge, 0] * share, start[edge, 1] + step[edge, 1] * share
            x1, y1 = x0 + step[edge, 0] / count[edge], y0 + step[edge, 1] / count[edge]
            # A piece that crosses from row to row is cut there, so that the rises of a row add up to zero.
            cut, part = y1, 1.0
            if np.floor(y0) != np.floor(y1):
                cut = max(np.floor(y0), np.floor(y1))
                part = (cut - y0) / (y1 - y0)
            between = x0 + part * (x1 - x0)
            if second:
                middle_x, middle_y, rise = (between + x1) / 2, (cut + y1) / 2, y1 - cut
            else:
                middle_x, middle_y, rise = (x0 + between) / 2, (y0 + cut) / 2, cut - y0
            row = int(np.floor(middle_y))
            if row < 0 or row >= height:
                continue
            x = min(max(middle_x, 0.0), float(width))
            col = min(int(x), width)
            bounds = (min(bounds[0], row), max(bounds[1], row), min(bounds[2], col), max(bounds[3], col))
            if own.size:
                # A rise covers everything to its right in the row, and of its own pixel the part right of it.
                within = x - col
                own[row - top, col - left] += rise * (1 - within)
                beyond[row - top, col - left + 1] += rise * within
    return bounds
