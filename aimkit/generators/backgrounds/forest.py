"""Woods and meadows: trunks in the haze under a canopy, or blades of grass before a line of trees."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Share, Shares, Within
from aimkit.generators import GeneratorBlock, Range, background_generators, draw
from aimkit.generators.coverage import edge, strokes
from aimkit.generators.noise import fbm, grid, unit, value_noise
from aimkit.generators.scenery import develop, ground, ramp, ridge, shades, weather
from aimkit.generators.shading import to_linear
from aimkit.types import Array, Float


class Forest(GeneratorBlock):
    """Woods or a meadow.

    Attributes:
        meadow: Probability of a meadow; else woods.
        horizon: Row where the ground meets the trees, as a share of the height.
        trees: Trunks in the nearest layer.
        haze: How much the farthest layer takes on the colour of the light.
    """

    generator: Name = "forest"
    meadow: Share = 0.45
    horizon: Annotated[Range, Within(-1, 2)] = (0.4, 0.85)
    trees: Annotated[Range, Within(0, 60)] = (2, 7)
    haze: Shares = (0.3, 0.95)


@background_generators.register("forest", params=Forest, bound=0.03)
def forest(params: Forest, size: tuple[int, int], rng: np.random.Generator) -> Float:
    """Woods with trunks and canopy, or a meadow with blades of grass."""
    season = rng.choice([rng.normal(0.35, 0.03), rng.normal(0.3, 0.03), rng.uniform(0.08, 0.25)], p=[0.5, 0.3, 0.2])
    horizon = draw(rng, params.horizon) * size[0] / unit(size)
    make = _meadow if rng.random() < params.meadow else _woods
    return develop(np.maximum(make(params, size, horizon, float(season), rng), 0), rng)


def _woods(params: Forest, size: tuple[int, int], horizon: float, hue: float, rng: np.random.Generator) -> Float:
    x, y = grid(size)
    leaves = fbm(size, rng, rng.uniform(5, 10), 7, gain=0.75)
    light = shades(rng.uniform(0.6, 0.95), rng.uniform(0.02, 0.1), hue - rng.uniform(0, 0.1))
    air = to_linear(light)
    scene = ramp(leaves, shades([0.35, 0.6, 0.85], 0.08, hue)) * 0.5 + 0.5 * air
    haze, layers = draw(rng, params.haze), 3
    for layer in range(layers):
        near = (layer + 1) / layers
        veil = haze * (1 - near) ** 0.7
        floor = horizon + 0.25 * (near - 0.3) * (size[0] / unit(size) - horizon)
        soil = ramp(
            fbm(size, rng, 12, 5, gain=0.75, stretch=(2.5, 1)), shades([0.12, 0.3, 0.55], 0.06, [0.14, hue, hue])
        )
        cover = edge(floor + 0.01 * ridge(x[0], rng) - y, size, 0.01)[..., None]
        scene = scene + cover * (soil * (1 - veil) + air * veil - scene)
        trunks = _trunks(size, int(draw(rng, params.trees) * 2 ** (layers - 1 - layer)) + 1, near, floor, rng)
        drawn = to_linear(np.clip(trunks[..., :3] / np.maximum(trunks[..., 3:], 1e-3), 0, 1))
        scene = scene + trunks[..., 3:] * (drawn * (1 - veil) + air * veil - scene)
        canopy = fbm(size, rng, 4 + 6 * (1 - near), 6, gain=0.72)
        shape = np.clip((canopy - 0.35 - 0.9 * y / max(horizon, 0.2)) * 6 + 0.5, 0, 1)[..., None]
        foliage = ramp(canopy * 1.4 - 0.2, shades([0.1, 0.4, 0.75], [0.04, 0.1, 0.12], hue))
        scene = scene + shape * (foliage * (1 - veil) + air * veil - scene)
    dapple = np.exp(np.float32(rng.uniform(0, 0.7)) * value_noise(size, rng, 6))
    return np.asarray(scene * dapple[..., None], np.float32)


def _trunks(size: tuple[int, int], count: int, near: float, floor: float, rng: np.random.Generator) -> Float:
    """Tapered trunks from the floor to above the frame, in three strips each so that they look round."""
    wide, steps = size[1] / unit(size), 8
    width = (0.015 + 0.06 * near**2) * np.exp(rng.normal(0, 0.35, count)) * rng.uniform(0.6, 1.3)
    foot = np.stack([rng.uniform(0, wide, count), floor + rng.uniform(-0.01, 0.06, count) * near], axis=-1)
    t = np.linspace(0, 1, steps)
    lean = rng.normal(0, 0.04, (count, 1)) * t + np.cumsum(rng.normal(0, 0.006, (count, steps)), axis=1)
    spine = foot[:, None] + np.stack([lean, np.broadcast_to(-(floor + 0.1) * t, (count, steps))], axis=-1)
    taper = width[:, None] * (1 - 0.45 * t + 0.5 * np.exp(-t * 25))
    strips = np.linspace(-1, 1, 7)[:, None, None] * 0.43
    points = spine + np.stack([strips * taper, np.zeros_like(strips * taper)], axis=-1)
    side = rng.uniform(-0.12, 0.12)
    tone = rng.uniform(0.15, 0.5) + side * strips[:, 0] / 0.4 - 0.12 * (strips[:, 0] / 0.4) ** 2
    bark = shades(tone + rng.normal(0, 0.04, (1, count)), rng.uniform(0, 0.05), rng.uniform(0.1, 0.2))[:, :, None]
    bark = np.clip(bark + rng.normal(0, 0.02, (7, count, steps, 1)), 0, 1)
    widths = np.broadcast_to(0.16 * taper, points.shape[:3]).reshape(-1, steps)
    return strokes(size, points.reshape(-1, steps, 2), widths, bark.reshape(-1, steps, 3))


def _meadow(params: Forest, size: tuple[int, int], horizon: float, hue: float, rng: np.random.Generator) -> Float:
    x, y = grid(size)
    colors = weather(rng)
    scene: Array = ramp(y / max(horizon, 0.1), colors)
    air, haze = to_linear(colors[2]), draw(rng, params.haze)
    for layer in range(3):
        near = (layer + 1) / 3
        leaves = fbm(size, rng, rng.uniform(8, 14), 6, gain=0.75)
        tops = (
            horizon
            - (0.02 + 0.2 * near * rng.random()) * (1 + 0.5 * ridge(x[0], rng, low=2, roughness=0.7))
            - 0.05 * (leaves - 0.5)
        )
        crown = ramp(leaves, shades([0.12, 0.32, 0.6], [0.04, 0.08, 0.09], hue + rng.normal(0, 0.03)))
        veil = 0.6 * haze * (1 - near)
        scene = scene + edge(tops - y, size, 0.004)[..., None] * (crown * (1 - veil) + air * veil - scene)
    texture = fbm((512, 512), rng, rng.uniform(20, 60), 4, gain=0.8)
    patches = np.float32(0.13) * value_noise(size, rng, 2.5, (3, 1))
    field = 1.6 * (ground(size, horizon, texture, rng.uniform(0.8, 1.5)) - 0.5) + 0.5 + patches
    grass = shades([0.2, 0.48, 0.75], rng.uniform(0.04, 0.1), hue + rng.normal(0, 0.03, 3))
    scene = scene + edge(horizon - y, size, 0.003)[..., None] * (ramp(field, grass) - scene)
    blades = _blades(size, horizon, hue, rng)
    return np.asarray(scene * (1 - blades[..., 3:]) + to_linear(np.clip(blades[..., :3], 0, 1)), np.float32)


def _blades(size: tuple[int, int], horizon: float, hue: float, rng: np.random.Generator) -> Float:
    """Blades of grass, larger and sparser towards the viewer, drawn from far to near."""
    wide, high, count = size[1] / unit(size), size[0] / unit(size), 2200
    near = np.sort(rng.random(count)) ** 1.5
    length = (0.015 + 0.22 * near**1.5 * rng.uniform(0.3, 1.0)) * rng.uniform(0.5, 1.2, count)
    foot = np.stack(
        [rng.uniform(-0.05, wide + 0.05, count), horizon + (high + 0.1 - horizon) * near + 0.3 * length], axis=-1
    )
    t = np.linspace(0, 1, 7)
    wind = rng.normal(0, 0.3) + rng.normal(0, 0.35, (count, 1))
    spine = foot[:, None] + length[:, None, None] * np.stack([wind * t**1.8, np.broadcast_to(-t, (count, 7))], axis=-1)
    width = length[:, None] * rng.uniform(0.03, 0.06, (count, 1)) * (1 - t) ** 0.7
    tone = rng.uniform(0.3, 0.6) + rng.normal(0, 0.1, (count, 1)) + 0.2 * t - 0.1
    colors = shades(tone, rng.uniform(0.04, 0.1), hue + rng.normal(0, 0.02, (count, 1)))
    return strokes(size, spine, width, colors)
