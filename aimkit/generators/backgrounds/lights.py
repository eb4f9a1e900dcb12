"""Lights out of focus at night or indoors: discs of the aperture, added over a dim, soft scene."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, background_generators, draw
from aimkit.generators.noise import fbm, unit
from aimkit.generators.scenery import develop, ramp, shades
from aimkit.generators.shading import to_linear
from aimkit.generators.specks import specks
from aimkit.types import Float


class Lights(GeneratorBlock):
    """Defocused lights.

    Attributes:
        amount: Number of lights over a square of the shorter side.
        radius: Radius of the discs, relative to the short side of the frame.
        brightness: Brightness of the lights, relative to the scene.
        hues: Spread of hues, in turns.
    """

    generator: Name = "lights"
    amount: Annotated[Range, Within(0, 2000)] = (15, 160)
    radius: Annotated[Range, Within(0.002, 0.3)] = (0.01, 0.09)
    brightness: Annotated[Range, Within(0, 50)] = (1, 8)
    hues: Shares = (0.03, 0.5)


@background_generators.register("lights", params=Lights)
def lights(params: Lights, size: tuple[int, int], rng: np.random.Generator) -> Float:
    """Defocused lights over a dim scene."""
    hue = rng.random()
    base = shades(np.sort(rng.uniform(0.1, 0.6, 3)), rng.uniform(0.01, 0.1), hue + rng.normal(0, 0.12, 3))
    scene = ramp(fbm(size, rng, rng.uniform(0.8, 3), 3, gain=0.45), base)
    extent = np.array([size[1], size[0]]) / unit(size)
    radius = draw(rng, params.radius)
    count = int(np.clip(draw(rng, params.amount) * extent.prod() * (0.04 / radius) ** 0.7, 5, 600))
    # Street lamps and windows come in rows and clusters.
    nests = rng.random((max(count // 8, 1), 2))
    centers = np.where(
        rng.random((count, 1)) < 0.6,
        nests[rng.integers(0, len(nests), count)] + rng.normal(0, 0.12, (count, 2)),
        rng.random((count, 2)),
    )
    warm = rng.choice([0.15, rng.random()]) + draw(rng, params.hues) * rng.normal(0, 0.5, count)
    colors = to_linear(shades(rng.uniform(0.6, 0.95, count), rng.uniform(0.02, 0.18, count), warm))
    power = draw(rng, params.brightness) * rng.uniform(0.1, 1, count) ** 2
    discs = specks(
        size,
        centers * extent,
        radius * np.exp(rng.normal(0, 0.2, count)),
        colors,
        power,
        softness=rng.uniform(0.03, 0.3),
        rim=rng.uniform(0, 0.5),
        blades=int(rng.choice([0, 0, 5, 6, 7, 9])),
        add=True,
    )
    return develop(scene * rng.uniform(0.1, 1) + discs[..., :3], rng, key=(0.05, 0.3))
