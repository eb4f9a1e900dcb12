"""A fog layer: light scattered in by air of a given density, up to the distance of what lies behind.

Along a ray the opacity is 1 - exp(-density * distance) and the colour is that of the air light (Koschmieder 1924).
Distance is that of a plane that recedes to a horizon, with ridges standing on it; density falls with height and
drifts in banks (fractal noise along a stretched, bent grid).
"""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.noise import curl, fbm, grid, unit, value_noise, warp
from aimkit.generators.scenery import ridge
from aimkit.generators.shading import lch, mix
from aimkit.types import Float, Foreground, ImageType


class Fog(GeneratorBlock):
    """A fog layer.

    Attributes:
        thickness: Optical depth at the median of the frame.
        depth: How much distance decides: 0 for a flat veil, 1 for a plane that recedes.
        banks: How much density varies.
        scale: Number of banks along the short side.
        horizon: Row of the horizon, as a share of the height.
        tone: Lightness of the air.
    """

    generator: Name = "fog"
    thickness: Annotated[Range, Within(0, 10)] = (0.25, 1.6)
    depth: Shares = (0, 1)
    banks: Annotated[Range, Within(0, 5)] = (0.2, 1.3)
    scale: Annotated[Range, Within(0.1, 20)] = (0.8, 3.5)
    horizon: Annotated[Range, Within(-1, 2)] = (0.1, 0.7)
    tone: Shares = (0.45, 0.97)


@generators.register("fog", type=ImageType.NS, category="fog", params=Fog)
def fog(params: Fog, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """Fog or mist over the frame, denser with distance and in banks."""
    thickness, depth, banks = draw(rng, params.thickness), draw(rng, params.depth), draw(rng, params.banks)
    distance = _distance(size, draw(rng, params.horizon), rng)
    scale = draw(rng, params.scale)
    body = fbm(size, rng, scale, 6, gain=rng.uniform(0.45, 0.6), stretch=(rng.uniform(1, 3), 1))
    u, v = curl(size, rng, 1.5 * scale, 2)
    body = warp(body, np.float32(0.03) * u, np.float32(0.03) * v)
    density = np.exp(np.float32(2 * banks) * (body - 0.5)) * distance ** np.float32(depth)
    density *= np.float32(thickness / max(float(np.median(density)), 1e-6))
    # The veil is nowhere gone and nowhere a wall: what lies behind is seen a little everywhere.
    alpha = np.clip(1 - np.exp(-density), 0.02, 0.97).astype(np.float32)
    return Foreground(_air(size, draw(rng, params.tone), body, rng), alpha, ImageType.NS, "fog")


def _distance(size: tuple[int, int], horizon: float, rng: np.random.Generator) -> Float:
    """Distance to a receding plane with one to three ridges on it, about 1 at the median."""
    x, y = grid(size)
    row = horizon * size[0] / unit(size)
    far = rng.uniform(2.5, 5)
    result = np.full(size, far, np.float32)
    for distance in np.sort(rng.uniform(0.8, far, rng.integers(1, 4)))[::-1]:
        line = row + rng.uniform(0, 0.25) * (2 - distance / far) - 0.09 * ridge(x[0], rng, high=30) / distance
        # Fog has no hard edges of its own; it takes them from what stands in it, softened.
        inside = np.clip(0.5 + (y - line) / rng.uniform(0.02, 0.15), 0, 1)
        result += inside * (np.float32(distance) - result)
    below = np.clip(0.35 / np.maximum(y - row, 0.05), 0, far)
    return np.asarray(np.minimum(result, below), np.float32)


def _air(size: tuple[int, int], tone: float, body: Float, rng: np.random.Generator) -> Float:
    """Colour of the air light: nearly white, warmer or cooler from one side to the other."""
    chroma, hue = abs(rng.normal(0, 0.025)), rng.choice([rng.uniform(0.1, 0.25), rng.uniform(0.6, 0.75)])
    first = lch(tone, chroma, hue)
    second = lch(np.clip(tone + rng.normal(0, 0.1), 0.3, 0.99), chroma * rng.uniform(0, 2), hue + rng.normal(0, 0.1))
    sweep = value_noise(size, rng, 0.8) * np.float32(0.25) + np.float32(0.6) * body
    return np.clip(mix(first, second, np.clip(sweep + 0.2, 0, 1)), 0, 1)
