"""Gaussian noise by position: the noise of a window is the same whether the rest of the canvas is made or not.

Two banks of noise are laid out as endless tiles, each from a drawn start, and added. Their sides are different primes:
the sum does not repeat within a million pixels, and two starts give some 10^12 fields, too many to be learnt by heart.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from aimkit.rng import rng as stream
from aimkit.synth.view import View
from aimkit.types import Float

_SIDES = (1021, 1031)


def noise(view: View, rng: np.random.Generator) -> Float:
    """White Gaussian noise of a view, one value per pixel and channel.

    A reduced view gets what averaging would leave of a full one's noise: its standard deviation times the scale.

    Args:
        view: Which pixels.
        rng: Draws where the tiles start.

    Returns:
        Float32, (h, w, 3), standard deviation 1 (at full size).
    """
    height, width = view.size
    top, left = (int(n) for n in view.offset)
    total = np.zeros((height, width, 3), np.float32)
    for side in _SIDES:
        start = rng.integers(0, side, 2)
        _add_tiled(total, _bank(side), int(start[0]) + top, int(start[1]) + left)
    if view.scale < 1:
        total *= np.float32(view.scale)
    return total


def _add_tiled(total: Float, bank: Float, top: int, left: int) -> None:
    """Add the tiled bank, beginning at its pixel (top, left) modulo its side."""
    side, (height, width) = len(bank), total.shape[:2]
    y = 0
    while y < height:
        row, x = (top + y) % side, 0
        rows = min(side - row, height - y)
        while x < width:
            column = (left + x) % side
            columns = min(side - column, width - x)
            total[y : y + rows, x : x + columns] += bank[row : row + rows, column : column + columns]
            x += columns
        y += rows


@lru_cache(maxsize=len(_SIDES))
def _bank(side: int) -> Float:
    """Noise of half the variance: two of them make one."""
    return stream(0, "noise", side).standard_normal((side, side, 3), np.float32) * np.float32(0.5**0.5)
