"""Area-sampled coverage: how much of each pixel a shape covers, and layers of coloured strokes.

Geometry is in frame coordinates (see :mod:`aimkit.generators.noise`): the unit is the shorter side, the origin
the top left corner. Layers are premultiplied RGBA, float32, (H, W, 4), until :func:`foreground` makes them straight.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike

from aimkit.generators.noise import unit
from aimkit.matting.foreground import bleed as bleed
from aimkit.types import Array, Float, Foreground, ImageType

#: Strands are drawn in batches of about this many fragments, to bound the memory.
_BATCH = 1_500_000


def edge(distance: Array, size: tuple[int, int], softness: float = 0.0) -> Float:
    """Coverage of a shape given by its signed distance (frame units, negative inside).

    A straight edge that crosses a pixel covers a share of it that falls linearly with the distance, over one pixel.

    Args:
        distance: (H, W).
        size: (height, width) of the frame.
        softness: Width of a soft edge in frame units, in addition to the pixel.
    """
    width = 1 / unit(size) + softness
    return np.asarray(np.clip(0.5 - np.asarray(distance) / width, 0, 1), np.float32)


def polygon(size: tuple[int, int], points: Array) -> Float:
    """Exact coverage of one closed polygon, by the signed area to the right of its edges.

    Args:
        size: (height, width).
        points: Corners, (N, 2) as (x, y) in frame units. The curve may be concave, and may leave the frame.

    Returns:
        float32 in [0, 1], (H, W). Where the curve runs round a place twice it counts once.
    """
    result = np.zeros(size, np.float32)
    (top, left), patch = _patch(size, points)
    result[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    return result


def _patch(size: tuple[int, int], points: Array) -> tuple[tuple[int, int], Float]:
    """Coverage of a polygon in the window that it touches: (top, left) and the window."""
    from aimkit.generators import coverage_kernels

    height, width = size
    start = np.asarray(points, np.float64) * unit(size)
    step = np.roll(start, -1, axis=0) - start
    # Pieces of a quarter pixel: each counts as lying in the pixel of its middle.
    count = np.maximum(np.ceil(4 * np.abs(step).max(axis=1)), 1).astype(np.int64)
    top, bottom, left, right = coverage_kernels.polygon_bounds(start, step, count, height, width)
    if bottom < top:
        return (0, 0), np.zeros((0, 0), np.float32)
    patch = np.empty((bottom + 1 - top, min(right + 1, width) - left), np.float32)
    coverage_kernels.polygon_area(start, step, count, height, width, top, left, patch)
    return (top, left), patch


def ellipse(size: tuple[int, int], center: Sequence[float], radii: Sequence[float], angle: float = 0.0) -> Float:
    """Exact coverage of an ellipse; centre and radii as (x, y) in frame units, angle in radians."""
    turn = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    x, y = radii[0] * np.cos(turn), radii[1] * np.sin(turn)
    c, s = np.cos(angle), np.sin(angle)
    return polygon(size, np.stack([center[0] + c * x - s * y, center[1] + s * x + c * y], axis=1))


def layer(color: Array, alpha: Array) -> Float:
    """Premultiplied RGBA from straight colour, (3,) or (H, W, 3), and alpha, (H, W)."""
    from aimkit.matting.premultiplied import premultiply

    shape = (*alpha.shape, 3)
    return premultiply(np.ascontiguousarray(np.broadcast_to(np.asarray(color, np.float32), shape)), alpha)


def over(top: Float, bottom: Float) -> Float:
    """Premultiplied RGBA: the top layer over the bottom one (Porter and Duff 1984)."""
    return np.asarray(top + bottom * (1 - top[..., 3:]), np.float32)


def paint(image: Float, color: Array, alpha: Array) -> None:
    """Composite a straight colour, (3,) or (H, W, 3), over premultiplied RGBA in place, where alpha is above 0."""
    rows, cols = _window(alpha)
    below, share = image[rows, cols], alpha[rows, cols, None]
    color = np.asarray(color, np.float32)
    below *= 1 - share
    below[..., :3] += share * (color[rows, cols] if color.ndim == 3 else color)
    below[..., 3:] += share


def fill(image: Float, points: Array, color: Array, *, fade: tuple[Array, Array, Array] | None = None) -> None:
    """Composite a polygon over premultiplied RGBA in place; costs only the pixels that it touches.

    Args:
        image: Premultiplied RGBA, (H, W, 4).
        points: Corners, (N, 2), frame units.
        color: Straight RGB, (3,).
        fade: (start, end, end colour): the colour turns into the end colour from one point to the other.
    """
    (top, left), share = _patch((image.shape[0], image.shape[1]), points)
    below = image[top : top + share.shape[0], left : left + share.shape[1]]
    color = np.asarray(color, np.float32)
    if fade is not None:
        per = unit((image.shape[0], image.shape[1]))
        start, axis = np.asarray(fade[0], float), np.asarray(fade[1], float) - fade[0]
        axis = axis / max(float(axis @ axis), 1e-12)
        y = (np.arange(share.shape[0]) + top + 0.5) / per - start[1]
        x = (np.arange(share.shape[1]) + left + 0.5) / per - start[0]
        t = np.clip(y[:, None] * axis[1] + x * axis[0], 0, 1).astype(np.float32)[..., None]
        color = color + t * (np.asarray(fade[2], np.float32) - color)
    below *= 1 - share[..., None]
    below[..., :3] += share[..., None] * color
    below[..., 3] += share


def _window(alpha: Array) -> tuple[slice, slice]:
    """The smallest window that holds everything above 0."""
    rows = np.flatnonzero(alpha.any(axis=1))
    if len(rows) == 0:
        return slice(0, 0), slice(0, 0)
    cols = np.flatnonzero(alpha[rows[0] : rows[-1] + 1].any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)


def strokes(
    size: tuple[int, int],
    points: ArrayLike,
    width: ArrayLike,
    color: ArrayLike,
    opacity: ArrayLike = 1.0,
    base: Float | None = None,
) -> Float:
    """Many tapered, coloured strokes, each over the ones before it.

    Along its major axis a stroke is sampled once a pixel; across, the share of every pixel that it covers is exact.
    Strokes thinner than a pixel keep their area and become faint, so the result holds at every resolution.

    Args:
        size: (height, width).
        points: Polylines, (N, P, 2) as (x, y) in frame units.
        width: Full width at the points, frame units; broadcasts to (N, P).
        color: Straight RGB at the points; broadcasts to (N, P, 3).
        opacity: At the points; broadcasts to (N, P).
        base: Premultiplied RGBA to draw on, (H, W, 4); nothing when None.

    Returns:
        Premultiplied RGBA, float32, (H, W, 4).
    """
    lines = np.asarray(points, np.float32)
    count, length = lines.shape[:2]
    result = np.zeros((*size, 4), np.float32) if base is None else base.astype(np.float32, copy=True)
    if count == 0:
        return result
    per = np.float32(unit(size))
    attributes = np.empty((count, length, 6), np.float32)
    attributes[..., 0] = np.broadcast_to(np.asarray(width, np.float32) * per, (count, length))
    attributes[..., 1:4] = np.broadcast_to(np.asarray(color, np.float32), (count, length, 3))
    attributes[..., 4] = 1
    attributes[..., 5] = np.broadcast_to(np.asarray(opacity, np.float32), (count, length))
    pixels = lines * per - np.float32(0.5)
    cost = (np.abs(np.diff(pixels, axis=1)).max(axis=2) * (2 + 1.2 * attributes[:, 1:, 0])).sum(axis=1)
    batch = np.minimum(np.cumsum(cost) // _BATCH, count).astype(np.int64)
    bounds = np.append(np.flatnonzero(np.diff(batch, prepend=-1)), count)
    for first, last in itertools.pairwise(bounds):
        _draw(result, pixels[first:last], attributes[first:last])
    return result


def _draw(canvas: Float, lines: Float, attributes: Float) -> None:
    """Composite strokes over the canvas in place; attributes are width, red, green, blue, one, opacity."""
    from aimkit.generators import coverage_kernels

    size = (canvas.shape[0], canvas.shape[1])
    whole, share = np.empty(0, np.int64), np.empty(0, np.float32)
    total, samples, top, bottom, left, right = coverage_kernels.fragments(
        lines, attributes, size, (0, 0), size[1], whole, share, whole, np.empty((0, 4), np.float32)
    )
    if total == 0:
        return
    window = canvas[top : bottom + 1, left : right + 1]
    pixel, sample = np.empty(total, np.int64), np.empty(total, np.int64)
    cover, color = np.empty(total, np.float32), np.empty((samples, 4), np.float32)
    coverage_kernels.fragments(lines, attributes, size, (top, left), window.shape[1], pixel, cover, sample, color)
    _accumulate(window, pixel, cover, sample, color)


def _accumulate(window: Float, pixel: Array, cover: Float, sample: Array, color: Float) -> None:
    """Composite fragments in their order: weights c_i prod_{j later} (1 - c_j), summed by pixel."""
    from aimkit.generators import coverage_kernels

    start = np.zeros(window.shape[0] * window.shape[1] + 1, np.int64)
    ordered, source = np.empty_like(cover), np.empty_like(sample)
    coverage_kernels.sort_fragments(pixel, cover, sample, start, ordered, source)
    through = np.zeros(len(cover) + 1)
    np.cumsum(np.log1p(-ordered), out=through[1:], dtype=np.float64)
    last = through[start[1:]]
    behind = np.exp((np.repeat(last, np.diff(start)) - through[1:]).astype(np.float32))
    shown = np.exp((last - through[start[:-1]]).astype(np.float32))
    coverage_kernels.add_fragments(window, shown, start, ordered * behind, source, color)


def reduce(image: Float, factor: int) -> Float:
    """Average whole blocks of ``factor`` by ``factor`` pixels; for alpha, or premultiplied layers."""
    height, width = image.shape[0] // factor, image.shape[1] // factor
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def foreground(premultiplied: Float, type: ImageType, category: str = "", *, valid: bool = True) -> Foreground:
    """A finished foreground: straight colour, bled outwards where nothing is covered."""
    from aimkit.generators import kernels

    layer = np.ascontiguousarray(premultiplied, np.float32)
    color, alpha = np.empty((*layer.shape[:2], 3), np.float32), np.empty(layer.shape[:2], np.float32)
    kernels.straight(layer, color, alpha)
    return Foreground(bleed(color, alpha), alpha, type, category, valid)
