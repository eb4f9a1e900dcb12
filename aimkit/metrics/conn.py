"""The connectivity error: disconnected parts of a matte (Rhemann et al., CVPR 2009)."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

from aimkit.metrics.planes import equals, reaches, window_of_difference
from aimkit.types import Array, Float, UInt8, to_float

#: Thresholds are 0.1, 0.2, ..., 1.
STEPS = 10
#: Smaller distances to the connected level count as zero.
TOLERANCE = 0.15


def connectivity_error(prediction: Array, alpha: Array, *, parity: bool = False, mask: Array | None = None) -> float:
    """Compute the connectivity error, in thousands.

    The level l of a pixel is the last threshold at which it belongs to the source: the largest 4-connected region
    where prediction and truth both reach the threshold. With d = value - l, a pixel is connected to the degree
    phi = 1 - d where d >= 0.15, else 1. The error is the sum of abs(phi(prediction) - phi(truth)) / 1000.

    Args:
        prediction: Predicted alpha, uint8 or float32 in [0, 1], (H, W).
        alpha: True alpha of the same dtype, (H, W).
        parity: Skip thresholds that prediction and truth never reach together, as the reference does: pixels that
            were connected until then get level 1, so that an empty prediction has no error.
        mask: Pixels that count, uint8, (H, W), nonzero where they do; all when None.
    """
    window = window_of_difference(prediction, alpha)
    if window is None:
        return 0.0
    level = connected_steps(cv2.min(prediction, alpha), parity=parity)[window] * np.float32(1 / STEPS)
    first, second = (_looseness(plane[window], level) for plane in (prediction, alpha))
    inside = None if mask is None else mask[window]
    return float(cv2.norm(first, second, cv2.NORM_L1, inside)) / 1000  # type: ignore[arg-type]


def connected_steps(overlap: Array, *, parity: bool = False) -> UInt8:
    """Count the thresholds up to which every pixel is connected.

    Args:
        overlap: The smaller of prediction and truth, uint8 or float32 in [0, 1], (H, W).
        parity: See :func:`connectivity_error`.

    Returns:
        Ten times the level of every pixel, 0 to 10, uint8, (H, W).
    """
    thresholds = [_threshold(step, overlap.dtype) for step in range(1, STEPS + 1)]
    x, y, width, height = cv2.boundingRect(reaches(overlap, thresholds[0]))
    if width == 0:
        return np.full(overlap.shape, STEPS if parity else 0, np.uint8)
    everywhere = np.zeros(overlap.shape, np.uint8)
    window = slice(y, y + height), slice(x, x + width)
    overlap, steps = np.ascontiguousarray(overlap[window]), everywhere[window]
    top, seed = overlap.max(), _amidst(overlap)
    connected: UInt8 = np.full(overlap.shape, 255, np.uint8)
    for threshold in thresholds:
        if top < threshold:
            if parity:
                steps[connected != 0] = STEPS
            break
        if not connected[seed] or overlap[seed] < threshold:
            _, peak, _, (x, y) = cv2.minMaxLoc(overlap, connected)
            if peak < threshold:
                break
            seed = y, x
        region = reaches(overlap, threshold)
        np.bitwise_and(connected, largest_region(region, seed), out=connected)
        steps += connected & 1
    return everywhere


def largest_region(region: UInt8, seed: tuple[int, int]) -> UInt8:
    """Return the largest 4-connected part of a mask; the first in reading order when several are equal.

    Args:
        region: Mask, 0 or 255, uint8, (H, W); not empty.
        seed: (y, x) of a pixel of the region that is likely to be in that part.

    Returns:
        Mask of the part, 0 or 255, uint8, (H, W).
    """
    # A part with more than half of the pixels is the largest, and one flood fill costs a tenth of labelling.
    filled = np.zeros((region.shape[0] + 2, region.shape[1] + 2), np.uint8)
    area = cv2.floodFill(region, filled, seed[::-1], 0, flags=4 | cv2.FLOODFILL_MASK_ONLY | 255 << 8)[0]
    if 2 * area > cv2.countNonZero(region):
        return filled[1:-1, 1:-1]
    _, labels = cv2.connectedComponents(region, connectivity=4)
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    largest = np.flatnonzero(areas == areas.max())
    first = largest[0] if len(largest) == 1 else labels.ravel()[np.isin(labels.ravel(), largest).argmax()]
    return equals(labels, int(first))


def _amidst(overlap: Array) -> tuple[int, int]:
    """(y, x) of a pixel inside the brightest part: a speck outside the source would mislead the flood fill."""
    height, width = overlap.shape
    small = cv2.resize(overlap, (max(1, width // 16), max(1, height // 16)), interpolation=cv2.INTER_AREA)
    x, y = cv2.minMaxLoc(small)[3]
    return int((y + 0.5) * height / small.shape[0]), int((x + 0.5) * width / small.shape[1])


def _threshold(step: int, dtype: np.dtype[Any]) -> float:
    """The least value that reaches a threshold.

    Evaluations in NumPy use multiples of the double 0.1 as thresholds. The third, sixth and seventh lie slightly above
    their decimals: a value of exactly 0.6, level 153, does not reach the sixth.
    """
    threshold = step * 0.1
    if dtype == np.uint8:
        return math.ceil(threshold * 255)
    single = np.float32(threshold)
    return float(np.nextafter(single, np.float32(2)) if threshold > step / STEPS else single)


def _looseness(plane: Array, level: Float) -> Float:
    """1 - phi."""
    distance = to_float(plane) - level
    below = float(np.nextafter(np.float32(TOLERANCE), np.float32(0)))
    return np.asarray(cv2.threshold(distance, below, 0, cv2.THRESH_TOZERO)[1], np.float32)
