"""Light and colour: normals from height, diffuse and specular light, palettes in OKLab."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aimkit.generators.noise import gradient
from aimkit.types import Array, Float

# OKLab (Ottosson 2020): linear sRGB -> cone responses -> cube root -> lightness and two opponent axes.
_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
_FROM_LMS = np.linalg.inv(_TO_LMS)
_FROM_LAB = np.linalg.inv(_TO_LAB)


def to_linear(rgb: ArrayLike) -> Float:
    """sRGB code values to linear light, both in [0, 1]."""
    rgb = np.asarray(rgb, np.float32)
    curve = ((np.maximum(rgb, 0.04045) + 0.055) / 1.055) ** 2.4
    return np.asarray(np.where(rgb <= 0.04045, rgb / 12.92, curve), np.float32)


def from_linear(light: Array) -> Float:
    """Linear light to sRGB code values; clipped to [0, 1]."""
    light = np.clip(np.asarray(light, np.float32), 0, 1)
    curve = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.asarray(np.where(light <= 0.0031308, light * 12.92, curve), np.float32)


def to_oklab(rgb: Array) -> Float:
    """sRGB in [0, 1] to OKLab, float32, (..., 3): lightness in [0, 1], a and b about [-0.3, 0.3]."""
    return np.asarray(np.cbrt(to_linear(rgb) @ _TO_LMS.T) @ _TO_LAB.T, np.float32)


def from_oklab(lab: Array) -> Float:
    """OKLab to sRGB in [0, 1], clipped, float32, (..., 3)."""
    return from_linear(((np.asarray(lab, np.float32) @ _FROM_LAB.T) ** 3) @ _FROM_LMS.T)


def lch(lightness: Array | float, chroma: Array | float, hue: Array | float) -> Float:
    """sRGB from lightness [0, 1], chroma [0, 0.3] and hue in turns; all broadcast; float32, (..., 3)."""
    light, chroma, hue = np.broadcast_arrays(*(np.asarray(v, np.float32) for v in (lightness, chroma, hue)))
    angle = 2 * np.pi * hue
    return from_oklab(np.stack([light, chroma * np.cos(angle), chroma * np.sin(angle)], axis=-1))


def palette(
    rng: np.random.Generator,
    count: int,
    *,
    lightness: tuple[float, float] = (0.35, 0.85),
    chroma: tuple[float, float] = (0.03, 0.18),
    spread: float = 0.15,
) -> Float:
    """Colours that go together: hues within ``spread`` turns of one hue, lightness from dark to light.

    Returns:
        sRGB, float32, (count, 3), in order of lightness.
    """
    hue = rng.random() + spread * rng.uniform(-1, 1, count)
    return lch(np.sort(rng.uniform(*lightness, count)), rng.uniform(*chroma, count), hue)


def jitter(color: Array, rng: np.random.Generator, amount: float = 0.03, shape: tuple[int, ...] = ()) -> Float:
    """Copies of a colour that differ a little in OKLab.

    Args:
        color: sRGB, (..., 3).
        rng: Where the differences come from.
        amount: Deviation in lightness; a and b vary by a third of it.
        shape: Leading shape of the result; that of ``color`` when empty.

    Returns:
        sRGB, float32, shape + (3,).
    """
    lab = to_oklab(color)
    noise = rng.standard_normal((*(shape or lab.shape[:-1]), 3), dtype=np.float32)
    return from_oklab(lab + noise * np.array([amount, amount / 3, amount / 3], np.float32))


def mix(first: Array, second: Array, t: Array | float) -> Float:
    """From the first colour (t = 0) to the second (t = 1), straight through OKLab; t broadcasts without channels."""
    t = np.asarray(t, np.float32)[..., None]
    return from_oklab(to_oklab(first) * (1 - t) + to_oklab(second) * t)


def light(rng: np.random.Generator, *, elevation: tuple[float, float] = (0.35, 0.8)) -> Float:
    """A light's unit direction (x right, y down, z to the viewer), from above or the side.

    Args:
        rng: Where the direction comes from.
        elevation: Range of its z component.
    """
    z = rng.uniform(*elevation)
    angle = rng.uniform(-0.85 * np.pi, -0.15 * np.pi)
    r = np.sqrt(1 - z * z)
    return np.array([r * np.cos(angle), r * np.sin(angle), z], np.float32)


def normals(height: Array) -> Float:
    """Unit normals of a height field in frame units, float32, (H, W, 3), z to the viewer."""
    dx, dy = gradient(height)
    normal = np.stack([-dx, -dy, np.ones_like(dx)], axis=-1)
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True), np.float32)


def diffuse(normal: Array, direction: Array, ambient: float = 0.35, wrap: float = 0.25) -> Float:
    """Diffuse light in [ambient, 1]; ``wrap`` lets it reach round the edge, as in cloth and skin."""
    facing = (np.asarray(normal, np.float32) @ np.asarray(direction, np.float32) + wrap) / (1 + wrap)
    return np.asarray(ambient + (1 - ambient) * np.clip(facing, 0, 1), np.float32)


def specular(normal: Array, direction: Array, shininess: float = 40.0) -> Float:
    """Highlight in [0, 1] for a viewer on the z axis (Blinn 1977)."""
    half = np.asarray(direction, np.float32) + np.array([0, 0, 1], np.float32)
    half /= np.linalg.norm(half)
    return np.asarray(np.clip(np.asarray(normal, np.float32) @ half, 0, 1) ** shininess, np.float32)


def lit(color: ArrayLike, amount: ArrayLike, highlight: ArrayLike = 0.0) -> Float:
    """A colour under light: multiplied in linear light, highlight added, back to sRGB.

    Args:
        color: sRGB, (..., 3).
        amount: Light that falls on it, (...), 1 for full light.
        highlight: Light added in white, (...).
    """
    shade = to_linear(color) * np.asarray(amount, np.float32)[..., None]
    return from_linear(shade + np.asarray(highlight, np.float32)[..., None])
