"""Families of parallel round wires: exact coverage, shading, and the plane on which they lie."""

from __future__ import annotations

import numpy as np

from aimkit.types import Array, Float


def stripes(u: Array, width: Array | float) -> Float:
    """Exact mean, over one pixel, of lines of that width around every half-integer of the coordinate u.

    The pulse train is integrated in closed form over the extent of a pixel along the gradient of u, so lines much
    thinner than a pixel keep their area.

    Args:
        u: Coordinate across the lines, in periods, (H, W); its gradient says how much of u a pixel sees.
        width: Width of a line, in periods; (H, W) where it varies.

    Returns:
        float32 in [0, 1], (H, W).
    """
    reach = np.maximum(footprint(u), 1e-6) / 2
    return np.asarray((_integral(u + reach, width) - _integral(u - reach, width)) / (2 * reach), np.float32)


def _integral(u: Array, width: Array | float) -> Float:
    whole = np.floor(u)
    return np.asarray(whole * width + np.clip(u - whole - (1 - width) / 2, 0, width), np.float32)


def footprint(u: Array) -> Float:
    """How much of u a pixel sees: the length of its gradient by pixels."""
    if min(u.shape) < 2:
        return np.zeros(u.shape, np.float32)
    down, right = np.gradient(u)
    return np.asarray(np.hypot(down, right), np.float32)


def across(u: Array, width: Array | float) -> Float:
    """Position across the nearest wire, -1 at one edge to 1 at the other."""
    return np.asarray(np.clip((u - np.floor(u) - 0.5) / (np.asarray(width) / 2), -1, 1), np.float32)


def shade(across: Float, light: float, height: Float | float = 0.0) -> Float:
    """Brightness of a round wire under a light from the side, more where it passes over another (height 1)."""
    body = np.sqrt(np.clip(1 - (0.85 * across) ** 2, 0, 1))
    return np.asarray(np.clip(0.45 + 0.4 * body + 0.35 * light * across + 0.18 * height, 0.05, 1.4), np.float32)


def plane(size: tuple[int, int], pad: int, turn: float, tilt: float, rng: np.random.Generator) -> tuple[Float, Float]:
    """Coordinates of every pixel on a plane that is turned and seen at an angle, from its middle, in short sides.

    Args:
        size: (height, width).
        pad: Pixels to add on every side.
        turn: Degrees.
        tilt: Change of scale from one end of the frame to the other.
        rng: Decides which way the plane is tilted.

    Returns:
        u and v, float32, (height + 2 pad, width + 2 pad).
    """
    short = min(size)
    x = ((np.arange(-pad, size[1] + pad) + 0.5 - size[1] / 2) / short).astype(np.float32)[None, :]
    y = ((np.arange(-pad, size[0] + pad) + 0.5 - size[0] / 2) / short).astype(np.float32)[:, None]
    toward = rng.uniform(0, 2 * np.pi)
    # By the longer side, so that the far end of a long frame stays in front of the lens.
    slope = np.array([np.cos(toward), np.sin(toward)], np.float32) * np.float32(tilt * short / max(size))
    scale = 1 / (1 + slope[0] * x + slope[1] * y)
    c, s = np.cos(np.deg2rad(turn)).astype(np.float32), np.sin(np.deg2rad(turn)).astype(np.float32)
    return (c * x + s * y) * scale, (c * y - s * x) * scale


def wave(u: Float, v: Float, rng: np.random.Generator) -> Float:
    """A smooth displacement of about unit size over the plane: three long waves."""
    total = np.zeros(u.shape, np.float32)
    for fu, fv, phase in rng.normal(0, 4, (3, 3)).astype(np.float32):
        total += np.sin(fu * u + fv * v + phase) / 3
    return total


def metal(tone: float, rng: np.random.Generator) -> Float:
    """A colour of that brightness: two in three are grey, the others painted or plastic; sRGB, (3,)."""
    tint = rng.uniform(0.4, 1, 3) if rng.random() < 1 / 3 else rng.uniform(0.92, 1, 3)
    return (tone * tint / tint.max()).astype(np.float32)
