"""Faceted solids: cut stones, crystal clusters, low-poly rocks and metal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from aimkit.bounds import Shares, Within
from aimkit.generators import GeneratorBlock, Range, coverage, draw, generators, shading
from aimkit.types import Array, Float, Foreground, ImageType

if TYPE_CHECKING:
    from scipy.spatial import ConvexHull


class Gem(GeneratorBlock):
    """Parameters of faceted solids.

    Attributes:
        fill: Share of the frame that the solid spans.
        gloss: Strength of the highlights.
        sparkle: Contrast of the reflections inside a facet.
        crystals: Number of crystals in a cluster.
    """

    fill: Annotated[Range, Within(0.2, 1)] = (0.6, 0.85)
    gloss: Annotated[Range, Within(0, 2)] = (0.3, 1.0)
    sparkle: Shares = (0.1, 0.55)
    crystals: Annotated[Range, Within(1, 60)] = (4, 16)


@generators.register("gem", type=ImageType.SO, category="toy", params=Gem, bound=0.01)
def gem(params: Gem, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """A faceted opaque solid with specular light: a cut stone, a cluster of crystals or a low-poly rock.

    Convex hulls in parallel projection. A facet is lit as a plane (diffuse, Blinn's highlight, a mirrored sky that
    is bright above and dark below) and split into splinters of other tones, as the inner reflections of a stone.
    """
    kind = str(rng.choice(["stone", "cluster", "rock", "ball"]))
    if kind == "cluster":
        solids = _cluster(round(draw(rng, params.crystals)), rng)
    else:
        build = {"stone": _stone, "rock": _rock, "ball": _ball}[kind]
        solids = [build(rng) @ _rotation(rng).T]
    solids = _fit(solids, size, draw(rng, params.fill), rng)
    light = shading.light(rng)
    color = shading.lch(rng.uniform(0.35, 0.85), rng.uniform(0.0, 0.2), rng.random())
    gloss = draw(rng, params.gloss)
    sparkle = draw(rng, params.sparkle) * (0.25 if kind == "rock" else 1.0)
    image = np.zeros((*size, 4), np.float32)
    for corners in sorted(solids, key=lambda s: float(s[:, 2].mean())):
        own = shading.jitter(color, rng, 0.04)
        _draw(image, corners, own, light, gloss, sparkle, rng)
    return coverage.foreground(image, ImageType.SO, "toy")


def _stone(rng: np.random.Generator) -> Float:
    """A cut stone: table, crown, girdle, pavilion; round, oval or rectangular."""
    sides = int(rng.choice([4, 6, 8, 8, 12, 16]))
    turn = np.arange(sides) * 2 * np.pi / sides
    half = turn + np.pi / sides
    table, crown, depth = rng.uniform(0.45, 0.7), rng.uniform(0.25, 0.45), rng.uniform(0.6, 1.1)
    rings = [(table, turn, crown), (0.5 + 0.5 * table, half, 0.55 * crown), (1.0, turn, 0.0), (1.0, half, -0.03),
             (rng.uniform(0.45, 0.6), half, -0.55 * depth)]  # fmt: skip
    points = [np.stack([r * np.cos(a), np.full(sides, z), r * np.sin(a)], axis=1) for r, a, z in rings]
    points.append(np.array([[0, -depth, 0.0]]))
    return np.asarray(np.concatenate(points) * [1, -1, rng.uniform(0.65, 1)], np.float32)


def _rock(rng: np.random.Generator) -> Float:
    """Hull of random points in an ellipsoid shell."""
    points = rng.standard_normal((int(rng.integers(14, 48)), 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points * rng.uniform(0.8, 1, (len(points), 1)) * rng.uniform(0.6, 1.1, 3), np.float32)


def _ball(rng: np.random.Generator) -> Float:
    """A faceted ball: even points on a sphere (Fibonacci lattice)."""
    count = int(rng.integers(40, 160))
    k = np.arange(count) + 0.5
    z, turn = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], axis=1).astype(np.float32)


def _cluster(count: int, rng: np.random.Generator) -> list[Float]:
    """Prisms with pointed ends that grow out of a lump, fanned upwards."""
    solids = [np.asarray(_rock(rng) * [0.75, 0.3, 0.4] + [0, 0.1, 0], np.float32)]
    for _ in range(count):
        sides, radius, long = int(rng.choice([4, 5, 6, 6])), rng.uniform(0.08, 0.22), rng.uniform(0.5, 1.5)
        turn = np.arange(sides) * 2 * np.pi / sides + rng.random()
        ring = np.stack([np.cos(turn), np.zeros(sides), np.sin(turn)], axis=1) * radius
        tip = rng.uniform(0.12, 0.35)
        prism = np.concatenate([ring * 0.8, ring - [0, long, 0], [[0, -long - tip, 0]]])
        lean = np.clip(rng.normal(0, 0.45), -1, 1), np.clip(rng.normal(0, 0.4), -0.8, 0.8)
        root = np.array([lean[0] * 0.5, 0.15, lean[1] * 0.3])
        solids.append(np.asarray(prism @ _turn(2, lean[0]).T @ _turn(0, lean[1]).T + root, np.float32))
    return solids


def _draw(
    image: Float, corners: Float, color: Float, light: Float, gloss: float, sparkle: float, rng: np.random.Generator
) -> None:
    """Paint a convex solid: its outline first, so that no seam shows, then every facet that faces the viewer."""
    from scipy.spatial import ConvexHull

    hull = ConvexHull(corners)
    outline = corners[ConvexHull(corners[:, :2]).vertices, :2]
    coverage.fill(image, outline, shading.lit(color, 0.4))
    for plane, rim in _facets(hull, corners):
        if plane[2] <= 0.01:
            continue
        center = rim.mean(axis=0)
        near = _tone(plane, color, light, gloss, rng.normal(0, 0.3 * sparkle))
        far = shading.lit(near, 1 - 0.5 * rng.random())
        coverage.fill(image, rim[:, :2], near, fade=(rim[0, :2], 2 * center[:2] - rim[0, :2], far))
        # Splinters: pieces of the facet that show another part of the room.
        for _ in range(2 if sparkle > 0.15 else 0):
            i = int(rng.integers(len(rim)))
            share = rng.uniform(0.3, 1.0)
            piece = np.stack([center, rim[i], rim[i] + share * (rim[(i + 1) % len(rim)] - rim[i])])
            tone = _tone(plane, color, light, gloss, rng.normal(0, sparkle))
            coverage.fill(image, piece[:, :2], tone)


def _tone(plane: Array, color: Float, light: Float, gloss: float, bias: float) -> Float:
    """Colour of a plane; ``bias`` is what else it reflects."""
    mirrored = 2 * plane[2] * plane - np.array([0, 0, 1])
    sky = 0.25 + 0.55 * np.clip(-mirrored[1], 0, 1) ** 1.5
    amount = 0.7 * shading.diffuse(plane, light, ambient=0.2) + 0.5 * sky + bias
    highlight = gloss * (shading.specular(plane, light, 60) + 0.18 * sky * (1 - plane[2]) ** 2)
    return shading.lit(color, max(float(amount), 0.05), highlight)


def _facets(hull: ConvexHull, corners: Float) -> list[tuple[Float, Float]]:
    """Faces of a hull with coplanar triangles joined: (unit normal, corners in order), front to back in no order."""
    facets = []
    normals = np.round(hull.equations, 4)
    for key in np.unique(normals, axis=0):
        members = np.flatnonzero((normals == key).all(axis=1))
        index = np.unique(hull.simplices[members])
        rim, normal = corners[index], key[:3]
        side = np.cross(normal, rim[0] - rim.mean(axis=0))
        offset = rim - rim.mean(axis=0)
        angle = np.arctan2(offset @ side, offset @ (rim[0] - rim.mean(axis=0)) * np.linalg.norm(normal))
        facets.append((np.asarray(normal, np.float32), rim[np.argsort(angle)]))
    return facets


def _fit(solids: list[Float], size: tuple[int, int], fill: float, rng: np.random.Generator) -> list[Float]:
    """Scale and move solids into the frame."""
    points = np.concatenate(solids)[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    frame = np.array([size[1], size[0]]) / min(size)
    scale = fill * float(np.min(frame / (high - low)))
    free = frame - scale * (high - low)
    move = np.append(free * rng.uniform(0.35, 0.65, 2) - scale * low, 0)
    return [np.asarray(solid * scale + move, np.float32) for solid in solids]


def _turn(axis: int, angle: float) -> Float:
    c, s = np.cos(angle), np.sin(angle)
    i, j = [k for k in range(3) if k != axis]
    matrix = np.eye(3)
    matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
    return np.asarray(matrix, np.float32)


def _rotation(rng: np.random.Generator) -> Float:
    """Seen from above or the side, turned at will."""
    return np.asarray(
        _turn(2, rng.normal(0, 0.25)) @ _turn(0, rng.uniform(-1.4, 0.2)) @ _turn(1, rng.uniform(0, 6.3)), np.float32
    )
