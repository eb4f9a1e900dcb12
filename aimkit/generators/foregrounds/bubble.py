"""Soap bubbles: a thin film that hardly dims, mirrors at the rim and shows interference colours."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import edge, foreground, over
from aimkit.generators.flow import fractal, stir
from aimkit.generators.optics import Surroundings, clear, fresnel
from aimkit.types import Array, Float, Foreground, ImageType

#: Wavelengths (nm) that a channel sees, in three steps, and the refractive index of soap water.
_BANDS = ((585, 610, 640), (520, 545, 570), (440, 460, 485))
_WATER = 1.33


class Bubble(GeneratorBlock):
    """Parameters of soap bubbles.

    Attributes:
        count: Number of bubbles; the first is the largest.
        scale: Diameter of the largest, relative to the short side of the frame.
        film: Thickness of the film half-way up, nanometres.
        drain: How much thinner the film is at the top than at the bottom, as a share.
        swirl: Unevenness of the film, as a share of its thickness.
        brightness: Light of the surroundings that the bubbles mirror.
    """

    generator: Name = "bubble"
    count: Annotated[Range, Within(1, 30)] = (1, 9)
    scale: Annotated[Range, Within(0.05, 1)] = (0.4, 0.85)
    film: Annotated[Range, Within(100, 2000)] = (250, 700)
    drain: Shares = (0.2, 0.8)
    swirl: Annotated[Range, Within(0, 2)] = (0.05, 0.3)
    brightness: Annotated[Range, Within(0, 10)] = (0.9, 2.8)


@generators.register("bubble", type=ImageType.STM, category="glass", params=Bubble, floats=True)
def bubble(params: Bubble, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """One large soap bubble, often with smaller ones around it.

    The film reflects R = 4 R0 sin^2(2 pi n d cos(t) / wavelength), where R0 is the Fresnel reflection of one face, d
    the thickness and t the angle inside (two-beam interference; Born and Wolf, Principles of Optics, 7.6). The viewer
    looks through a front and a rear film; the rear one mirrors the surroundings upside down.
    """
    count = round(draw(rng, params.count))
    largest = draw(rng, params.scale) / 2
    around = Surroundings.drawn(rng)
    planes = np.zeros((*size, 4), np.float32)
    # Small bubbles are in front: they are drawn last.
    for number in range(count):
        radius = largest if number == 0 else largest * rng.uniform(0.06, 0.4)
        angle, away = rng.uniform(0, 2 * np.pi), 0.0 if number == 0 else rng.uniform(0.5, 1.25)
        centre = away * largest * np.array([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.02, 2)
        _paint(planes, centre, radius, params, around, rng)
    return foreground(planes, ImageType.STM, "glass")


def film_reflection(cosine: Array, thickness: Array) -> Float:
    """Reflectance of a soap film.

    Args:
        cosine: Cosine of the angle of incidence, (H, W).
        thickness: In nanometres, (H, W).

    Returns:
        Red, green, blue reflectance, float32 in [0, 1], (H, W, 3).
    """
    face = fresnel(cosine, _WATER)
    inside = np.sqrt(1 - (1 - np.clip(cosine, 0, 1) ** 2) / _WATER**2)
    path = 2 * np.pi * _WATER * thickness * inside
    waves = [np.mean([np.sin(path / wave) ** 2 for wave in band], axis=0) for band in _BANDS]
    bound = 4 * face / (1 + face) ** 2  # the two beams' peak, summed over all reflections
    return np.stack([bound * wave for wave in waves], axis=-1).astype(np.float32)


def _paint(
    planes: Float,
    centre: Array,
    radius: float,
    params: Bubble,
    around: Surroundings,
    rng: np.random.Generator,
) -> None:
    """Put one bubble in front of what is there, in its own window of the frame."""
    size = (planes.shape[0], planes.shape[1])
    unit = min(size)
    thick, drain, swirl = draw(rng, params.film), draw(rng, params.drain), draw(rng, params.swirl)
    brightness = draw(rng, params.brightness)
    middle = np.array([size[1], size[0]]) / 2 + centre * unit * np.array([1, -1])
    low = np.maximum(np.floor(middle - radius * unit - 2), 0).astype(int)
    high = np.minimum(np.ceil(middle + radius * unit + 2), [size[1], size[0]]).astype(int)
    rows, columns = np.mgrid[low[1] : max(high[1], low[1]), low[0] : max(high[0], low[0])].astype(np.float32) + 0.5
    x, y = (columns - middle[0]) / (radius * unit), (middle[1] - rows) / (radius * unit)
    distance = np.hypot(x, y)
    # The rim is infinitely steep; a pixel sees its mean.
    cosine = np.sqrt(np.clip(1 - np.minimum(distance, 1) ** 2, 0.5 / (radius * unit) * 0.3, 1))

    films = []
    seeds = rng.integers(2**63, size=2)
    for seed in seeds:
        own = np.random.Generator(np.random.PCG64(int(seed)))
        if x.size == 0:
            return
        u, v = stir(0.2 * x / (0.4 + cosine), 0.2 * y / (0.4 + cosine), own, ((3, 0.08), (7, 0.04)))
        films.append(thick * np.clip(1 - drain * y + swirl * fractal(u, 1.6 * v, own, 2.0), 0.02, 3))
    front, rear = (film_reflection(cosine, film) for film in films)
    mirrored = brightness * around.seen(2 * cosine * x, 2 * cosine * y)
    behind = brightness * around.seen(-1.2 * cosine * x, -1.2 * cosine * y)
    covered = edge((distance - 1) * radius, size)
    light = front * mirrored + (1 - front) * rear * behind
    through = (1 - front.mean(axis=-1)) * (1 - rear.mean(axis=-1))
    top = clear(light, through) * covered[..., None]
    view = planes[low[1] : high[1], low[0] : high[0]]
    view[...] = over(top, view)
