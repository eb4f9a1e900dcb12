"""Scratches on a pane or on film: long thin lines and arcs that fade in and out, most of them along one direction."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground, strokes
from aimkit.generators.lens import defocus
from aimkit.generators.noise import unit
from aimkit.generators.shading import jitter, lch
from aimkit.types import Array, Foreground, ImageType


class Scratches(GeneratorBlock):
    """Scratches.

    Attributes:
        amount: Number of scratches over a square of the shorter side.
        length: Median length, relative to the short side of the frame.
        width: Median width, relative to the short side of the frame.
        spread: Deviation of the direction, degrees: a few for worn film, 90 for a kitchen pan.
        curve: Turn along a scratch, degrees.
        opacity: Alpha of a scratch, in [0, 1].
        defocus: Radius of the circle of confusion, relative to the short side of the frame.
        tone: Lightness.
    """

    generator: Name = "scratches"
    amount: Annotated[Range, Within(1, 5000)] = (250, 1000)
    length: Annotated[Range, Within(0.01, 1)] = (0.1, 0.5)
    width: Annotated[Range, Within(0.0003, 0.03)] = (0.0014, 0.004)
    spread: Annotated[Range, Within(0, 180)] = (2, 90)
    curve: Annotated[Range, Within(0, 180)] = (0, 40)
    opacity: Shares = (0.5, 1.0)
    defocus: Annotated[Range, Within(0, 0.05)] = (0, 0.002)
    tone: Shares = (0.05, 1.0)


@generators.register("scratches", type=ImageType.NS, category="scratches", params=Scratches)
def scratches(params: Scratches, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """Fine scratches over the frame."""
    count = int(draw(rng, params.amount) * size[0] * size[1] / unit(size) ** 2)
    points = _lines(params, size, count, rng)
    steps = points.shape[1]
    width = draw(rng, params.width) * np.exp(rng.normal(0, 0.45, (count, 1))) * rng.uniform(0.6, 1.2, (count, steps))
    # Pressure varies along the way and is nothing at both ends.
    pressure = np.sin(np.pi * np.linspace(0, 1, steps)) ** 0.5 * rng.uniform(0.15, 1, (count, steps))
    strength = draw(rng, params.opacity) * rng.uniform(0.3, 1, (count, 1)) * pressure
    color = lch(draw(rng, params.tone), rng.uniform(0, 0.02), rng.random())
    layer = strokes(size, points, width, jitter(color, rng, 0.06, (count, 1)), strength)
    layer = defocus(layer, draw(rng, params.defocus) * rng.random() * unit(size))
    return foreground(layer, ImageType.NS, "scratches")


def _lines(params: Scratches, size: tuple[int, int], count: int, rng: np.random.Generator) -> Array:
    """Slightly bent lines, in bundles of up to five that run side by side; (N, 16, 2) in frame units."""
    steps = 16
    bundle = np.cumsum(rng.random(count) < 0.6)
    bundles = int(bundle[-1]) + 1
    spread, curve = np.deg2rad(draw(rng, params.spread)), np.deg2rad(draw(rng, params.curve))
    heading = rng.uniform(0, np.pi) + rng.normal(0, spread, bundles)[bundle] + rng.normal(0, 0.02, count)
    turn = rng.normal(0, curve, bundles)[bundle] + rng.normal(0, 0.02, count)
    length = draw(rng, params.length) * np.exp(rng.normal(0, 0.5, count))
    at = np.linspace(-0.5, 0.5, steps)
    angle = heading[:, None] + turn[:, None] * at
    step = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * (length / (steps - 1))[:, None, None]
    middle = rng.uniform(-0.1, 1.1, (bundles, 2))[bundle] * [size[1] / unit(size), size[0] / unit(size)]
    middle = middle + rng.normal(0, 0.02, (count, 2))
    line = np.cumsum(step, axis=1)
    return np.asarray(middle[:, None] + line - line.mean(axis=1, keepdims=True))
