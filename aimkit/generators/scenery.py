"""What the background generators share: a camera that develops linear light, colour ramps, skies, ridges and ground."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

from aimkit.generators.noise import grid, unit
from aimkit.generators.shading import from_linear, from_oklab, lch, to_linear, to_oklab
from aimkit.types import Array, Float

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)

#: Weather as (lightness, chroma, hue in turns) of zenith, middle and horizon.
_SKIES = {
    "clear": [(0.5, 0.13, 0.70), (0.68, 0.09, 0.67), (0.88, 0.03, 0.62)],
    "hazy": [(0.68, 0.06, 0.69), (0.78, 0.04, 0.68), (0.86, 0.03, 0.25)],
    "overcast": [(0.62, 0.01, 0.70), (0.74, 0.01, 0.70), (0.84, 0.01, 0.30)],
    "sunset": [(0.38, 0.09, 0.76), (0.62, 0.12, 0.05), (0.82, 0.14, 0.19)],
    "dusk": [(0.2, 0.07, 0.75), (0.36, 0.09, 0.78), (0.62, 0.12, 0.12)],
    "storm": [(0.3, 0.02, 0.68), (0.42, 0.03, 0.62), (0.66, 0.04, 0.45)],
}


def develop(light: Float, rng: np.random.Generator, *, key: tuple[float, float] = (0.06, 0.5)) -> Float:
    """Take the picture: focus, white balance, exposure, vignette, saturation and a filmic curve, each drawn anew.

    Args:
        light: Linear scene light of any scale, (H, W, 3), not negative.
        rng: The stream of the picture.
        key: Range of the mean of the exposed linear light; drawn so that dark and bright are equally common.

    Returns:
        RGB, float32 in [0, 1], (H, W, 3). It holds no grain: noise is a step of its own.
    """
    size = light.shape[:2]
    # Most photographs are sharp but for the lens; one background in four is clearly out of focus.
    softness = np.exp(rng.uniform(*np.log((0.003, 0.018) if rng.random() < 0.25 else (0.0003, 0.002))))
    balance = np.exp(rng.normal(0, 0.13, 3))
    exposure = np.exp(rng.uniform(*np.log(key)))
    vignette, contrast = rng.uniform(0, 0.5) * rng.random(), rng.uniform(0.8, 1.25)
    saturation = np.float32(rng.uniform(0.55, 1.3))

    light = np.asarray(cv2.GaussianBlur(light, (0, 0), softness * unit(size)), np.float32)
    weights = (balance * exposure / max(float((light.mean((0, 1)) * balance).mean()), 1e-6)).astype(np.float32)
    light *= weights
    if vignette > 0.02:
        x, y = grid(size)
        corner = (x - size[1] / unit(size) / 2) ** 2 + (y - size[0] / unit(size) / 2) ** 2
        light *= (1 - np.float32(vignette) * corner / max(float(corner.max()), 1e-12))[..., None]
    return _curve(light, light @ _LUMINANCE, saturation, float(exposure), contrast)


def _curve(light: Float, grey: Float, saturation: np.float32, pivot: float, contrast: float) -> Float:
    """Saturation, a soft shoulder and a contrast about the pivot, then sRGB; by table, as powers are slow."""
    from aimkit.generators import kernels

    top = 16.0
    root = np.linspace(0, 1, 16384, dtype=np.float32)
    steep = pivot * (top * root**2 / pivot) ** contrast
    table = from_linear(1.08 * (1 - np.exp(-1.15 * steep)))
    result = np.empty_like(light)
    kernels.develop(light, grey, saturation, np.float32(top), table, result)
    return result


def ramp(t: Array, colors: ArrayLike, at: ArrayLike | None = None) -> Float:
    """Linear light along a row of colours.

    Args:
        t: Place along the row, clipped to [0, 1], (...).
        colors: sRGB, (N, 3); mixed in OKLab.
        at: Places of the colours, rising from 0 to 1; even when None.

    Returns:
        Linear RGB, float32, (..., 3).
    """
    stops = to_oklab(np.asarray(colors, np.float32))
    places = np.linspace(0, 1, len(stops)) if at is None else np.asarray(at)
    fine = np.linspace(0, 1, 2048)
    table = to_linear(from_oklab(np.stack([np.interp(fine, places, stops[:, i]) for i in range(3)], axis=-1)))
    return np.take(table, (np.clip(t, 0, 1) * np.float32(2047)).astype(np.int32), axis=0)


def shades(lightness: ArrayLike, chroma: ArrayLike, hue: ArrayLike) -> Float:
    """Colours from lists of lightness [0, 1], chroma [0, 0.3] and hue in turns that broadcast; sRGB, (N, 3)."""
    return lch(np.asarray(lightness), np.asarray(chroma), np.asarray(hue))


def weather(rng: np.random.Generator) -> Float:
    """Colours of a sky from zenith to horizon, sRGB, (3, 3)."""
    kind = list(_SKIES)[rng.integers(len(_SKIES))]
    return shades(*(np.array(_SKIES[kind], np.float32) + rng.normal(0, (0.04, 0.015, 0.02), (3, 3))).T)


def ridge(
    x: Float, rng: np.random.Generator, *, low: float = 0.6, high: float = 150.0, roughness: float = 1.0
) -> Float:
    """A skyline: sines of random phase from ``low`` to ``high`` periods a frame unit, amplitude frequency^-roughness.

    Args:
        x: Frame coordinate, any shape; one row of it will do.
        rng: Where phases come from.
        low: Lowest frequency.
        high: Highest frequency.
        roughness: 1 for hills, lower for jagged tops.

    Returns:
        Height of about unit deviation, float32, the shape of x.
    """
    frequency = np.exp(np.linspace(np.log(low), np.log(high), 28) + rng.uniform(-0.1, 0.1, 28))
    phase, amplitude = rng.uniform(0, 2 * np.pi, 28), (frequency / low) ** -roughness * rng.uniform(0.5, 1.5, 28)
    waves = np.sin(2 * np.pi * x[..., None] * frequency + phase) @ amplitude
    return np.asarray(waves / np.sqrt((amplitude**2).sum() / 2), np.float32)


def ground(size: tuple[int, int], horizon: float, texture: Float, scale: float) -> Float:
    """A texture laid on a plane that recedes to the horizon; it fades to its mean where a pixel sees too much of it.

    Args:
        size: (height, width).
        horizon: Row of the horizon in frame units.
        texture: (h, w) or (h, w, C), about (512, 512); tiled by reflection.
        scale: Texture widths that fit into the frame's lower edge, a frame unit wide.

    Returns:
        float32, the frame's size; above the horizon the mean of the texture.
    """
    x, y = grid(size)
    depth = 1 / np.maximum(y - horizon, 1e-3)
    near = 1 / max(size[0] / unit(size) - horizon, 0.1)
    texels = np.float32(scale * texture.shape[1] / near)
    u = _fold((x - np.float32(size[1] / unit(size) / 2) + np.float32(0.7)) * depth * texels, texture.shape[1])
    v = _fold(depth * texels * np.float32(0.6), texture.shape[0])
    seen = np.asarray(cv2.remap(texture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)
    footprint = np.hypot(depth, 0.6 * depth**2) * texels / unit(size)
    sharp = np.where(y > horizon, np.clip(1.5 / np.maximum(footprint, 1e-6), 0, 1), 0).astype(np.float32)
    if texture.ndim == 3:
        sharp = sharp[..., None]
    mean = texture.mean((0, 1)).astype(np.float32)
    return np.asarray(mean + sharp * (seen - mean), np.float32)


def _fold(at: Float, length: int) -> Float:
    """Coordinates brought into [0, length) by reflection; remap does the same, but step by step."""
    period = np.float32(2 * length)
    # Of a power of two every quotient is exact, and the remainder that of np.mod, which takes ten times as long.
    rest = at - period * np.floor(at / period) if length & (length - 1) == 0 else np.mod(at, period)
    return np.asarray(np.abs(rest - length), np.float32)
