"""A fence before the lens: chain link, welded panels or bars, mostly out of focus, galvanised, painted or rusty.

Chain link is wires that zigzag from top to bottom, each the mirror of its neighbours, which it hooks; panels and bars
are two families of straight wires. Coverage is exact as in :mod:`aimkit.generators.wires`.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Angles, Name, Share, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground
from aimkit.generators.lens import defocus
from aimkit.generators.noise import fbm
from aimkit.generators.shading import lch, mix
from aimkit.generators.wires import across, footprint, metal, plane, shade, stripes, wave
from aimkit.types import Array, Float, Foreground, ImageType


class Fence(GeneratorBlock):
    """A fence.

    Attributes:
        pitch: Distance between wires, relative to the short side of the frame.
        wire: Width of a wire, in pitches.
        chain: Probability of chain link; else a panel.
        oblong: Height of a panel's openings, relative to their width.
        angle: Turn of the fence, degrees.
        tilt: Change of scale across the frame.
        defocus: Radius of the circle of confusion, in pitches.
        tone: Brightness of the metal.
        rust: Share of the metal that is rusty.
    """

    generator: Name = "fence"
    pitch: Annotated[Range, Within(0.02, 1)] = (0.07, 0.2)
    wire: Annotated[Range, Within(0.01, 0.5)] = (0.05, 0.16)
    chain: Share = 0.55
    oblong: Annotated[Range, Within(0.1, 20)] = (0.7, 4.0)
    angle: Angles = (-8, 8)
    tilt: Annotated[Range, Within(0, 0.9)] = (0, 0.6)
    defocus: Shares = (0, 0.12)
    tone: Shares = (0.05, 0.85)
    rust: Annotated[Range, Within(-1, 1)] = (-0.5, 0.8)


@generators.register("fence", type=ImageType.NS, category="net", params=Fence)
def fence(params: Fence, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """Chain-link or panel fence over the frame, with defocus."""
    pitch, wire = draw(rng, params.pitch), draw(rng, params.wire)
    blur = draw(rng, params.defocus) * pitch * min(size)
    pad = int(np.ceil(blur))
    x, y = plane(size, pad, draw(rng, params.angle), draw(rng, params.tilt), rng)
    sag = np.float32(0.1) * wave(x, y, rng)
    x = np.asarray(x / np.float32(pitch) + sag + rng.random(dtype=np.float32), np.float32)
    y = np.asarray(y / np.float32(pitch) + rng.random(dtype=np.float32), np.float32)
    oblong = draw(rng, params.oblong)
    u: Array
    v: Array
    order: Array
    if rng.random() < params.chain:
        zigzag, turn = _zigzag(y, wire), np.cos(np.pi * y)
        u, v = (x - zigzag) / 2, (x + zigzag) / 2 + np.float32(0.5)
        # A wire hooks its left neighbour in front of it and its right neighbour behind.
        order = turn * np.cos(np.pi * x)
    else:
        u, v, order = x, y / np.float32(oblong), np.ones_like(x)
    light = rng.uniform(-1, 1, 2)
    lines = [_family(w, wire, x, y, light[i]) for i, w in enumerate((u, v))]
    (cover_u, shade_u), (cover_v, shade_v) = lines
    seen_u = np.where(order > 0, cover_u, cover_u * (1 - cover_v))
    seen_v = np.where(order > 0, cover_v * (1 - cover_u), cover_v)
    color = _color(u.shape, draw(rng, params.tone), draw(rng, params.rust), rng)
    planes = np.dstack([color * (seen_u * shade_u + seen_v * shade_v)[..., None], seen_u + seen_v])
    planes = defocus(planes, blur)[pad : pad + size[0], pad : pad + size[1]]
    return foreground(planes, ImageType.NS, "net")


def _zigzag(y: Float, wire: float) -> Float:
    """A triangle wave from -1/2 to 1/2, one period per two units, its corners rounded by the wire."""
    sine = np.sin(np.pi * y) * np.float32(1 - wire / 2)
    return np.asarray((1 + wire) * np.arcsin(sine) / np.pi, np.float32)


def _family(u: Array, wire: float, x: Float, y: Float, light: float) -> tuple[Float, Float]:
    """Coverage and brightness of the wires at half-integers of u, as wide on the slant as they are upright."""
    pixel = np.maximum(0.5 * (footprint(x) + footprint(y)), 1e-6)
    width = np.clip(wire * footprint(u) / pixel, 0, 0.9).astype(np.float32)
    return stripes(u, width), shade(across(u, width), light)


def _color(shape: tuple[int, int], tone: float, rust: float, rng: np.random.Generator) -> Float:
    paint = np.broadcast_to(metal(tone, rng), (*shape, 3))
    stain = fbm(shape, rng, 8, 5, gain=0.7)
    if rust <= 0.02:
        return paint * (0.85 + 0.15 * stain)[..., None]
    brown = lch(rng.uniform(0.25, 0.5), rng.uniform(0.05, 0.1), rng.uniform(0.1, 0.16))
    return mix(paint, brown, np.clip((stain - 1 + rust) * 4 + 0.3, 0, 1)) * (0.75 + 0.25 * stain)[..., None]
