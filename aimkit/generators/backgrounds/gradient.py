"""Studio backdrops: smooth gradients of one to four colours, a spot of light, a table edge, nearly no texture."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, background_generators, draw
from aimkit.generators.noise import fbm, grid, unit, value_noise
from aimkit.generators.scenery import develop, ramp, shades
from aimkit.types import Array, Float


class Gradient(GeneratorBlock):
    """A studio backdrop.

    Attributes:
        colors: Number of colours, 2 to 4.
        chroma: Saturation, from paper to neon.
        bend: How far the gradient strays from straight.
        spot: Strength of a spot of light.
        mottle: Contrast of the backdrop's texture.
    """

    generator: Name = "gradient"
    colors: Annotated[Range, Within(1, 16)] = (2, 4)
    chroma: Shares = (0, 0.2)
    bend: Annotated[Range, Within(0, 2)] = (0, 0.25)
    spot: Annotated[Range, Within(0, 5)] = (0, 1.5)
    mottle: Shares = (0, 0.2)


@background_generators.register("gradient", params=Gradient)
def gradient(params: Gradient, size: tuple[int, int], rng: np.random.Generator) -> Float:
    """Smooth studio gradients with a spot of light."""
    x, y = grid(size)
    x, y = x - np.float32(size[1] / unit(size) / 2), y - np.float32(size[0] / unit(size) / 2)
    count = round(draw(rng, params.colors))
    tones = np.clip(rng.uniform(0.2, 0.9) + rng.normal(0, 0.16, count), 0.03, 0.98)
    hues = rng.random() + rng.choice([0.03, 0.15]) * rng.normal(0, 1, count)
    colors = shades(tones, draw(rng, params.chroma) * rng.uniform(0.5, 1, count), hues)
    turn, stretch = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.3)
    if rng.random() < 0.35:
        t = np.hypot(x - rng.normal(0, 0.2), y - rng.normal(0, 0.2)) * 1.3 * stretch
    else:
        t = 0.5 + stretch * (np.cos(turn) * x + np.sin(turn) * y)
    t = t + draw(rng, params.bend) * value_noise(size, rng, rng.uniform(0.8, 2))
    light: Array = ramp(np.asarray(t, np.float32), colors)
    if rng.random() < 0.25:
        edge = rng.uniform(0.1, 0.4) * size[0] / unit(size) + rng.normal(0, 0.05) * x
        table = np.clip(0.5 + (y - edge) / rng.uniform(0.01, 0.2), 0, 1)[..., None]
        light = light * (1 - table) + table * light[::-1] * rng.uniform(0.5, 1.5)
    spot = np.exp(-((x - rng.normal(0, 0.3)) ** 2 + (y - rng.normal(0, 0.3)) ** 2) / rng.uniform(0.05, 0.5))
    mottle = 1 + draw(rng, params.mottle) * (fbm(size, rng, rng.uniform(1.5, 8), 6, gain=0.7) - 0.5)
    return develop(light * ((1 + draw(rng, params.spot) * spot) * mottle)[..., None], rng)
