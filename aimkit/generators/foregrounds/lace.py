"""Lace: doilies, collars and edgings of fine thread, with flowers, arches and a ground of net."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from aimkit.bounds import Angles, Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground, reduce, strokes
from aimkit.generators.flow import stir
from aimkit.generators.pose import Pose
from aimkit.generators.shading import lch
from aimkit.types import Array, Float, Foreground, ImageType

#: Points of every thread.
_POINTS = 25


class Lace(GeneratorBlock):
    """Parameters of a piece of lace.

    Attributes:
        shape: ``doily`` is round, ``collar`` a ring sector, ``band`` a straight edging.
        scale: Diameter or length, relative to the short side of the frame.
        rings: Rows of ornament from the inside out.
        repeats: How often an ornament is repeated around.
        thread: Width of a thread, in thousandths of the size.
        folds: Unevenness of the cloth it lies on.
        turn: Rotation in degrees.
    """

    generator: Name = "lace"
    shape: Literal["any", "doily", "collar", "band"] = "any"
    scale: Annotated[Range, Within(0.1, 1)] = (0.7, 0.95)
    rings: Annotated[Range, Within(1, 20)] = (3, 7)
    repeats: Annotated[Range, Within(3, 80)] = (10, 26)
    thread: Annotated[Range, Within(0.5, 20)] = (2.5, 6)
    folds: Shares = (0, 1)
    turn: Angles = (-180, 180)


@generators.register("lace", type=ImageType.STM, category="net", params=Lace)
def lace(params: Lace, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """A piece of lace.

    Ornaments are threads: rings, arches, petals, leaves and a diagonal ground, repeated in rows of a rectangle that is
    then rolled into a disc, a sector or a band and laid on an uneven surface. Coverage is exact, thread by thread.
    """
    shape = params.shape if params.shape != "any" else str(rng.choice(["doily", "doily", "collar", "band"]))
    # Overlaps of threads much thinner than a pixel are not resolved, so a small lace is drawn larger.
    finer = int(np.clip(np.ceil(512 / min(size)), 1, 4))
    pose = Pose((finer * size[0], finer * size[1]), draw(rng, params.scale), np.deg2rad(draw(rng, params.turn)))
    rings, repeats = round(draw(rng, params.rings)), round(draw(rng, params.repeats))
    width, folds = draw(rng, params.thread) / 1000, draw(rng, params.folds)
    if shape != "doily":
        rings = max(2, rings // 2)

    rows = ornament(rings, repeats, rng)
    x, y = _laid(rows[..., 0], rows[..., 1], shape, rng)
    bent = stir(x, y, rng, ((2, 0.03), (5, 0.009)), folds)
    # Where threads are pushed together the cloth turns away from the light.
    slope = (bent[0] - x) * 12 * rng.choice([-1, 1])
    tone = lch(rng.choice([rng.uniform(0.85, 0.99), rng.uniform(0.1, 0.7)]), rng.uniform(0, 0.06), rng.random())
    twist = 1 + 0.1 * np.sin(np.arange(_POINTS) * 2.6)
    light = np.clip(0.88 + slope, 0.4, 1.1) * twist * rng.uniform(0.85, 1.05, (len(x), 1))
    color = np.clip(tone * light[..., None], 0, 1)
    planes = strokes(pose.size, pose.frame(*bent), np.array(width * pose.scale), color)
    return foreground(reduce(planes, finer) if finer > 1 else planes, ImageType.STM, "net")


def ornament(rings: int, repeats: int, rng: np.random.Generator) -> Float:
    """Threads in the unit square, (N, P, 2): the first coordinate runs around (period 1), the second outwards."""
    edges = np.concatenate([[0], np.cumsum(rng.uniform(0.6, 1.4, rings))])
    edges = edges / edges[-1]
    kinds = ["arches", "petals", "ground", "leaves", "spokes", "dense", "loops"]
    order = rng.permutation(kinds)
    threads = []
    for ring in range(rings):
        last = ring == rings - 1
        kind = "scallops" if last else str(order[ring % len(order)])
        # Outer rows are longer, so they hold more repeats.
        count = repeats * (1 if ring < rings / 2 else 2) if kind not in ("scallops",) else repeats
        low, high = edges[ring], edges[ring + 1]
        for u, v in _motif(kind, rng):
            start = np.arange(count)[:, None]
            threads.append(np.stack(np.broadcast_arrays((start + u) / count, low + (high - low) * v), -1))
        # A ring that holds the row is drawn as one piece per repeat, so that it stays round.
        t = np.linspace(0, 1, _POINTS)
        for level in (low, low + 0.02):
            around = (np.arange(repeats)[:, None] + t) / repeats
            threads.append(np.stack(np.broadcast_arrays(around, np.full_like(around, level)), -1))
    return np.concatenate(threads).astype(np.float32)


def _motif(kind: str, rng: np.random.Generator) -> list[tuple[Array, Array]]:
    """Threads of one repeat, in the unit square."""
    t = np.linspace(0, 1, _POINTS)
    arch = np.sin(np.pi * t)
    if kind == "arches":
        return [(t, arch * 0.98), (0.5 + t, arch * 0.98), (0.15 + 0.7 * t, 0.7 * arch)]
    if kind == "petals":
        turn = 2 * np.pi * t
        flower = 0.3 + 0.17 * np.cos(round(rng.integers(5, 9)) * turn)
        ring = [(0.5 + 0.9 * flower * np.cos(turn), 0.5 + flower * np.sin(turn))]
        ring += [(0.5 + 0.1 * np.cos(turn), 0.5 + 0.11 * np.sin(turn)), (0.5 + 0 * t, 0.8 + 0.2 * t)]
        return [*ring, (0.5 + 0 * t, 0.2 * t), (0.2 * t, 0.5 + 0 * t), (0.8 + 0.2 * t, 0.5 + 0 * t)]
    if kind == "ground":
        half = np.arange(4) / 4
        return [(h + 0.5 * t, t) for h in half] + [(h + 0.5 - 0.5 * t, t) for h in half]
    if kind == "leaves":
        leaf = 0.22 * arch
        sides = [(0.5 + s * leaf, t) for s in (-1, -0.55, 0.55, 1)]
        return [*sides, (0.5 + 0 * t, t), (0.5 + 0.5 * t, 0.5 + 0.3 * arch), (0.5 * t, 0.5 + 0.3 * arch)]
    if kind == "spokes":
        return [(0 * t, t), (1 / 3 + 0 * t, t), (2 / 3 + 0 * t, t), (t, 0.5 + 0.12 * np.sin(2 * np.pi * t))]
    if kind == "dense":
        levels = np.linspace(0.1, 0.9, 9)
        return [(t, level + 0.03 * np.sin(4 * np.pi * t)) for level in levels] + [(0 * t, t), (0.5 + 0 * t, t)]
    if kind == "loops":
        turn = 2 * np.pi * t
        return [(0.5 + 0.45 * k * np.cos(turn), 0.5 + 0.48 * k * np.sin(turn)) for k in (1.0, 0.72, 0.4)]
    # Scallops: nested arches with a fan of spokes and a beaded rim.
    fan = [(0.5 + 0.45 * r * np.cos(a), 0.9 * r * np.sin(a)) for a in np.linspace(0.25, 2.9, 7) for r in (t,)]
    rims = [(0.5 - 0.5 * k * np.cos(np.pi * t), 0.98 * k * arch) for k in (1.0, 0.93, 0.6)]
    beads = []
    for a in np.linspace(0.2, np.pi - 0.2, 9):
        turn = 2 * np.pi * t
        beads.append((0.5 + 0.53 * np.cos(a) + 0.03 * np.cos(turn), 1.03 * np.sin(a) + 0.045 * np.sin(turn)))
    return fan + rims + beads


def _laid(u: Float, v: Float, shape: str, rng: np.random.Generator) -> tuple[Float, Float]:
    """From (around, outwards) to object coordinates about [-0.5, 0.5]."""
    if shape == "band":
        return u - 0.5, (v - 0.5) * rng.uniform(0.2, 0.4)
    if shape == "doily":
        radius, angle = 0.03 + 0.43 * v, 2 * np.pi * u
        return np.asarray(radius * np.cos(angle), np.float32), np.asarray(radius * np.sin(angle), np.float32)
    inner, opening = rng.uniform(0.2, 0.3), rng.uniform(3.2, 5.2)
    radius, angle = inner + (0.48 - inner) * v, opening * (u - 0.5)
    return np.asarray(radius * np.cos(angle), np.float32), np.asarray(radius * np.sin(angle), np.float32)
