"""Falling snow: flakes at several distances, the near ones large and out of focus, all smeared by their fall."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground, over
from aimkit.generators.noise import unit
from aimkit.generators.specks import specks
from aimkit.types import Foreground, ImageType


class Snow(GeneratorBlock):
    """Falling snow.

    Attributes:
        angle: Direction of fall from the vertical, degrees.
        amount: Flakes of the nearest layer, over a square of the shorter side; each layer behind has 2.5 times as many.
        radius: Radius of the nearest flakes, relative to the short side of the frame.
        fall: Distance fallen during the exposure, in radii.
        layers: Number of layers at different distances, 2 to 4.
        opacity: Alpha of a flake in focus, in [0, 1].
        tone: Brightness of the flakes, in [0, 1].
    """

    generator: Name = "snow"
    angle: Annotated[Range, Within(-80, 80)] = (-40, 40)
    amount: Annotated[Range, Within(1, 500)] = (25, 80)
    radius: Annotated[Range, Within(0.001, 0.1)] = (0.01, 0.03)
    fall: Annotated[Range, Within(0, 20)] = (0, 6)
    layers: Annotated[Range, Within(1, 6)] = (2, 4)
    opacity: Shares = (0.5, 1.0)
    tone: Shares = (0.75, 1.0)


@generators.register("snow", type=ImageType.NS, category="snow", params=Snow)
def snow(params: Snow, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """Falling snow at several distances, with motion blur and defocus."""
    angle, amount = np.deg2rad(draw(rng, params.angle)), draw(rng, params.amount)
    radius, fall = draw(rng, params.radius), draw(rng, params.fall) * rng.random()
    layers, opacity = round(draw(rng, params.layers)), draw(rng, params.opacity)
    color = np.clip(draw(rng, params.tone) * (1 + rng.normal(0, 0.02, 3) + [-0.01, 0, 0.02]), 0, 1)
    high, wide = size[0] / unit(size), size[1] / unit(size)
    result = np.zeros((*size, 4), np.float32)
    for layer in reversed(range(layers)):
        near = 0.58**layer
        count = int(amount * 2.5**layer * high * wide)
        radii = radius * near * np.exp(rng.normal(0, 0.35, count))
        centers = rng.uniform([-0.05, -0.05], [wide + 0.05, high + 0.05], (count, 2))
        heading = rng.normal(angle, 0.25, count)
        way = (fall * radii * rng.uniform(0.6, 1.4, count))[:, None] * np.stack([np.sin(heading), np.cos(heading)], -1)
        # The nearest layer is farthest out of focus: wider, softer and fainter.
        blur = 1 + 0.6 * near
        strength = opacity * rng.uniform(0.5, 1, count) / blur
        soft = rng.uniform(0.3, 1.0, count)
        tones = np.clip(color * rng.uniform(0.85, 1.05, (count, 1)), 0, 1)
        result = over(specks(size, centers, radii * blur, tones, strength, softness=soft, motion=way), result)
    return foreground(result, ImageType.NS, "snow")
