"""Noise that does not know the resolution: the same rng gives the same picture at every size of one aspect ratio.

Coordinates are frame coordinates: the unit is the shorter side, the origin the top left corner, and pixel (row, col)
is the square around ((col + 0.5) / unit, (row + 0.5) / unit). Lattice values are drawn by frame coordinates, never by
pixel, and a pixel holds the average over its area, so that reducing a large rendering gives the small one.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from aimkit.types import Array, Float

#: Standard deviation of a uniform cubic B-spline over a lattice of independent normal values, in two dimensions.
_SPLINE_STD = 0.479
#: Points of a Gauss rule up to which SciPy adds a node's weights from left to right; pictures keep its order of sums.
_STABLE = 4


def unit(size: tuple[int, int]) -> float:
    """Pixels to a frame unit: the shorter side."""
    return float(min(size))


def grid(size: tuple[int, int]) -> tuple[Float, Float]:
    """Frame coordinates of the pixel centres.

    Args:
        size: (height, width).

    Returns:
        x and y, float32, (H, W) each; x runs from 0 to width / unit, y from 0 to height / unit.
    """
    x = (np.arange(size[1], dtype=np.float32) + 0.5) / unit(size)
    y = (np.arange(size[0], dtype=np.float32) + 0.5) / unit(size)
    xs, ys = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return xs, ys


def working_size(size: tuple[int, int], side: int = 256) -> tuple[int, int]:
    """A size of the same aspect ratio whose shorter side is ``side``.

    Decisions (where strands grow, which way they bend) are taken on fields of this size, so that they are the same
    for every output size.
    """
    short = min(size)
    return (round(size[0] * side / short), round(size[1] * side / short))


def value_noise(
    size: tuple[int, int], rng: np.random.Generator, scale: float = 4.0, stretch: tuple[float, float] = (1.0, 1.0)
) -> Float:
    """One octave: a cubic B-spline over normal lattice values.

    Args:
        size: (height, width).
        rng: Where the lattice values come from.
        scale: Lattice cells to a frame unit.
        stretch: (x, y) factors by which features are longer.

    Returns:
        About standard normal (mean 0, deviation 1), float32, (H, W).
    """
    per_y, per_x = scale / stretch[1], scale / stretch[0]
    rows = int(np.ceil(per_y * size[0] / unit(size))) + 4
    cols = int(np.ceil(per_x * size[1] / unit(size))) + 4
    lattice = rng.standard_normal((rows, cols), dtype=np.float32)
    offset = rng.random(2)
    from aimkit.generators import kernels

    result = np.empty(size, np.float32)
    top, tall = _spline(size[0], per_y / unit(size), float(offset[0]))
    left, wide = _spline(size[1], per_x / unit(size), float(offset[1]))
    kernels.spline(lattice, top, tall, left, wide, np.float32(_SPLINE_STD), result)
    return result


def fbm(
    size: tuple[int, int],
    rng: np.random.Generator,
    scale: float = 4.0,
    octaves: int = 4,
    *,
    gain: float = 0.5,
    lacunarity: float = 2.0,
    stretch: tuple[float, float] = (1.0, 1.0),
    ridged: bool = False,
) -> Float:
    """Fractional Brownian motion: octaves of value noise, each finer and weaker (Perlin 1985; Musgrave 1994).

    Args:
        size: (height, width).
        rng: Where the lattice values come from.
        scale: Cells of the first octave to a frame unit.
        octaves: How many; a fine octave costs no more than a coarse one.
        gain: Amplitude ratio of successive octaves.
        lacunarity: Frequency ratio of successive octaves.
        stretch: (x, y) factors by which features are longer.
        ridged: Creases where an octave changes sign, as in smoke, rock and veins.

    Returns:
        float32, (H, W), in [0, 1] and nearly uniform: about a share t of the pixels is below t.
    """
    total = np.zeros(size, np.float32)
    power = 0.0
    for octave in range(octaves):
        layer = value_noise(size, rng, scale * lacunarity**octave, stretch)
        if ridged:
            # |z| of a normal variable has mean 0.798 and deviation 0.603.
            layer = (np.float32(0.798) - np.abs(layer)) / np.float32(0.603)
        total += np.float32(gain**octave) * layer
        power += gain ** (2 * octave)
    return uniform(total / np.float32(np.sqrt(power)))


def uniform(z: Float) -> Float:
    """Standard normal values to [0, 1], nearly uniform (tanh for the normal distribution function)."""
    return np.asarray(0.5 + 0.5 * np.tanh(np.float32(0.8) * z), np.float32)


def gradient(field: Array) -> tuple[Float, Float]:
    """Derivatives by x and y in frame coordinates, float32, (H, W) each; central differences."""
    per_unit = np.float32(0.5 * min(field.shape[:2]))
    kernel = np.array([-1, 0, 1], np.float32)
    dx = cv2.sepFilter2D(field, cv2.CV_32F, kernel, np.ones(1, np.float32), borderType=cv2.BORDER_REPLICATE)
    dy = cv2.sepFilter2D(field, cv2.CV_32F, np.ones(1, np.float32), kernel, borderType=cv2.BORDER_REPLICATE)
    return dx * per_unit, dy * per_unit


def curl(
    size: tuple[int, int], rng: np.random.Generator, scale: float = 3.0, octaves: int = 3, *, gain: float = 0.5
) -> tuple[Float, Float]:
    """A velocity field without sources: the curl of a noise potential (Bridson et al. 2007).

    Returns:
        u (along x) and v (along y), float32, (H, W) each, of root mean square speed about 1 frame unit per time.
    """
    u, v = np.zeros(size, np.float32), np.zeros(size, np.float32)
    power = 0.0
    for octave in range(octaves):
        frequency = scale * 2.0**octave
        dx, dy = gradient(value_noise(size, rng, frequency))
        # The derivative of a spline grows with its frequency; dividing by it leaves each octave its gain.
        weight = np.float32(gain**octave / (frequency * 1.4))
        u += weight * dy
        v -= weight * dx
        power += gain ** (2 * octave)
    norm = np.float32(1 / np.sqrt(power))
    return u * norm, v * norm


def warp(image: Float, dx: Float, dy: Float, *, border: int = cv2.BORDER_REFLECT_101) -> Float:
    """Fetch each pixel from ``dx``, ``dy`` further on (frame units), bilinearly; image (H, W) or (H, W, C)."""
    size = image.shape[:2]
    per = np.float32(min(size))
    cols, rows = np.meshgrid(np.arange(size[1], dtype=np.float32), np.arange(size[0], dtype=np.float32))
    return np.asarray(
        cv2.remap(image, cols + dx * per, rows + dy * per, cv2.INTER_LINEAR, borderMode=border), np.float32
    )


def advect(
    image: Float, u: Float, v: Float, time: float, steps: int = 4, *, border: int = cv2.BORDER_REFLECT_101
) -> Float:
    """Carry an image along a steady velocity field for ``time`` (semi-Lagrangian, Stam 1999).

    The path is followed backwards in ``steps`` and the image is fetched once, so it stays sharp.
    """
    step = np.float32(-time / steps)
    dx, dy = np.asarray(u * step, np.float32), np.asarray(v * step, np.float32)
    for _ in range(steps - 1):
        along, across = warp(u, dx, dy), warp(v, dx, dy)
        dx, dy = np.asarray(dx + step * along, np.float32), np.asarray(dy + step * across, np.float32)
    return warp(image, dx, dy, border=border)


def sample(field: Float, x: Float, y: Float) -> Float:
    """Values of a field at frame coordinates, bilinearly; outside the frame the nearest value.

    Args:
        field: (H, W) or (H, W, C), float32.
        x: Any shape, frame units.
        y: The shape of x.

    Returns:
        float32, the shape of x (and C).
    """
    per = min(field.shape[:2])
    rows = np.clip(y * per - 0.5, 0, field.shape[0] - 1)
    cols = np.clip(x * per - 0.5, 0, field.shape[1] - 1)
    top = np.minimum(rows.astype(np.int32), field.shape[0] - 2)
    left = np.minimum(cols.astype(np.int32), field.shape[1] - 2)
    fy, fx = (rows - top).astype(np.float32), (cols - left).astype(np.float32)
    if field.ndim == 3:
        fy, fx = np.expand_dims(fy, -1), np.expand_dims(fx, -1)
    upper = field[top, left] * (1 - fx) + field[top, left + 1] * fx
    lower = field[top + 1, left] * (1 - fx) + field[top + 1, left + 1] * fx
    return np.asarray(upper * (1 - fy) + lower * fy, np.float32)


def blur(field: Float, sigma: float) -> Float:
    """Gaussian blur with a deviation in frame units."""
    from scipy import ndimage

    return np.asarray(ndimage.gaussian_filter(field, sigma * min(field.shape[:2])), np.float32)


def _spline(pixels: int, cells: float, offset: float) -> tuple[Array, Float]:
    """Weights of a cubic B-spline lattice, averaged over each pixel's extent.

    Args:
        pixels: Length of the axis.
        cells: Lattice cells to a pixel.
        offset: Where the frame begins inside the first cell, in [0, 1).

    Returns:
        The first node of every pixel, int64, (pixels,), and the weights of the nodes from there on, float32,
        (pixels, taps).
    """
    # A Gauss rule of enough points integrates the spline over a pixel that spans several cells.
    order = int(np.clip(np.ceil(2 * cells) + 1, 1, 16)) if cells > 0.1 else 1
    nodes_at, weight = _gauss(order)
    at = (np.arange(pixels)[:, None] + 0.5 + 0.5 * nodes_at[None]) * cells + offset
    first = np.floor(at).astype(np.int64)
    t = at - first
    basis = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=-1
    ) / 6  # fmt: skip
    basis *= 0.5 * weight[None, :, None]
    if order == 1:
        return first[:, 0], basis[:, 0].astype(np.float32)
    begin, rows = first[:, 0], np.arange(pixels)[:, None]
    weights = np.zeros((pixels, int((first[:, -1] - begin).max()) + 4), np.float32)
    columns = (first - begin[:, None])[..., None] + np.arange(4)
    if order > _STABLE:
        from scipy import sparse

        entries = (np.broadcast_to(rows[..., None], columns.shape).ravel(), columns.ravel())
        return begin, sparse.csr_array((basis.ravel().astype(np.float32), entries), shape=weights.shape).toarray()
    for point in range(order):
        weights[rows, columns[:, point]] += basis[:, point].astype(np.float32)
    return begin, weights


@cache
def _gauss(order: int) -> tuple[Array, Array]:
    """Places in [-1, 1] and weights of a Gauss rule; at most 16 are kept."""
    return np.polynomial.legendre.leggauss(order)
