"""Touching up a matte by hand: soft brush strokes that make it opaque or clear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from aimkit.types import Array, Float


@dataclass(frozen=True)
class BrushStroke:
    """A stroke of a round brush. Lengths are shares of the matte's width, so that a stroke fits every size.

    Attributes:
        points: Its course as (x, y), in shares of the width, from the upper left corner.
        radius: Radius of the brush.
        softness: Standard deviation of the blur of its rim; 0 for a hard one.
        value: Alpha under the brush: 1 adds to the foreground, 0 takes away.
    """

    points: tuple[tuple[float, float], ...]
    radius: float
    softness: float = 0.0
    value: float = 1.0

    def coverage(self, size: tuple[int, int]) -> Float:
        """How much of each pixel the brush covers, float32 in [0, 1], (height, width)."""
        width = size[1]
        course, radius = np.asarray(self.points, np.float32).reshape(-1, 2) * width, max(0.5, self.radius * width)
        nearest = np.full(size, np.inf, np.float32)
        for start, end in zip(course, course[1:] if len(course) > 1 else course, strict=False):
            left, top = np.maximum(np.floor(np.minimum(start, end) - radius - 1), 0).astype(int)
            right, bottom = np.maximum(np.ceil(np.maximum(start, end) + radius + 1), 0).astype(int)
            part = nearest[top:bottom, left:right]
            np.minimum(part, _distance(part.shape, start - (left, top), end - (left, top)), out=part)
        covered = np.clip(np.float32(radius + 0.5) - nearest, 0, 1)
        deviation = self.softness * width
        return covered if deviation < 0.2 else cv2.GaussianBlur(covered, (0, 0), deviation).astype(np.float32)


def _distance(size: tuple[int, ...], start: Array, end: Array) -> Float:
    """Distance of the centres of pixels from a line between two points (x, y)."""
    x = np.arange(size[1], dtype=np.float32)[None] + np.float32(0.5 - start[0])
    y = np.arange(size[0], dtype=np.float32)[:, None] + np.float32(0.5 - start[1])
    along = (end - start).astype(np.float32)
    length = float(along @ along)
    share = np.clip((x * along[0] + y * along[1]) / length, 0, 1) if length else np.float32(0)
    return np.hypot(x - share * along[0], y - share * along[1]).astype(np.float32)


def touch_up(alpha: Float, strokes: Sequence[BrushStroke]) -> Float:
    """Apply strokes to a matte, one after the other.

    Args:
        alpha: Matte, float32 in [0, 1], (H, W); it is not changed.
        strokes: The strokes.

    Returns:
        The new matte, float32 in [0, 1], (H, W).
    """
    size = (alpha.shape[0], alpha.shape[1])
    for stroke in strokes:
        if stroke.points:
            covered = stroke.coverage(size)
            alpha = alpha + covered * (np.float32(stroke.value) - alpha)
    return np.clip(alpha, 0, 1).astype(np.float32)
