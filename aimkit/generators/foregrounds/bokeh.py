"""Bokeh before the lens: lights far out of focus, each a disc in the shape of the aperture, over the whole frame.

The discs are kept translucent, as when droplets or lamps close to the lens catch the light.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground
from aimkit.generators.noise import unit
from aimkit.generators.shading import lch
from aimkit.generators.specks import specks
from aimkit.types import Foreground, ImageType


class Bokeh(GeneratorBlock):
    """Discs of defocus.

    Attributes:
        amount: Number of discs over a square of the shorter side.
        radius: Median radius, relative to the short side of the frame.
        variety: Deviation of the logarithm of the radius.
        opacity: Alpha of the brightest disc, in [0, 1].
        rim: How much brighter the rim is than the middle.
        softness: Share of the radius over which the edge fades.
        hues: Spread of hues, in turns.
    """

    generator: Name = "bokeh"
    amount: Annotated[Range, Within(20, 2000)] = (50, 160)
    radius: Annotated[Range, Within(0.005, 0.5)] = (0.035, 0.1)
    variety: Shares = (0.05, 0.5)
    opacity: Shares = (0.3, 0.85)
    rim: Shares = (0, 0.5)
    softness: Annotated[Range, Within(0.001, 1)] = (0.02, 0.4)
    hues: Shares = (0.02, 0.5)


@generators.register("bokeh", type=ImageType.NS, category="bokeh", params=Bokeh)
def bokeh(params: Bokeh, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """Translucent discs of defocus over the frame."""
    extent = np.array([size[1], size[0]]) / unit(size)
    amount, radius = draw(rng, params.amount), draw(rng, params.radius)
    # Large discs overlap: fewer of them fill the frame as well.
    count = int(amount * extent.prod() * min(1.0, (0.06 / radius) ** 1.5))
    radii = np.minimum(radius * np.exp(rng.normal(0, draw(rng, params.variety), count)), 0.18)
    # One disc in every square of a lattice, so that no corner stays empty.
    columns = int(np.ceil(np.sqrt(count * extent[0] / extent[1])))
    cell = np.stack([np.arange(count) % columns, np.arange(count) // columns], axis=-1)
    rows = int(np.ceil(count / columns))
    centers = (cell + rng.uniform(-0.3, 1.3, (count, 2))) / [columns, rows] * extent
    strength = draw(rng, params.opacity) * rng.uniform(0.15, 1, count) ** 1.3
    hue = rng.random() + draw(rng, params.hues) * rng.uniform(-1, 1, count)
    colors = lch(rng.uniform(0.6, 0.98, count), rng.uniform(0.01, 0.17, count), hue)
    blades = int(rng.choice([0, 0, 5, 6, 7, 8]))
    order = rng.permutation(count)
    layer = specks(
        size,
        centers[order],
        radii,
        colors,
        strength,
        softness=draw(rng, params.softness),
        rim=draw(rng, params.rim),
        blades=blades,
    )
    return foreground(layer, ImageType.NS, "bokeh")
