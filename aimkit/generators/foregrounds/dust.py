"""Dust, lint and smears on a pane or a lens: specks, curled fibres and faint blotches, dark or bright."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground, layer, over, strokes
from aimkit.generators.lens import defocus
from aimkit.generators.noise import fbm, unit
from aimkit.generators.shading import jitter, lch
from aimkit.generators.specks import specks
from aimkit.types import Array, Float, Foreground, ImageType


class Dust(GeneratorBlock):
    """Dust on a pane.

    Attributes:
        specks: Number of specks over a square of the shorter side.
        radius: Median radius of a speck, relative to the short side of the frame.
        fibres: Number of fibres over a square of the shorter side.
        fibre: Median length of a fibre, relative to the short side of the frame.
        film: Alpha of the blotchy film between them.
        opacity: Alpha of specks and fibres, in [0, 1].
        defocus: Radius of the circle of confusion, relative to the short side of the frame.
        tone: Lightness; either end is as common as the middle.
    """

    generator: Name = "dust"
    specks: Annotated[Range, Within(1, 20000)] = (400, 1800)
    radius: Annotated[Range, Within(0.0005, 0.05)] = (0.0018, 0.0045)
    fibres: Annotated[Range, Within(0, 1000)] = (10, 90)
    fibre: Annotated[Range, Within(0.005, 0.5)] = (0.03, 0.12)
    film: Shares = (0, 0.35)
    opacity: Shares = (0.5, 1.0)
    defocus: Annotated[Range, Within(0, 0.05)] = (0, 0.004)
    tone: Shares = (0.05, 0.98)


@generators.register("dust", type=ImageType.NS, category="dust", params=Dust)
def dust(params: Dust, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """Dust, lint and smears over the frame."""
    area = size[0] * size[1] / unit(size) ** 2
    color = lch(draw(rng, params.tone), rng.uniform(0, 0.04), rng.uniform(0.05, 0.3))
    opacity = draw(rng, params.opacity)
    clumps = fbm((256, 256), rng, 3, 4)
    film = draw(rng, params.film) * fbm(size, rng, rng.uniform(1, 4), 5, gain=0.65) ** 1.5
    planes = layer(color, film)
    planes = over(_fibres(params, size, area, color, opacity, rng), planes)
    count = int(draw(rng, params.specks) * area)
    centers = _scatter(size, count, clumps, rng)
    radii = draw(rng, params.radius) * np.exp(rng.normal(0, 0.6, count))
    strength = opacity * rng.uniform(0.3, 1, count)
    # Grains are not round: a short movement makes them oblong.
    oblong = radii[:, None] * rng.normal(0, 0.9, (count, 2))
    tones = jitter(color, rng, 0.05, (count,))
    planes = over(specks(size, centers, radii, tones, strength, softness=0.5, motion=oblong), planes)
    planes = defocus(planes, draw(rng, params.defocus) * unit(size) * rng.random())
    return foreground(planes, ImageType.NS, "dust")


def _scatter(size: tuple[int, int], count: int, clumps: Float, rng: np.random.Generator) -> Array:
    """Places that are denser in some regions but leave none empty, (N, 2) in frame units."""
    tries = rng.random((3, count, 2))
    rows, cols = (tries[..., 1] * 256).astype(int), (tries[..., 0] * 256).astype(int)
    best = np.where(rng.random(count) < 0.5, 0, clumps[rows, cols].argmax(axis=0))
    chosen = tries[best, np.arange(count)]
    return np.asarray(chosen * [size[1] / unit(size), size[0] / unit(size)])


def _fibres(
    params: Dust, size: tuple[int, int], area: float, color: Float, opacity: float, rng: np.random.Generator
) -> Float:
    count, steps = max(int(draw(rng, params.fibres) * area), 1), 24
    length = draw(rng, params.fibre) * np.exp(rng.normal(0, 0.5, count))
    # The heading drifts and keeps turning, so fibres curl.
    turning = rng.normal(0, 0.22, (count, 1)) + rng.normal(0, 0.14, (count, steps))
    heading = rng.uniform(0, 2 * np.pi, (count, 1)) + np.cumsum(turning, axis=1)
    step = np.stack([np.cos(heading), np.sin(heading)], axis=-1) * (length / steps)[:, None, None]
    start = rng.random((count, 1, 2)) * [size[1] / unit(size), size[0] / unit(size)]
    width = draw(rng, params.radius) * rng.uniform(0.5, 1.2, (count, 1)) * np.ones(steps)
    tones = jitter(color, rng, 0.05, (count, 1))
    return strokes(size, start + np.cumsum(step, axis=1), width, tones, opacity * rng.uniform(0.4, 1, (count, 1)))
