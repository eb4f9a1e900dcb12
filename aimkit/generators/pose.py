"""Where a salient object stands: coordinates of its own, turned and scaled about the middle of the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimkit.types import Array, Float


@dataclass(frozen=True)
class Pose:
    """Scale, turn and place of an object.

    Attributes:
        size: (height, width) of the frame in pixels.
        scale: Length of the object's unit, relative to the short side of the frame.
        turn: Counter-clockwise turn in radians.
        shift: (x, y) of the object's origin from the middle of the frame, y up, relative to the short side.
    """

    size: tuple[int, int]
    scale: float
    turn: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)

    @property
    def pixel(self) -> float:
        """Side of a pixel in the object's units."""
        return 1 / (self.scale * min(self.size))

    def grid(self) -> tuple[Float, Float]:
        """Object coordinates of all pixel centres, float32, (H, W) each: x to the right, y up."""
        height, width = self.size
        short, unit = min(self.size), min(self.size) * self.scale
        u = (np.arange(width, dtype=np.float64) + 0.5 - width / 2 - self.shift[0] * short) / unit
        v = (height / 2 - np.arange(height, dtype=np.float64) - 0.5 - self.shift[1] * short) / unit
        c, s = np.cos(self.turn), np.sin(self.turn)
        x, y = c * u[None] + s * v[:, None], c * v[:, None] - s * u[None]
        return x.astype(np.float32), y.astype(np.float32)

    def pixels(self, x: Array, y: Array) -> tuple[Float, Float]:
        """Columns and rows of object coordinates; 0 is the centre of the first pixel."""
        height, width = self.size
        short, unit = min(self.size), min(self.size) * self.scale
        c, s = np.cos(self.turn), np.sin(self.turn)
        u, v = c * x - s * y, s * x + c * y
        column = u * unit + width / 2 + self.shift[0] * short - 0.5
        row = height / 2 - v * unit - self.shift[1] * short - 0.5
        return np.asarray(column, np.float32), np.asarray(row, np.float32)

    def frame(self, x: Array, y: Array) -> Float:
        """Frame coordinates (unit: the short side, origin at the top left, y down) of points, (..., 2)."""
        column, row = self.pixels(x, y)
        return np.asarray(np.stack([column + 0.5, row + 0.5], axis=-1) / np.float32(min(self.size)), np.float32)
