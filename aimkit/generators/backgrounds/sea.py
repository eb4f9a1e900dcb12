"""Open water under a sky: every wave mirrors another row of the sky, with glitter below the sun and foam."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, background_generators, draw
from aimkit.generators.backgrounds.sky import clouds, glow
from aimkit.generators.coverage import edge
from aimkit.generators.noise import fbm, grid, unit, value_noise
from aimkit.generators.scenery import develop, ground, ramp, ridge, shades, weather
from aimkit.generators.shading import to_linear
from aimkit.types import Float


class Sea(GeneratorBlock):
    """Sea or lake.

    Attributes:
        horizon: Row of the horizon, as a share of the height; below 0 only water is seen.
        waves: Roughness of the water.
        clouds: Share of the sky that clouds cover.
        foam: Share of the water that is white.
    """

    generator: Name = "sea"
    horizon: Annotated[Range, Within(-1, 2)] = (-0.3, 0.65)
    waves: Annotated[Range, Within(0, 3)] = (0.1, 0.8)
    clouds: Shares = (0, 0.7)
    foam: Annotated[Range, Within(-1, 1)] = (-0.1, 0.15)


@background_generators.register("sea", params=Sea, bound=0.06)
def sea(params: Sea, size: tuple[int, int], rng: np.random.Generator) -> Float:
    """Sea or lake under a sky, calm to rough."""
    x, y = grid(size)
    high = size[0] / unit(size)
    horizon = draw(rng, params.horizon) * high
    colors = weather(rng)
    sun = np.array([rng.uniform(0, 1) * size[1] / unit(size), horizon - rng.uniform(0.05, 0.4)])
    t = y / max(horizon, 0.05)
    scene = ramp(t, colors) + glow(x, y, sun, rng)[..., None] * to_linear(colors[2])
    if horizon > 0.05:
        scene = clouds(scene, size, t, sun, colors, draw(rng, params.clouds), rng)
        if rng.random() < 0.4:
            far = horizon - rng.uniform(0.005, 0.05) * (1 + ridge(x[0], rng, low=1))
            scene += edge(far - y, size)[..., None] * (to_linear(colors[1]) * rng.uniform(0.2, 0.8) - scene)
    water = _water(params, size, horizon, colors, float(sun[0]), rng)
    scene += edge(horizon - y, size)[..., None] * (water - scene)
    return develop(np.maximum(scene, 0), rng)


def _water(
    params: Sea, size: tuple[int, int], horizon: float, colors: Float, sun: float, rng: np.random.Generator
) -> Float:
    x, y = grid(size)
    below = np.maximum(y - np.float32(horizon), 0) / np.float32(max(size[0] / unit(size) - horizon, 0.1))
    wide, steep = rng.uniform(2, 5), rng.uniform(0.5, 0.7)
    texture = (
        fbm((512, 512), rng, rng.uniform(14, 40), 4, gain=steep, stretch=(wide, 1), ridged=rng.random() < 0.6) - 0.5
    )
    scale = rng.uniform(0.5, 0.9)
    slope = sum(weight * ground(size, horizon, texture, scale * k) for k, weight in ((1, 0.4), (2.7, 0.4), (7.1, 0.4)))
    swell = fbm(size, rng, rng.uniform(3, 7), 2, stretch=(5, 1)) - 0.5
    rough = np.float32(draw(rng, params.waves))
    slope = rough * (slope + 0.35 * swell * np.sqrt(below))
    # A flat mirror shows the sky as far above the horizon as the pixel is below it.
    mirror = ramp(1 - below * 0.8 - slope, colors)
    hue = rng.choice([rng.uniform(0.45, 0.72), rng.uniform(0.3, 0.45)])
    deep = ramp(
        0.5 + slope + np.float32(0.15) * value_noise(size, rng, 2, (3, 1)),
        shades([0.12, 0.3, 0.5], rng.uniform(0.02, 0.1), hue),
    )
    fresnel = np.clip(0.12 + 0.85 * (1 - below) ** 3 - 0.6 * slope, 0.04, 1)[..., None]
    light = deep + fresnel * (mirror - deep)
    path = np.exp(-(((x - sun) / (0.05 + 0.25 * below)) ** 2)) * np.clip(slope * 5 - 0.6, 0, 3)
    light += (rng.uniform(0, 2) * rng.random() * path)[..., None] * to_linear(colors[2])
    foam = draw(rng, params.foam)
    if foam > 0:
        # Foam lies in torn streaks along the crests of the swell.
        torn = ground(size, horizon, fbm((512, 512), rng, 12, 6, gain=0.8, stretch=(3, 1), ridged=True), scale)
        crest = np.clip((swell + 0.9 * torn - 1.05 + foam) * 5, 0, 1) * np.clip(below * 3, 0, 1)
        light += crest[..., None] * (np.float32(0.85) - light)
    return light
