"""Stirring: noise and eddies that can be looked up anywhere, and mass that they carry.

:mod:`aimkit.generators.noise` fills frames; here fields are periodic tiles, which are read at coordinates that
have themselves been displaced. A tile has a fixed number of cells, so nothing depends on the size of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache

import cv2
import numpy as np

from aimkit.generators.noise import working_size
from aimkit.types import Array, Float

#: Cells of a tile along one side, and the finest wave in it, in cells.
_CELLS, _FINEST = 512, 5


def ramp(value: Array, low: float, high: float) -> Float:
    """A smooth step (cubic) from 0 at ``low`` to 1 at ``high``; any shape."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def fractal(x: Array, y: Array, rng: np.random.Generator, roughness: float = 1.7) -> Float:
    """Fractal noise at (x, y).

    Args:
        x: Any coordinates; the field has period 1 and its largest features measure about half of that.
        y: The shape of x.
        rng: Stream of random numbers.
        roughness: The spectrum's amplitude falls as frequency**-roughness: 1.4 is grainy, 2 is soft.

    Returns:
        Values of mean 0 and deviation 1, float32, the shape of x.
    """
    radius, rows, cols = _band()
    weight = np.zeros(radius.shape)
    weight[rows, cols] = radius[rows, cols] ** -roughness
    # The band ends far below the highest frequency: columns beyond it stay 0, and need no transforms.
    half = np.fft.rfft(rng.standard_normal((_CELLS, _CELLS), dtype=np.float32), axis=1)[:, : radius.shape[1]]
    spectrum = np.fft.fft(half, axis=0) * weight.astype(np.float32)
    tile = np.fft.irfft(np.fft.ifft(spectrum, axis=0), _CELLS, axis=1).astype(np.float32)
    return lookup(tile / tile.std(), x, y)


@cache
def _band() -> tuple[Array, Array, Array]:
    """Frequencies of a tile's rows and first columns, and the rows and columns of those that it holds; one entry."""
    y = np.fft.fftfreq(_CELLS)[:, None] * _CELLS
    x = np.fft.rfftfreq(_CELLS)[None, : _CELLS // _FINEST + 1] * _CELLS
    radius = np.hypot(x, y)
    return radius, *np.nonzero((radius >= 2) & (radius < _CELLS / _FINEST))


def eddies(x: Array, y: Array, rng: np.random.Generator, count: int) -> tuple[Float, Float]:
    """A velocity without sources at (x, y): the curl of a band of noise (Bridson et al., SIGGRAPH 2007).

    Args:
        x: Any coordinates; the field has period 1.
        y: The shape of x.
        rng: Stream of random numbers.
        count: Eddies along a unit.

    Returns:
        The two components, each of deviation 1 and the shape of x.
    """
    n = 16 * 2 ** int(np.ceil(np.log2(count)))
    spectrum = np.fft.rfft2(rng.standard_normal((n, n), dtype=np.float32)) * _eddy_band(n, count)
    stream = np.fft.irfft2(spectrum, (n, n)).astype(np.float32)
    velocity = np.dstack(
        [np.roll(stream, -1, 0) - np.roll(stream, 1, 0), np.roll(stream, 1, 1) - np.roll(stream, -1, 1)]
    )
    velocity /= np.sqrt((velocity**2).mean())
    from scipy import ndimage

    from aimkit.generators import kernels

    # OpenCV's bicubic weights ripple along a slope, and slopes are what a displacement is seen by: use splines.
    rows, columns = (y + rng.random()) * n, (x + rng.random()) * n
    first, second = (ndimage.spline_filter(velocity[..., k], output=np.float64, mode="grid-wrap") for k in (0, 1))
    result = np.empty((2, *x.shape), np.float32)
    kernels.spline_values(first, second, rows.ravel(), columns.ravel(), result.reshape(2, -1))
    return result[0], result[1]


@lru_cache(16)
def _eddy_band(n: int, count: int) -> Array:
    """Amplitudes by frequency of eddies on a tile of n cells, (n, n // 2 + 1)."""
    f = np.hypot(np.fft.rfftfreq(n)[None] * n, np.fft.fftfreq(n)[:, None] * n)
    return np.asarray(np.exp(-((f / count - 0.6) ** 2) * 8))


def stir(
    x: Array,
    y: Array,
    rng: np.random.Generator,
    levels: Sequence[tuple[int, float]],
    amount: Array | float = 1.0,
    coarse: int = 1,
) -> tuple[Float, Float]:
    """Displace coordinates by eddies, from large to small.

    Args:
        x: Coordinates, 2-D.
        y: The shape of x.
        rng: Stream of random numbers.
        levels: (eddies along a unit, displacement in units) of each level.
        amount: Factor of the displacement, per place.
        coarse: Follow the paths, which are smooth, on a grid that is coarser by this factor.
    """
    whole = (x.shape[0], x.shape[1])
    if coarse > 1:
        part = (whole[0] // coarse, whole[1] // coarse)
        if isinstance(amount, np.ndarray):
            amount = enlarge(amount, part)
        x, y = enlarge(x, part), enlarge(y, part)
    for count, strength in levels:
        dx, dy = eddies(x, y, rng, count)
        x, y = x + amount * strength * dx, y + amount * strength * dy
    if coarse > 1:
        return enlarge(x, whole), enlarge(y, whole)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def lookup(tile: Array, x: Array, y: Array) -> Float:
    """Bicubic values of a periodic square tile, (n, n), at coordinates of period 1, 2-D."""
    n = tile.shape[0]
    wrapped = np.pad(tile, 2, mode="wrap")
    u, v = (((c - np.floor(c)) * n + 2).astype(np.float32) for c in (x, y))
    return np.asarray(cv2.remap(wrapped, u, v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float32)


def splat(column: Array, row: Array, mass: Array, size: tuple[int, int]) -> Float:
    """Point masses on a grid, each spread over the four cells around it; what falls outside is lost.

    Args:
        column: Positions in cells, 0 is the centre of the first; any shape.
        row: The shape of column.
        mass: The shape of column.
        size: (height, width) of the grid.

    Returns:
        float32, (height, width), whose sum is that of the masses inside.
    """
    from aimkit.generators import kernels

    parts = np.zeros((*size, 4))
    kernels.splat(np.ravel(column), np.ravel(row), np.ravel(mass), parts)
    total = parts[..., 0]
    total[:, 1:] += parts[:, :-1, 1]
    total[1:] += parts[:-1, :, 2]
    total[1:, 1:] += parts[:-1, :-1, 3]
    return total.astype(np.float32)


def smooth_size(size: tuple[int, int], most: int = 512) -> tuple[int, int]:
    """Where things without sharp edges are made: the size of the image, but 256 to ``most`` along the short side."""
    return working_size(size, min(max(min(size), 256), most))


def enlarge(plane: Array, size: tuple[int, int]) -> Float:
    """A plane at another size: bilinear when it grows, area averages when it shrinks."""
    how = cv2.INTER_AREA if size[0] < plane.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, size[::-1], interpolation=how), np.float32)
