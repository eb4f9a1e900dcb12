"""A woven wire mesh over the whole frame: insect screen, sieve, wire gauze, out of focus or not.

Two families of round wires cross at right angles, pass over and under each other as in plain weave, and lie on a
plane that is turned, tilted (a homography) and slightly bent. The coverage of a family of parallel wires of relative
width w is the box-filtered pulse train of that duty; the two families cover 1 - (1 - w1)(1 - w2).
"""

from __future__ import annotations

import numpy as np

from aimkit.synth.procedural import GeneratorBlock, Range, draw, generators
from aimkit.synth.procedural.lens import defocus, straight
from aimkit.types import Float, Foreground, ImageType


class Mesh(GeneratorBlock):
    """A woven mesh.

    Attributes:
        pitch: Distance between wires, in shorter sides of the frame; drawn so that fine meshes are as common as coarse.
        wire: Width of a wire, in pitches.
        angle: Turn of the mesh, degrees.
        tilt: Change of scale across the frame by perspective; 0 is a mesh parallel to the frame.
        bend: How far wires stray from straight lines, in pitches.
        defocus: Radius of the circle of confusion, in pitches.
        tone: Brightness of the wire; two thirds of the wires are metal grey, the others coloured.
    """

    generator: str = "mesh"
    pitch: Range = (0.02, 0.12)
    wire: Range = (0.1, 0.4)
    angle: Range = (-45, 45)
    tilt: Range = (0, 0.35)
    bend: Range = (0, 0.6)
    defocus: Range = (0, 0.3)
    tone: Range = (0.04, 0.95)


@generators.register("mesh", type=ImageType.NS, category="net", params=Mesh)
def mesh(params: Mesh, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """Woven wire mesh over the frame, with defocus."""
    pitch = float(np.exp(draw(rng, (np.log(params.pitch[0]), np.log(params.pitch[1])))))
    wire = draw(rng, params.wire)
    short = min(size)
    blur = draw(rng, params.defocus) * pitch * short
    pad = int(np.ceil(blur))
    u, v = _plane(params, size, pad, pitch, rng)
    fill = _color(draw(rng, params.tone), rng)
    light = rng.uniform(-1, 1, 2)

    cover_u, cover_v = stripes(u, wire), stripes(v, wire)
    # In plain weave the wires take turns: a product of sines is 1 where u lies on top and -1 where v does.
    height = np.sin(np.pi * u) * np.sin(np.pi * v)
    shade_u = _shade(_across(u, wire), light[0], height)
    shade_v = _shade(_across(v, wire), light[1], -height)
    over = height > 0
    seen_u = np.where(over, cover_u, cover_u * (1 - cover_v))
    seen_v = np.where(over, cover_v * (1 - cover_u), cover_v)
    planes = defocus(np.dstack([seen_u * shade_u + seen_v * shade_v, seen_u + seen_v]), blur)
    planes = planes[pad : pad + size[0], pad : pad + size[1]]
    alpha = np.clip(planes[..., 1], 0, 1)
    color = straight(planes[..., :1] * fill, alpha, fill)
    return Foreground(color, alpha, ImageType.NS, "net")


def stripes(u: Float, width: float) -> Float:
    """Exact mean, over one pixel, of lines of that width around every half-integer of the coordinate u.

    Args:
        u: Coordinate across the lines, in periods, (H, W); its gradient says how much of u a pixel sees.
        width: Width of a line, in periods.
    """
    reach = np.maximum(_footprint(u), 1e-6) / 2
    return (_integral(u + reach, width) - _integral(u - reach, width)) / (2 * reach)


def _integral(u: Float, width: float) -> Float:
    whole = np.floor(u)
    return whole * width + np.clip(u - whole - (1 - width) / 2, 0, width)


def _footprint(u: Float) -> Float:
    down, right = np.gradient(u)
    return np.hypot(down, right)


def _across(u: Float, wire: float) -> Float:
    """Position across the nearest wire, -1 at one edge to 1 at the other."""
    return np.clip((u - np.floor(u) - 0.5) / (wire / 2), -1, 1)


def _shade(across: Float, light: float, height: Float) -> Float:
    """Round wire under a light from the side, brighter where it passes over another."""
    body = np.sqrt(np.clip(1 - (0.85 * across) ** 2, 0, 1))
    return np.clip(0.45 + 0.4 * body + 0.35 * light * across + 0.18 * height, 0.05, 1.4)


def _plane(
    params: Mesh, size: tuple[int, int], pad: int, pitch: float, rng: np.random.Generator
) -> tuple[Float, Float]:
    """Coordinates of every pixel on the mesh, in pitches."""
    short = min(size)
    x = ((np.arange(-pad, size[1] + pad) + 0.5 - size[1] / 2) / short).astype(np.float32)[None, :]
    y = ((np.arange(-pad, size[0] + pad) + 0.5 - size[0] / 2) / short).astype(np.float32)[:, None]
    turn = np.float32(np.deg2rad(draw(rng, params.angle)))
    toward = rng.uniform(0, 2 * np.pi)
    # Divided by the aspect ratio, so that the far end of a long frame stays in front of the lens.
    tilt = draw(rng, params.tilt) * short / max(size) * np.array([np.cos(toward), np.sin(toward)], np.float32)
    bend = np.float32(draw(rng, params.bend))
    scale = 1 / (pitch * (1 + tilt[0] * x + tilt[1] * y))
    start = rng.random(2, np.float32)
    u = (np.cos(turn) * x + np.sin(turn) * y) * scale + bend * _wave(x, y, rng) + start[0]
    v = (np.cos(turn) * y - np.sin(turn) * x) * scale + bend * _wave(x, y, rng) + start[1]
    return u, v


def _wave(x: Float, y: Float, rng: np.random.Generator) -> Float:
    """A smooth displacement of about unit size: three long waves."""
    total = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    for fx, fy, phase in rng.normal(0, 4, (3, 3)).astype(np.float32):
        total += np.sin(fx * x + fy * y + phase) / 3
    return total


def _color(tone: float, rng: np.random.Generator) -> Float:
    tint = rng.uniform(0.5, 1, 3) if rng.random() < 1 / 3 else rng.uniform(0.92, 1, 3)
    return (tone * tint / tint.max()).astype(np.float32)
