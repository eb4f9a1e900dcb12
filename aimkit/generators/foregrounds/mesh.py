"""A woven wire mesh over the whole frame: insect screen, sieve, wire gauze, out of focus or not.

Two families of round wires cross at right angles, pass over and under each other as in plain weave, and lie on a
plane that is turned, tilted (a homography) and slightly bent. The coverage of a family of parallel wires of relative
width w is the box-filtered pulse train of that duty; the two families cover 1 - (1 - w)(1 - w).
"""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Angles, Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground
from aimkit.generators.lens import defocus
from aimkit.generators.wires import across, metal, plane, shade, stripes, wave
from aimkit.types import Foreground, ImageType


class Mesh(GeneratorBlock):
    """A woven mesh.

    Attributes:
        pitch: Distance between wires, relative to the short side; drawn so that fine meshes are as common as coarse
            ones.
        wire: Width of a wire, in pitches.
        angle: Turn of the mesh, degrees.
        tilt: Change of scale across the frame by perspective; 0 is a mesh parallel to the frame.
        bend: How far wires stray from straight lines, in pitches.
        defocus: Radius of the circle of confusion, in pitches.
        tone: Brightness of the wire.
    """

    generator: Name = "mesh"
    pitch: Annotated[Range, Within(0.01, 1)] = (0.02, 0.12)
    wire: Annotated[Range, Within(0.005, 0.9)] = (0.1, 0.4)
    angle: Angles = (-45, 45)
    tilt: Annotated[Range, Within(0, 0.9)] = (0, 0.35)
    bend: Annotated[Range, Within(0, 3)] = (0, 0.6)
    defocus: Annotated[Range, Within(0, 2)] = (0, 0.3)
    tone: Shares = (0.04, 0.95)


@generators.register("mesh", type=ImageType.NS, category="net", params=Mesh, bound=0.03)
def mesh(params: Mesh, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """Woven wire mesh over the frame, with defocus."""
    pitch = float(np.exp(draw(rng, (float(np.log(params.pitch[0])), float(np.log(params.pitch[1]))))))
    wire, bend = draw(rng, params.wire), np.float32(draw(rng, params.bend))
    blur = draw(rng, params.defocus) * pitch * min(size)
    pad = int(np.ceil(blur))
    x, y = plane(size, pad, draw(rng, params.angle), draw(rng, params.tilt), rng)
    start = rng.random(2, np.float32)
    u = x / np.float32(pitch) + bend * wave(x, y, rng) + start[0]
    v = y / np.float32(pitch) + bend * wave(x, y, rng) + start[1]
    color, light = metal(draw(rng, params.tone), rng), rng.uniform(-1, 1, 2)

    cover_u, cover_v = stripes(u, wire), stripes(v, wire)
    # In plain weave the wires take turns: a product of sines is 1 where u lies on top and -1 where v does.
    height = np.sin(np.pi * u) * np.sin(np.pi * v)
    seen_u = np.where(height > 0, cover_u, cover_u * (1 - cover_v))
    seen_v = np.where(height > 0, cover_v * (1 - cover_u), cover_v)
    glow = seen_u * shade(across(u, wire), light[0], height) + seen_v * shade(across(v, wire), light[1], -height)
    planes = defocus(np.dstack([glow, seen_u + seen_v]), blur)[pad : pad + size[0], pad : pad + size[1]]
    return foreground(np.dstack([planes[..., :1] * color, planes[..., 1:]]), ImageType.NS, "net")
