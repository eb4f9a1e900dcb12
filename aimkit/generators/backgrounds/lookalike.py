"""Hard backgrounds that look like foregrounds: fur, net and smoke that belong to the background."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from aimkit.bounds import Name, Within
from aimkit.generators import GeneratorBlock, Range, background_generators, draw
from aimkit.generators.noise import advect, curl, fbm, value_noise, warp
from aimkit.generators.scenery import develop, ramp, shades
from aimkit.generators.wires import across, plane, shade, stripes, wave
from aimkit.types import Float


class Lookalike(GeneratorBlock):
    """Textures like those of foregrounds.

    Attributes:
        kind: fur, net or smoke; one of the three at random when "any".
        scale: Size of the features, relative to what is usual.
        flow: How much they are stirred.
    """

    generator: Name = "lookalike"
    kind: Literal["any", "fur", "net", "smoke"] = "any"
    scale: Annotated[Range, Within(0.1, 10)] = (0.6, 1.8)
    flow: Annotated[Range, Within(0, 5)] = (0.3, 1.0)


@background_generators.register("lookalike", params=Lookalike)
def lookalike(params: Lookalike, size: tuple[int, int], rng: np.random.Generator) -> Float:
    """Fur-like, net-like and smoke-like textures."""
    picked = list(_KINDS)[rng.integers(len(_KINDS))]
    make = _KINDS.get(params.kind, _KINDS[picked])
    scale, flow = draw(rng, params.scale), draw(rng, params.flow)
    sweep = np.exp(np.float32(0.4) * value_noise(size, rng, 1.2))
    return develop(make(size, scale, flow, rng) * sweep[..., None], rng)


def _fur(size: tuple[int, int], scale: float, flow: float, rng: np.random.Generator) -> Float:
    """Strands: noise that is long along one direction, combed by a flow."""
    long = rng.uniform(8, 20)
    strands = value_noise(size, rng, 160 / scale, (1, long)) + value_noise(size, rng, 70 / scale, (1, long))
    clumps = value_noise(size, rng, 22 / scale, (1, 0.4 * long))
    u, v = curl(size, rng, 2.2 / scale, 2)
    coat = warp(np.asarray(0.42 * strands + 0.5 * clumps, np.float32), 0.16 * flow * u, 0.16 * flow * v)
    hue, chroma = rng.uniform(0.05, 0.25), rng.uniform(0.0, 0.09)
    patches = np.float32(0.3) * fbm(size, rng, 1.5, 3)
    low = rng.uniform(0.05, 0.55)
    colors = shades([low, low + 0.2, low + 0.42], chroma, [hue - 0.02, hue, hue + 0.03])
    return ramp(0.35 + 0.22 * coat + patches, colors)


def _net(size: tuple[int, int], scale: float, flow: float, rng: np.random.Generator) -> Float:
    """Nets, grids and knitwear, flat on something of a similar or another colour."""
    x, y = plane(size, 0, rng.uniform(-45, 45), rng.uniform(0, 0.4), rng)
    per, width = np.float32(rng.uniform(8, 28) / scale), rng.uniform(0.12, 0.5)
    bend = np.float32(flow)
    u, v = per * x + bend * wave(x, y, rng), per * y * np.float32(rng.uniform(0.6, 1)) + bend * wave(x, y, rng)
    cover_u, cover_v = stripes(u, width), stripes(v, width)
    cover = 1 - (1 - cover_u) * (1 - cover_v)
    lit = np.maximum(cover_u * shade(across(u, width), 0.5), cover_v * shade(across(v, width), -0.5))
    hue, tone = rng.random(), rng.uniform(0.1, 0.9)
    behind = fbm(size, rng, rng.uniform(1.5, 5), 6)
    colors = shades(rng.uniform(0.1, 0.9, 3), rng.uniform(0, 0.14), hue + rng.choice([0.05, 0.4]) * rng.normal(0, 1, 3))
    ground = ramp(behind, colors)
    cord = ramp(np.zeros(1), shades([tone, tone], rng.uniform(0, 0.12), hue)) * lit[..., None]
    return np.asarray(ground + cover[..., None] * (cord - ground), np.float32)


def _smoke(size: tuple[int, int], scale: float, flow: float, rng: np.random.Generator) -> Float:
    """Billows and wisps, carried along a turbulent flow."""
    body = fbm(size, rng, 2.5 / scale, 6, gain=0.55, ridged=rng.random() < 0.4)
    u, v = curl(size, rng, 2 / scale, 4, gain=0.6)
    billow = advect(body, u, v, 0.22 * flow)
    low, high = np.sort(rng.uniform(0.02, 0.95, 2))
    hue = rng.random()
    colors = shades([low, 0.5 * (low + high), high], rng.uniform(0, 0.1), hue + rng.normal(0, 0.08, 3))
    return ramp(np.clip(1.5 * billow - 0.35, 0, 1), colors)


_KINDS = {"fur": _fur, "net": _net, "smoke": _smoke}
