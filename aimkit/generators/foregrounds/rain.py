"""Rain: streaks at several distances, each a drop that falls while the shutter is open.

A near drop is large, leaves a long faint streak and is out of focus; far ones are many and fine (after the geometry
of Garg and Nayar, 2007). A drop is a small wide-angle lens, so streaks are bright; in back light they are dark.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground, over, strokes
from aimkit.generators.coverage import layer as layer_of
from aimkit.generators.lens import defocus
from aimkit.generators.noise import fbm, unit
from aimkit.types import Array, Float, Foreground, ImageType


class Rain(GeneratorBlock):
    """Rain.

    Attributes:
        angle: Direction of fall from the vertical, degrees.
        amount: Streaks in the nearest layer, over a square of the shorter side; each layer behind has twice as many.
        length: Length of the nearest streaks, relative to the short side of the frame.
        width: Width of the nearest streaks, relative to the short side of the frame.
        layers: Number of layers at different distances, 2 to 5.
        opacity: Alpha of a streak, in [0, 1].
        gust: Deviation of the direction among streaks, degrees.
        tone: Brightness of the drops, in [0, 1].
        mist: Alpha of the veil that the farthest drops merge into; none where it is below 0.
    """

    generator: Name = "rain"
    angle: Annotated[Range, Within(-80, 80)] = (-30, 30)
    amount: Annotated[Range, Within(1, 1500)] = (60, 260)
    length: Annotated[Range, Within(0.01, 1)] = (0.08, 0.35)
    width: Annotated[Range, Within(0.0005, 0.05)] = (0.003, 0.01)
    layers: Annotated[Range, Within(1, 8)] = (2, 5)
    opacity: Shares = (0.4, 1.0)
    gust: Annotated[Range, Within(0, 30)] = (0.3, 4)
    tone: Shares = (0.55, 1.0)
    mist: Annotated[Range, Within(-1, 1)] = (-0.2, 0.25)


@generators.register("rain", type=ImageType.NS, category="rain", params=Rain)
def rain(params: Rain, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """Falling rain at several distances, with motion blur."""
    angle, gust = draw(rng, params.angle), draw(rng, params.gust)
    amount, layers = draw(rng, params.amount), round(draw(rng, params.layers))
    length, width = draw(rng, params.length), draw(rng, params.width)
    opacity, tone = draw(rng, params.opacity), draw(rng, params.tone)
    color = np.clip(tone * (1 + rng.normal(0, 0.03, 3)), 0, 1).astype(np.float32)
    veil = max(draw(rng, params.mist), 0.0) * (0.6 + 0.8 * fbm(size, rng, 1.5, 3, stretch=(1, 3)))
    result = layer_of(color, veil)
    for layer in reversed(range(layers)):
        near = 0.7**layer
        count = int(amount * 2**layer * size[0] * size[1] / unit(size) ** 2)
        drawn = _layer(size, count, length * near, width * near, np.deg2rad((angle, gust)), opacity, color, rng)
        result = over(defocus(drawn, 0.35 * width * unit(size)) if layer == 0 else drawn, result)
    return foreground(result, ImageType.NS, "rain")


def _layer(
    size: tuple[int, int],
    count: int,
    length: float,
    width: float,
    direction: Array,
    opacity: float,
    color: Float,
    rng: np.random.Generator,
) -> Float:
    """Streaks of one distance; premultiplied RGBA."""
    high, wide = size[0] / unit(size), size[1] / unit(size)
    middle = rng.uniform([-length, -length], [wide + length, high + length], (count, 2))
    angle = rng.normal(direction[0], direction[1], count)
    fall = np.stack([np.sin(angle), np.cos(angle)], axis=-1) * (length * rng.uniform(0.5, 1.2, count))[:, None]
    at = np.linspace(-0.5, 0.5, 7)
    points = middle[:, None] + at[:, None] * fall[:, None]
    # The drop enters and leaves the exposure gradually, and it is brightest where it lingers.
    profile = np.cos(np.pi * at) ** 0.7 * (1 + 0.3 * at)
    strength = opacity * rng.uniform(0.3, 1, count)[:, None] * profile
    widths = width * rng.uniform(0.5, 1.2, count)[:, None] * np.ones(7)
    tones = np.clip(color * rng.uniform(0.8, 1.1, (count, 1, 1)), 0, 1)
    return strokes(size, points, widths, tones, strength)
