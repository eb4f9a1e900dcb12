"""Gaussian noise by position: the noise of a window is the same whether the rest of the canvas is made or not.

Two banks of noise are laid out as endless tiles, each from a drawn start, and added. Their sides are different primes:
the sum does not repeat within a million pixels, and two starts give some 10^12 fields, too many to be learnt by heart.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from aimkit.matting import kernels
from aimkit.rng import rng as stream
from aimkit.synth.view import View
from aimkit.types import Array, Float, UInt8

SIDES = (1021, 1031)


def noise(view: View, rng: np.random.Generator) -> Float:
    """White Gaussian noise of a view, from drawn starts; see :func:`noise_from`."""
    return noise_from(view, draw_starts(rng))


def draw_starts(rng: np.random.Generator) -> Array:
    """Where the tiles of the banks start, (banks, 2) as (row, column)."""
    return np.stack([rng.integers(0, side, 2) for side in SIDES])


def noise_from(view: View, starts: Array) -> Float:
    """White Gaussian noise of a view, one value per pixel and channel.

    A reduced view gets what averaging would leave of a full one's noise: its standard deviation times the scale.

    Args:
        view: The pixels of the canvas to make noise for.
        starts: Starts of the banks, as :func:`draw_starts` gives them.

    Returns:
        Float32, (h, w, 3), standard deviation 1 (at full size).
    """
    height, width = view.size
    top, left = (int(n) for n in view.offset)
    total = np.zeros((height, width, 3), np.float32)
    for side, start in zip(SIDES, starts, strict=True):
        _add_tiled(total, bank(side), int(start[0]) + top, int(start[1]) + left)
    if view.scale < 1:
        total *= np.float32(view.scale)
    return total


def add_noise(planes: tuple[UInt8, UInt8], view: View, starts: Array, sigma: float) -> tuple[UInt8, UInt8]:
    """Two planes with the same noise: levels plus :func:`noise_from` times ``sigma`` (levels), rounded and clipped."""
    at = [[(int(n) + int(o)) % side for n, o in zip(start, view.offset, strict=True)]
          for side, start in zip(SIDES, starts, strict=True)]  # fmt: skip
    first, second = SIDES
    return kernels.add_tiled(planes, (bank(first), bank(second)), np.array(at), min(view.scale, 1.0), sigma)


def _add_tiled(total: Float, tile: Float, top: int, left: int) -> None:
    """Add the tiled bank, beginning at its pixel (top, left) modulo its side."""
    side, (height, width) = len(tile), total.shape[:2]
    y = 0
    while y < height:
        row, x = (top + y) % side, 0
        rows = min(side - row, height - y)
        while x < width:
            column = (left + x) % side
            columns = min(side - column, width - x)
            total[y : y + rows, x : x + columns] += tile[row : row + rows, column : column + columns]
            x += columns
        y += rows


@lru_cache(maxsize=len(SIDES))
def bank(side: int) -> Float:
    """The bank of a side, float32 (side, side, 3): noise of half the variance, two of them make one."""
    return stream(0, "noise", side).standard_normal((side, side, 3), np.float32) * np.float32(0.5**0.5)
