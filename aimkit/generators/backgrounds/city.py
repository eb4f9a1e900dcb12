"""City blocks: layers of houses with rows of windows under a sky by day or night, or one facade from close by."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Share, Within
from aimkit.generators import GeneratorBlock, Range, background_generators, draw
from aimkit.generators.coverage import edge
from aimkit.generators.noise import fbm, grid, unit
from aimkit.generators.scenery import develop, ground, ramp, shades, weather
from aimkit.generators.shading import to_linear
from aimkit.generators.wires import plane, stripes
from aimkit.types import Float


class City(GeneratorBlock):
    """City blocks.

    Attributes:
        layers: Rows of houses, 2 to 4.
        width: Median width of a house in the nearest row, relative to the short side of the frame.
        storey: Height of a storey in the nearest row, relative to the short side of the frame.
        night: Probability of night, when some windows are lit.
        close: Probability of a single facade that fills the frame.
    """

    generator: Name = "city"
    layers: Annotated[Range, Within(1, 12)] = (2, 4)
    width: Annotated[Range, Within(0.02, 2)] = (0.15, 0.45)
    storey: Annotated[Range, Within(0.005, 0.5)] = (0.025, 0.06)
    night: Share = 0.3
    close: Share = 0.35


@background_generators.register("city", params=City, bound=0.025)
def city(params: City, size: tuple[int, int], rng: np.random.Generator) -> Float:
    """City blocks with windows, by day or night, or one facade."""
    night = rng.random() < params.night
    if rng.random() < params.close:
        u, v = plane(size, 0, rng.normal(0, 3), rng.uniform(0, 0.8), rng)
        return develop(_facade(u + 8, v + 8, draw(rng, params.storey) * rng.uniform(2.5, 6), night, rng), rng)
    x, y = grid(size)
    high = size[0] / unit(size)
    street = high * rng.uniform(0.7, 1.1)
    colors = weather(rng) * (rng.uniform(0.15, 0.4) if night else 1)
    scene = ramp(y / street + 0.08 * (fbm(size, rng, 2, 6, stretch=(3, 1)) - 0.5), colors)
    layers, air = round(draw(rng, params.layers)), to_linear(colors[2])
    width, storey = draw(rng, params.width), draw(rng, params.storey)
    for layer in range(layers):
        near = (layer + 1) / layers
        count, houses, roofs = _row(x[0], size[1] / unit(size), width * near, street, rng)
        facade = _houses(x, y, count, houses, storey * near, night, rng)
        haze = 0.55 * (1 - near) * rng.uniform(0.5, 1.3)
        facade = facade + haze * (air - facade)
        scene = scene + edge(roofs - y, size)[..., None] * (facade - scene)
    road = ground(size, street, fbm((512, 512), rng, 30, 4, gain=0.8), 1.0)
    asphalt = ramp(road, shades([0.2, 0.5], 0.01, rng.random())) * (0.3 if night else 1)
    scene = scene + edge(street - y, size)[..., None] * (asphalt - scene)
    return develop(np.maximum(scene, 0), rng)


def _row(x: Float, extent: float, width: float, street: float, rng: np.random.Generator) -> tuple[int, Float, Float]:
    """How many houses there are, which one stands at each column, and the row of its roof."""
    count = int(3 * extent / width) + 8
    ends = np.cumsum(width * np.exp(rng.normal(0, 0.4, count))) - width
    roofs = street * (1 - np.clip(rng.uniform(0.25, 0.95) * np.exp(rng.normal(0, 0.3, count + 1)), 0.1, 1.1))
    house = np.searchsorted(ends, x)
    # Between two houses a column sees both.
    place = np.clip((x - ends[np.clip(house - 1, 0, count - 1)]) * len(x) / extent + 0.5, 0, 1)
    before = roofs[np.maximum(house - 1, 0)]
    return count + 1, house.astype(np.float32), np.asarray(before + place * (roofs[house] - before), np.float32)


def _houses(
    x: Float, y: Float, count: int, houses: Float, storey: float, night: bool, rng: np.random.Generator
) -> Float:
    """Facades of all houses of a row, linear light."""
    index = houses.astype(int)
    walls = _walls(count, night, rng)
    share, tall = rng.uniform(0.25, 0.75, count), rng.uniform(0.3, 0.8, count)
    bay = storey * rng.uniform(0.6, 1.6, count)
    u, v = x / bay[index].astype(np.float32), y / np.float32(storey)
    glass = stripes(np.asarray(u), share[index].astype(np.float32)[None]) * stripes(
        np.asarray(v), tall[index].astype(np.float32)[None]
    )
    panes = _panes(np.floor(u) + 131 * houses[None], np.floor(v), night, rng)
    light = walls[index][None] * (0.75 + 0.5 * fbm(x.shape, rng, 3, 5))[..., None]
    return np.asarray(light + glass[..., None] * (panes - light), np.float32)


def _facade(u: Float, v: Float, storey: float, night: bool, rng: np.random.Generator) -> Float:
    """One wall with windows, frames, sills and ledges, in perspective."""
    bay = storey * rng.uniform(0.5, 1.5)
    a, b = u / np.float32(bay), v / np.float32(storey)
    share, tall, frame = rng.uniform(0.3, 0.75), rng.uniform(0.35, 0.75), rng.uniform(0.02, 0.05)
    light = _walls(1, night, rng)[0] * (0.6 + 0.8 * fbm(u.shape, rng, rng.uniform(3, 12), 6, gain=0.7))[..., None]
    courses = stripes(b * rng.integers(4, 14), 0.12) * rng.uniform(0, 0.4)
    ledge = stripes(b + np.float32(0.5 * tall + 0.55), 0.05)
    light = (
        light
        * (1 - courses)[..., None]
        * (1 + 0.35 * ledge - 0.5 * stripes(b + np.float32(0.5 * tall + 0.5), 0.05))[..., None]
    )
    rim = shades(rng.uniform(0.1, 0.95), rng.uniform(0, 0.06), rng.random())
    outer = stripes(a, share + frame) * stripes(b, tall + frame)
    light = light + outer[..., None] * (to_linear(rim) * (0.3 if night else 1) - light)
    glass = stripes(a, share) * stripes(b, tall) * (1 - stripes(a, 0.03)) * (1 - stripes(b + np.float32(0.1), 0.02))
    panes = _panes(np.floor(a), np.floor(b), night, rng)
    sheen = fbm(u.shape, rng, 1.5, 4) * (0.1 if night else 0.7)
    return np.asarray(light + glass[..., None] * (panes * (0.6 + sheen)[..., None] - light), np.float32)


def _walls(count: int, night: bool, rng: np.random.Generator) -> Float:
    hue = rng.choice([rng.uniform(0.05, 0.25), rng.random()]) + rng.normal(0, 0.05, count)
    tone = rng.uniform(0.3, 0.8) + rng.normal(0, 0.1, count)
    return to_linear(shades(np.clip(tone, 0.15, 0.95), rng.uniform(0, 0.07, count), hue)) * np.float32(
        0.12 if night else 1
    )


def _panes(column: Float, row: Float, night: bool, rng: np.random.Generator) -> Float:
    """Light from each window: dark glass, the sky in it, or a lamp behind; linear."""
    table = rng.random((97, 89), np.float32)
    value = table[np.mod(column, 97).astype(np.int32), np.mod(row, 89).astype(np.int32)]
    if not night:
        return ramp(value**1.5, shades([0.1, 0.3, 0.6, 0.85], 0.03, 0.68 + rng.normal(0, 0.03, 4)))
    lit = np.clip((value - rng.uniform(0.4, 0.85)) * 20, 0, 1)[..., None]
    lamp = ramp(np.mod(value * 13, 1), shades([0.6, 0.85, 0.95], 0.08, [0.14, 0.2, 0.25]))
    return np.asarray(0.01 + lit * lamp * rng.uniform(0.6, 1.5), np.float32)
