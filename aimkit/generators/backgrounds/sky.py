"""Sky over land: a graded sky with a sun and clouds, ridges that fade with distance, and ground that recedes.

Far ridges take on the colour of the horizon (aerial perspective); clouds are thresholded fractal noise, lit from the
side of the sun and squeezed towards the horizon.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, background_generators, draw
from aimkit.generators.coverage import edge
from aimkit.generators.noise import fbm, grid, unit, value_noise, warp
from aimkit.generators.scenery import develop, ground, ramp, ridge, shades, weather
from aimkit.generators.shading import to_linear
from aimkit.types import Array, Float


class Sky(GeneratorBlock):
    """Sky over land.

    Attributes:
        horizon: Row of the horizon, as a share of the height.
        clouds: Share of the sky that clouds cover.
        relief: Height of the ridges, relative to the short side of the frame.
        haze: How much the farthest ridge takes on the colour of the horizon.
    """

    generator: Name = "sky"
    horizon: Annotated[Range, Within(-1, 2)] = (0.3, 1.0)
    clouds: Shares = (0, 0.8)
    relief: Shares = (0.01, 0.12)
    haze: Shares = (0.2, 0.9)


@background_generators.register("sky", params=Sky, bound=0.025)
def sky(params: Sky, size: tuple[int, int], rng: np.random.Generator) -> Float:
    """Sky with clouds over ridges and receding ground."""
    x, y = grid(size)
    horizon = draw(rng, params.horizon) * size[0] / unit(size)
    colors = weather(rng)
    sun = np.array([rng.uniform(-0.2, 1.2) * size[1] / unit(size), horizon * rng.uniform(-0.2, 1)])
    scene = ramp(np.clip(y / horizon, 0, 1) ** rng.uniform(0.6, 1.6), colors)
    scene += glow(x, y, sun, rng)[..., None] * to_linear(colors[2])
    scene = clouds(scene, size, y / horizon, sun, colors, draw(rng, params.clouds), rng)
    far = to_linear(colors[2]) * rng.uniform(0.7, 1)
    scene = _land(scene, size, horizon, far, draw(rng, params.relief), draw(rng, params.haze), rng)
    return develop(scene, rng)


def glow(x: Float, y: Float, sun: Array, rng: np.random.Generator) -> Float:
    """Light around the sun, (H, W); the sun's place in frame units."""
    distance = np.hypot(x - np.float32(sun[0]), y - np.float32(sun[1]))
    return np.asarray(rng.uniform(0, 1.2) * np.exp(-distance / rng.uniform(0.1, 0.5)), np.float32)


def clouds(
    scene: Float, size: tuple[int, int], t: Float, sun: Array, colors: Array, cover: float, rng: np.random.Generator
) -> Float:
    """The scene, linear light, with clouds over it.

    Args:
        scene: (H, W, 3).
        size: (height, width).
        t: 0 at the top of the sky to 1 at the horizon, (H, W).
        sun: Place of the sun, in frame units.
        colors: Sky colours from zenith to horizon, sRGB.
        cover: Share of the sky that they cover.
        rng: The stream of the picture.
    """
    body = fbm(size, rng, rng.uniform(1.2, 4), 8, gain=rng.uniform(0.5, 0.62), stretch=(rng.uniform(1, 4), 1))
    # Towards the horizon the layer is seen at a low angle: fetch from ever more distant rows.
    squeeze = np.float32(0.5) * np.clip(t, 0, 1) ** 3
    body = warp(body, np.zeros_like(squeeze), squeeze)
    soft = rng.uniform(0.08, 0.35)
    density = np.clip((body - (1 - cover) + soft / 2) / soft, 0, 1)
    density = density * density * (3 - 2 * density)
    x, y = grid(size)
    to_sun = np.stack([sun[0] - x, sun[1] - y])
    to_sun *= 0.02 / np.maximum(np.hypot(*to_sun), 0.05)
    rim = np.clip(0.5 + 3 * (body - warp(body, *to_sun.astype(np.float32))), 0, 1)
    thick = np.clip(rim - 0.5 * np.clip(body - (1 - cover), 0, 1), 0, 1)
    shadow = shades(rng.uniform(0.45, 0.7), 0.02, rng.uniform(0.65, 0.85))
    bright = colors[2] * rng.uniform(0.9, 1) + rng.uniform(0.05, 0.2)
    cloud = ramp(thick, [shadow * (0.4 + 0.6 * colors[1].max()), np.clip(bright, 0, 1)])
    return np.asarray(scene + (density * rng.uniform(0.6, 1))[..., None] * (cloud - scene), np.float32)


def _land(
    scene: Array,
    size: tuple[int, int],
    horizon: float,
    far: Float,
    relief: float,
    haze: float,
    rng: np.random.Generator,
) -> Float:
    x, y = grid(size)
    hue, layers = rng.choice([0.1, 0.17, 0.24, 0.29, 0.33, 0.37, 0.7]) + rng.normal(0, 0.03), int(rng.integers(1, 5))
    grain = fbm(size, rng, rng.uniform(6, 20), 7, gain=0.65, stretch=(2, 1))
    for layer in range(layers):
        nearness = (layer + 1) / layers
        tops = ridge(x[0], rng, low=rng.uniform(0.4, 1.5), roughness=rng.uniform(0.8, 1.3))
        line = horizon + relief * (nearness - 1 - 0.6 * tops * (1.2 - nearness))
        albedo = ramp(grain, shades([0.25, 0.55], [0.05, 0.08], hue + rng.normal(0, 0.03, 2)))
        tint = far + (albedo - far) * (1 - haze * (1 - nearness)) * 1.0
        scene = scene + edge(line - y, size)[..., None] * (tint - scene)
    texture = fbm((512, 512), rng, rng.uniform(8, 40), 6, gain=0.8)
    plane = 0.5 * ground(size, horizon, texture, rng.uniform(0.5, 1)) + 0.5 * ground(
        size, horizon, texture, rng.uniform(2, 4)
    )
    patches = value_noise(size, rng, 3, (4, 1)) * np.float32(0.12)
    soil = ramp(
        2 * plane - 0.5 + patches,
        shades([0.18, 0.48, 0.75], rng.uniform(0.4, 1.2) * np.array([0.04, 0.08, 0.06]), hue + rng.normal(0, 0.04, 3)),
    )
    fade = np.exp(-np.maximum(y - horizon, 0) / 0.05)[..., None] * haze
    soil = soil + (far - soil) * fade * 0.6
    return np.asarray(
        scene + edge(horizon + 0.004 * ridge(x[0], rng) - y, size)[..., None] * (soil - scene), np.float32
    )
