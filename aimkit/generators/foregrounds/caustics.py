"""Caustics: the net of light that waves throw on what lies under water.

A fine grid of parallel rays is bent at a wavy surface in proportion to its slope and caught on a plane below; where
rays crowd together it is bright. Ray density relative to even light is the brightness; the light that exceeds even
light is laid over the picture with alpha 1 - exp(-gain * excess).
"""

from __future__ import annotations

from typing import Annotated

import cv2
import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.noise import gradient, unit, value_noise, working_size
from aimkit.generators.shading import lch, mix
from aimkit.types import Float, Foreground, ImageType

#: Shorter side at which light is caught, in pixels; rays to such a pixel, along each axis.
_WORK, _RAYS = 512, 3
#: Width beyond the frame from which rays fall into it, and pixels of the water's surface, to a frame unit.
_MARGIN, _FINE = 0.15, 400
#: Frame units to the longer side at most; a longer frame shows a stretched picture, since OpenCV moves no more columns.
_LONGEST = 16


class Caustics(GeneratorBlock):
    """Caustics.

    Attributes:
        scale: Number of waves along the short side.
        focus: Depth of the water over the mean focal length of the waves.
        ripples: Amplitude of the finer waves.
        gain: Alpha for light that is twice the even light is 1 - exp(-gain).
        stretch: How much longer the waves are than wide.
        sharpness: Blur by the size of the sun, relative to the short side of the frame.
        tone: Lightness.
    """

    generator: Name = "caustics"
    scale: Annotated[Range, Within(0.5, 50)] = (3, 9)
    focus: Annotated[Range, Within(0.05, 5)] = (0.45, 1.3)
    ripples: Annotated[Range, Within(0, 5)] = (0, 0.5)
    gain: Annotated[Range, Within(0, 10)] = (0.4, 1.4)
    stretch: Annotated[Range, Within(0.2, 10)] = (1, 2)
    sharpness: Annotated[Range, Within(0.0005, 0.1)] = (0.0025, 0.007)
    tone: Shares = (0.8, 1.0)


@generators.register("caustics", type=ImageType.NS, category="caustics", params=Caustics)
def caustics(params: Caustics, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """The net of light under moving water, over the frame."""
    high, wide = (min(side, _LONGEST * _WORK) for side in working_size(size, _WORK))
    light = _density(params, (high, wide), rng)
    gain = draw(rng, params.gain)
    alpha = np.clip(1 - np.exp(-gain * np.maximum(light - 0.45, 0.03)), 0, 0.98)
    hue, tone = rng.choice([rng.uniform(0.5, 0.62), rng.uniform(0.2, 0.35)]), draw(rng, params.tone)
    dim, bright = lch(0.85 * tone, rng.uniform(0.02, 0.1), hue), lch(tone, rng.uniform(0, 0.03), hue)
    planes = np.dstack([mix(dim, bright, np.clip(light / 3, 0, 1)), alpha])
    # The blur by the sun's disc leaves nothing finer than the working size holds.
    how = cv2.INTER_AREA if min(size) < _WORK else cv2.INTER_CUBIC
    planes = np.clip(cv2.resize(planes, (size[1], size[0]), interpolation=how), 0, 1).astype(np.float32)
    return Foreground(np.ascontiguousarray(planes[..., :3]), planes[..., 3].copy(), ImageType.NS, "caustics")


def _density(params: Caustics, size: tuple[int, int], rng: np.random.Generator) -> Float:
    """Light on the ground relative to even light, (H, W)."""
    high, wide = size[0] / unit(size), size[1] / unit(size)
    surface = (round((high + 2 * _MARGIN) * _FINE), round((wide + 2 * _MARGIN) * _FINE))
    height = _waves(params, surface, rng)
    slope = gradient(height)
    curvature = gradient(slope[0])[0] + gradient(slope[1])[1]
    bend = draw(rng, params.focus) / float(curvature.std()) * unit(surface) / _FINE
    # Rays land where they started plus the bend; a frame unit holds ``per`` of them.
    per = _RAYS * unit(size)
    x = np.arange(-_MARGIN * per, (wide + _MARGIN) * per, dtype=np.float32) + np.float32(0.5)
    y = np.arange(-_MARGIN * per, (high + _MARGIN) * per, dtype=np.float32) + np.float32(0.5)
    at_x, at_y = np.meshgrid((x / per + _MARGIN) * _FINE - 0.5, (y / per + _MARGIN) * _FINE - 0.5)
    at_x, at_y = at_x.astype(np.float32), at_y.astype(np.float32)
    dx, dy = (cv2.remap(s, at_x, at_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE) for s in slope)
    cols = (x[None, :] / per + np.float32(bend) * dx) * unit(size)
    rows = (y[:, None] / per + np.float32(bend) * dy) * unit(size)
    inside = (cols >= 0) & (rows >= 0) & (cols < size[1]) & (rows < size[0])
    flat = rows[inside].astype(np.int64) * size[1] + cols[inside].astype(np.int64)
    count = np.bincount(flat, minlength=size[0] * size[1]).reshape(size).astype(np.float32) / _RAYS**2
    return np.asarray(cv2.GaussianBlur(count, (0, 0), draw(rng, params.sharpness) * unit(size)), np.float32)


def _waves(params: Caustics, surface: tuple[int, int], rng: np.random.Generator) -> Float:
    """Height of the water on a grid of fixed fineness, so that every output size sees the same waves."""
    scale = draw(rng, params.scale) * unit(surface) / _FINE
    long = draw(rng, params.stretch)
    stretch = (long, 1.0) if rng.random() < 0.5 else (1.0, long)
    height = value_noise(surface, rng, scale, stretch) + np.float32(0.35) * value_noise(
        surface, rng, 1.9 * scale, stretch
    )
    return height + np.float32(0.12 * draw(rng, params.ripples)) * value_noise(surface, rng, 3.7 * scale, stretch)
