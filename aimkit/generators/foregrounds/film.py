"""Plastic film: crumpled foil, stretched cling film or bubble wrap, nearly clear but for its creases and glints."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from aimkit.bounds import Angles, Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground, polygon
from aimkit.generators.flow import enlarge, fractal, ramp, smooth_size, stir
from aimkit.generators.optics import Surroundings, clear, fresnel
from aimkit.generators.pose import Pose
from aimkit.generators.shading import lch, light, normals, specular
from aimkit.types import Float, Foreground, ImageType


class Film(GeneratorBlock):
    """Parameters of plastic film.

    Attributes:
        kind: ``crumpled`` has straight creases and facets, ``stretched`` parallel wrinkles, ``wrap`` blisters of air.
        scale: Width, relative to the short side of the frame.
        creases: How many creases or wrinkles.
        relief: Steepness of the relief.
        haze: Opacity of the flat film.
        tint: Chroma of the film; 0 is colourless.
        turn: Rotation in degrees.
    """

    generator: Name = "film"
    kind: Literal["any", "crumpled", "stretched", "wrap"] = "any"
    scale: Annotated[Range, Within(0.1, 1)] = (0.65, 0.95)
    creases: Annotated[Range, Within(2, 150)] = (12, 34)
    relief: Annotated[Range, Within(0, 5)] = (0.5, 1.4)
    haze: Shares = (0.03, 0.3)
    tint: Shares = (0, 0.12)
    turn: Angles = (-180, 180)


@generators.register("film", type=ImageType.STM, category="transparent", params=Film)
def film(params: Film, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """A piece of plastic film.

    Its relief is a sum of folds, |n p - c|, each fading along its length, so that it falls into facets. A facet mirrors
    the surroundings by Fresnel's law from two faces, glints where it mirrors a lamp, and dims what is behind more the
    more it is tilted; creases scatter. The outline is exact, the relief has a limited resolution.
    """
    kind = params.kind if params.kind != "any" else str(rng.choice(["crumpled", "crumpled", "stretched", "wrap"]))
    scale, turn = draw(rng, params.scale), np.deg2rad(draw(rng, params.turn))
    creases, relief, haze = round(draw(rng, params.creases)), draw(rng, params.relief), draw(rng, params.haze)
    color = lch(rng.uniform(0.7, 0.95), draw(rng, params.tint) * rng.integers(2), rng.random())
    around, lamps = Surroundings.drawn(rng), [light(rng, elevation=(0.5, 0.95)) for _ in range(4)]

    work = Pose(smooth_size(size, 640), scale, turn)
    x, y = work.grid()
    x, y = stir(x, y, rng, ((1, 0.04), (3, 0.014)), rng.uniform(0.3, 1.5), coarse=2)
    height = {"crumpled": _crumpled, "stretched": _stretched, "wrap": _blisters}[kind](x, y, creases, rng)
    height += 0.004 * fractal(0.7 * x, 0.7 * y, rng, 2.2)
    normal = normals(height * np.float32(relief * scale))
    tilt = normal[..., 2]

    mirror = 1 - (1 - fresnel(tilt)) ** 2
    seen = around.seen(2 * tilt * normal[..., 0], -2 * tilt * normal[..., 1])
    glint = sum((specular(normal, lamp, 90) for lamp in lamps), np.zeros_like(tilt)) * rng.uniform(0.35, 0.8)
    glint = np.tanh(glint) * 0.9
    bend = np.hypot(*np.gradient(tilt)) * (min(work.size) / 100)  # creases scatter
    veil = np.clip(haze * (0.6 + 0.7 * (1 - tilt) * 4) + 0.5 * np.tanh(bend) * haze, 0, 0.8)
    emitted = mirror[..., None] * seen + glint[..., None] + veil[..., None] * color * (0.5 + 0.5 * tilt[..., None])
    planes = clear(emitted, (1 - mirror) * (1 - veil) * (1 - 0.6 * np.clip(glint, 0, 1)))

    outline = _outline(kind, rng)
    pose = Pose(size, scale, turn)
    planes = enlarge(planes, size).clip(0, 1) * polygon(size, pose.frame(outline[:, 0], outline[:, 1]))[..., None]
    planes[..., 3] = np.maximum(planes[..., 3], planes[..., :3].max(axis=-1))
    return foreground(planes, ImageType.STM, "transparent")


def _crumpled(x: Float, y: Float, creases: int, rng: np.random.Generator) -> Float:
    height = np.zeros_like(x)
    for number in range(creases):
        angle, offset = rng.uniform(0, np.pi), rng.uniform(-0.5, 0.5)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle) - offset
        reach, middle = rng.uniform(0.15, 0.6), rng.uniform(-0.4, 0.4)
        span = rng.uniform(0.05, 0.3) if number > creases // 3 else 1.0
        fade = np.exp(-(((along - middle) / reach) ** 2) - (across / span) ** 2)
        # A crease is rounded over a few thousandths of the film's width.
        height += rng.choice([-1, 1]) * rng.uniform(0.1, 0.45) * np.hypot(across, 0.002) * fade
    return np.asarray(height, np.float32)


def _stretched(x: Float, y: Float, creases: int, rng: np.random.Generator) -> Float:
    pull = rng.uniform(0.5, 1.5)
    u = y / (0.35 + pull * (x + 0.6)) * 0.7 + 0.02 * fractal(0.3 * x, 0.8 * y, rng, 2.0)
    height = np.zeros_like(x)
    for _ in range(creases):
        offset, width = rng.uniform(-0.5, 0.5), rng.uniform(0.004, 0.02)
        fade = ramp(np.abs(x - rng.uniform(-0.5, 0.5)), rng.uniform(0.3, 0.9), 0.0)
        height += rng.uniform(0.002, 0.012) * np.exp(-(((u - offset) / width) ** 2)) * fade
    return np.asarray(height, np.float32)


def _blisters(x: Float, y: Float, creases: int, rng: np.random.Generator) -> Float:
    pitch = 1.6 / creases
    v = y / (pitch * 0.866)
    row = np.floor(v)
    u = x / pitch + 0.5 * (row % 2)
    distance = np.hypot((u % 1) - 0.5, ((v % 1) - 0.5) * 0.866)
    dome = np.sqrt(np.clip(1 - (distance / 0.43) ** 2, 0.0, 1) + 0.02) - 0.14
    return np.asarray(0.35 * pitch * dome + _crumpled(x, y, 6, rng), np.float32)


def _outline(kind: str, rng: np.random.Generator) -> Float:
    """A cut or torn, more or less rectangular piece."""
    t = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    power, aspect = rng.uniform(3, 9), rng.uniform(0.6, 1.0)
    radius = (np.abs(np.cos(t)) ** power + np.abs(np.sin(t)) ** power) ** (-1 / power) * 0.44
    ragged = np.zeros_like(t)
    for wave in range(2, 40):
        ragged += rng.normal(0, 1) / wave**1.3 * np.sin(wave * t + rng.uniform(0, 6))
    radius = radius * (1 + (0.02 if kind == "wrap" else 0.05) * ragged)
    return np.stack([radius * np.cos(t), aspect * radius * np.sin(t)], -1).astype(np.float32)
