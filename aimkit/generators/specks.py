"""Many round specks in one picture: snow flakes, dust, drops, discs of defocus; still or in motion."""

from __future__ import annotations

import numpy as np

from aimkit.generators.noise import unit
from aimkit.types import Array, Float


def specks(
    size: tuple[int, int],
    centers: Array,
    radii: Array,
    colors: Array,
    opacity: Array | float = 1.0,
    *,
    softness: Array | float = 0.0,
    motion: Array | None = None,
    rim: float = 0.0,
    blades: int = 0,
    add: bool = False,
) -> Float:
    """Draw specks one over the other, each holding exactly its area whatever the resolution.

    A speck in motion is smeared along its way and fainter by as much, as a shutter does it.

    Args:
        size: (height, width).
        centers: (N, 2) as (x, y) in frame units.
        radii: (N,), frame units.
        colors: Straight RGB, broadcasts to (N, 3).
        opacity: Broadcasts to (N,).
        softness: Share of the radius over which the edge fades, 0 to 1; broadcasts to (N,).
        motion: Way during the exposure, (N, 2), frame units.
        rim: How much brighter the edge is than the middle, as in the bokeh of an over-corrected lens.
        blades: Corners of the disc; 0 for round.
        add: Add light, as behind an open aperture, rather than draw over.

    Returns:
        Premultiplied RGBA, float32, (H, W, 4); with ``add`` not bounded by 1.
    """
    canvas = np.zeros((*size, 4), np.float32)
    per, count = unit(size), len(centers)
    paint = np.ones((count, 4), np.float32)
    paint[:, :3] = np.broadcast_to(colors, (count, 3))
    strength = np.broadcast_to(np.asarray(opacity, np.float32), (count,))
    fade = np.broadcast_to(np.asarray(softness, np.float32), (count,))
    middle, radius = np.asarray(centers, np.float32) * per - 0.5, np.asarray(radii, np.float32) * per
    way = np.zeros((count, 2), np.float32) if motion is None else np.asarray(motion, np.float32) * per
    reach = np.ceil((radius * (1 + fade / 2))[:, None] + np.abs(way) / 2 + 1).astype(int)
    low, high = np.floor(middle).astype(int) - reach, np.ceil(middle).astype(int) + reach + 1
    turn = 0.7 * float(blades)
    for i in range(count):
        (x0, y0), (x1, y1) = low[i], high[i]
        if x1 <= 0 or y1 <= 0 or x0 >= size[1] or y0 >= size[0]:
            continue
        dx = np.arange(x0, x1, dtype=np.float32)[None, :] - middle[i, 0]
        dy = np.arange(y0, y1, dtype=np.float32)[:, None] - middle[i, 1]
        cover = _profile(dx, dy, way[i], float(radius[i]), float(fade[i]), rim, blades, turn)
        rows, cols = slice(max(y0, 0), min(y1, size[0])), slice(max(x0, 0), min(x1, size[1]))
        cover = strength[i] * cover[rows.start - y0 : rows.stop - y0, cols.start - x0 : cols.stop - x0, None]
        if not add:
            canvas[rows, cols] *= 1 - cover
        canvas[rows, cols] += cover * paint[i]
    return canvas


def _profile(
    dx: Float, dy: Float, way: Float, radius: float, fade: float, rim: float, blades: int, turn: float
) -> Float:
    """Coverage of one speck around its centre, in pixels."""
    length = float(way @ way)
    if length > 1e-4:
        along = np.clip((dx * way[0] + dy * way[1]) / length, -0.5, 0.5)
        dx, dy = dx - along * way[0], dy - along * way[1]
    distance = np.hypot(dx, dy)
    if blades:
        sector = 2 * np.pi / blades
        angle = np.mod(np.arctan2(dy, dx) + turn, sector) - sector / 2
        distance = distance * np.cos(angle) / np.sqrt(np.cos(sector / 2))
    cover = np.clip((radius - distance) / max(1.0, fade * radius) + 0.5, 0, 1)
    if rim or blades:
        return np.asarray(cover * (1 - rim + rim * np.clip(distance / max(radius, 1e-6), 0, 1) ** 4), np.float32)
    # Sampled at pixel centres a small disc has too much or too little of itself, and a moving one is spread out.
    area = np.pi * (radius**2 + (fade * radius) ** 2 / 12)
    return np.asarray(cover * min(area / max(float(cover.sum()), 1e-6), 1 / max(float(cover.max()), 1e-6)), np.float32)
