"""Fur bodies: thousands of tapered, clumped strands over an inflated shape."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import cv2
import numpy as np

from aimkit.bounds import Shares, Within
from aimkit.generators import GeneratorBlock, Range, coverage, draw, generators, noise, shading
from aimkit.generators import body as bodies
from aimkit.types import Float, Foreground, ImageType

#: Points of a strand.
_POINTS = 7


class Fur(GeneratorBlock):
    """Parameters of fur; lengths are shares of the frame's shorter side.

    Attributes:
        strands: Number of strands.
        length: Length of the strands.
        thickness: Width of a strand at its root.
        clumping: How far tips gather, 0 to 1.
        curl: Turn of a strand from root to tip, radians.
        comb: How flat the fur lies; 0 stands on end.
        pattern: Contrast of spots or stripes, 0 to 1.
        fill: Share of the frame that the body spans.
    """

    strands: Annotated[Range, Within(100, 60000)] = (11000, 17000)
    length: Annotated[Range, Within(0.005, 0.3)] = (0.035, 0.1)
    thickness: Annotated[Range, Within(0.0002, 0.02)] = (0.0016, 0.0034)
    clumping: Shares = (0.15, 0.85)
    curl: Annotated[Range, Within(0, 10)] = (0.2, 1.6)
    comb: Annotated[Range, Within(0, 5)] = (0.4, 1.6)
    pattern: Shares = (0.0, 1.0)
    fill: Annotated[Range, Within(0.2, 1)] = (0.66, 0.84)


@dataclass(frozen=True)
class Coat:
    """What all strands of an animal share, on fields of the working size; drawn once a sample."""

    length: float
    thickness: float
    clumping: float
    curl: float
    comb: float
    light: Float
    flow: Float
    waviness: Float
    color: Float
    tip: Float


@generators.register("fur", type=ImageType.SO, category="animal", params=Fur, bound=0.02)
def fur(params: Fur, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """A furry animal, head or cushion: tapered, curled, clumped strands with self-shadowing and translucent tips.

    The body is an inflated union of ellipses. Strands stand on its surface, are combed along a smooth flow and seen
    in parallel projection, so they foreshorten in the middle and stick out at the rim. Clumps draw tips together;
    light follows Kajiya and Kay (1989) on top of the body's shading, and roots lie in shade.
    """
    kind = str(rng.choice(list(bodies.KINDS)))
    build, cut = bodies.KINDS[kind]
    body = bodies.place(build(rng), size, rng, draw(rng, params.fill), cut)
    work = noise.working_size(size)
    x, y = noise.grid(work)
    coat = _coat(params, work, rng, kind)
    distances = [bodies.distance(group, x, y) for group in body.groups]
    # Slender bodies have shorter hair, or their limbs would drown in it.
    stout = max(float(-d.min()) for d in distances)
    coat = replace(coat, length=coat.length * min(1, stout / 0.25 + 0.3))
    count = draw(rng, params.strands)
    # Each group gets strands by its area, so that the density is even.
    areas = np.array([float((d < 0).sum()) for d in distances])
    image = np.zeros((*size, 4), np.float32)
    for position, d in enumerate(distances):
        shade = _shade(d, distances[position + 1 :])
        _core(image, d, shade, coat)
        if position == len(distances) - 1:
            _face(image, body, coat.light)
        bald = body.eyes + body.nose if position >= len(distances) - 2 else []
        image = _strands(image, d, shade, coat, bald, int(count * areas[position] / areas.sum()), rng)
    return coverage.foreground(image, ImageType.SO, "animal")


def _coat(params: Fur, work: tuple[int, int], rng: np.random.Generator, kind: str) -> Coat:
    long = draw(rng, params.length) * (1.25 if kind == "cushion" else 1.0)
    # Combed downwards and away from a whirl, in eddies.
    u, v = noise.curl(work, rng, scale=rng.uniform(1.5, 3.0), octaves=2)
    x, y = noise.grid(work)
    cx, cy = rng.uniform(0.3, 0.7) * x.max(), rng.uniform(0.1, 0.5) * y.max()
    flow = np.stack([0.9 * (x - cx) + 0.45 * u, 0.9 * (y - cy) + 0.5 + 0.45 * v], axis=-1)
    flow /= np.linalg.norm(flow, axis=-1, keepdims=True) + 0.25
    color, tip = _colors(draw(rng, params.pattern), work, rng)
    return Coat(
        long, draw(rng, params.thickness), draw(rng, params.clumping), draw(rng, params.curl), draw(rng, params.comb),
        shading.light(rng), flow.astype(np.float32), noise.value_noise(work, rng, 14), color, tip,
    )  # fmt: skip


def _colors(pattern: float, work: tuple[int, int], rng: np.random.Generator) -> tuple[Float, Float]:
    """Colour of the hair at its root position, and what it turns into at the tip; sRGB, (h, w, 3) each."""
    # Natural hair runs from black through brown and red to blond and white; toys may be of any colour.
    natural = rng.random() < 0.75
    lightness = np.sort(np.clip(rng.choice([0.3, 0.6, 0.9]) + rng.uniform(-0.2, 0.2, 2), 0.2, 0.97))
    if natural:
        hue, chroma = rng.uniform(0.10, 0.24, 2), rng.uniform(0.0, 0.1, 2) * (1.1 - np.abs(2 * lightness - 1.1))
    else:
        hue, chroma = rng.random() + rng.uniform(-0.12, 0.12, 2), rng.uniform(0.06, 0.17, 2)
    dark, bright = shading.lch(lightness, chroma, hue)
    field = noise.fbm(work, rng, rng.uniform(3, 7), 2)
    if rng.random() < 0.5:  # stripes that follow a warped gradient
        x, y = noise.grid(work)
        angle = rng.uniform(0, np.pi)
        phase = rng.uniform(4, 9) * (x * np.cos(angle) + y * np.sin(angle)) + 1.6 * field
        field = np.asarray(0.5 + 0.5 * np.sin(2 * np.pi * phase), np.float32)
    spots = np.clip((field - rng.uniform(0.4, 0.6)) * 6 + 0.5, 0, 1) * pattern
    if rng.random() < 0.5:
        spots = pattern - spots
    tint = 0.12 * (noise.fbm(work, rng, 6, 3) - 0.5)
    root = shading.to_oklab(shading.mix(bright, dark, spots))
    root[..., 0] += tint
    tip = root.copy()
    tip[..., 0] = np.clip(tip[..., 0] + rng.uniform(-0.06, 0.16), 0.1, 0.97)
    return shading.from_oklab(root), shading.from_oklab(tip)


def _shade(d: Float, above: list[Float]) -> Float:
    """Light that reaches a group past the groups in front of it, (h, w) in [0, 1]."""
    shade = np.ones_like(d)
    for other in above:
        shade *= 1 - 0.5 * np.exp(-np.clip(other, 0, None) / 0.035)
    return shade


def _core(image: Float, d: Float, shade: Float, coat: Coat) -> None:
    """The skin under the fur: opaque, dark, a little inside the outline."""
    inset = 0.12 * coat.length + 0.004
    lit = shading.lit(coat.color, 0.35 * shade)
    size = image.shape[:2]
    depth = cv2.resize(d + inset, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    color = cv2.resize(lit, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    coverage.paint(image, color, coverage.edge(depth, size))


def _face(image: Float, body: bodies.Body, light: Float) -> None:
    """Eyes and nose: dark, glossy beads."""
    size = image.shape[:2]
    for part in body.eyes + body.nose:
        bead = coverage.ellipse(size, (part.x, part.y), (part.rx, part.ry), part.angle)
        coverage.paint(image, np.array([0.03, 0.025, 0.02]), bead)
        spot = (part.x + 0.4 * part.rx * light[0], part.y + 0.4 * part.ry * light[1])
        glint = coverage.ellipse(size, spot, (0.25 * part.rx, 0.25 * part.ry))
        coverage.paint(image, np.array([0.9, 0.92, 0.95]), 0.9 * glint)


def _strands(
    image: Float,
    d: Float,
    shade: Float,
    coat: Coat,
    bald: list[bodies.BodyPart],
    count: int,
    rng: np.random.Generator,
) -> Float:
    """Draw a group's strands over the image."""
    if count < 1:
        return image
    height = bodies.bulge(d, max(0.6 * float(-d.min()), 0.02))
    normal = shading.normals(cv2.GaussianBlur(height, (0, 0), 2))
    roots = _roots(d, coat.length, bald, count, rng)
    count = len(roots)
    at = noise.sample(np.dstack([normal, coat.flow, coat.waviness, shade, height]), roots[:, 0], roots[:, 1])
    surface, flow, wave, shadow = at[:, :3], at[:, 3:5], at[:, 5], at[:, 6]
    path = _paths(roots, surface, flow, wave, coat, rng)
    # Fur lies like shingles: what grows further down the nap is covered by what grows before it.
    nap = (roots * flow).sum(axis=1) - 0.5 * at[:, 7]
    layer = rng.permutation(count) / max(count, 1)
    order = np.argsort(nap * 6 - 0.8 * layer)
    along = np.linspace(0, 1, _POINTS, dtype=np.float32)
    tangent = np.gradient(path, axis=1)
    tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True) + 1e-9
    # Kajiya-Kay: a cylinder's diffuse term is the sine of the angle to the light, the highlight a power of it.
    facing = tangent @ coat.light[:2] * 0.9
    sine = np.sqrt(np.clip(1 - facing**2, 0, 1))
    body_light = shading.diffuse(surface, coat.light, ambient=0.25, wrap=0.3)
    depth = (0.5 + 0.5 * layer)[:, None] * (0.42 + 0.58 * along**0.7)
    amount = body_light[:, None] * shadow[:, None] * depth * (0.6 + 0.4 * sine) * 1.6
    gloss = 0.16 * (body_light * shadow * layer)[:, None] * sine**24 * np.sin(np.pi * along)
    root = noise.sample(coat.color, roots[:, 0], roots[:, 1])
    tip = noise.sample(coat.tip, roots[:, 0], roots[:, 1])
    own = 1 + 0.16 * rng.standard_normal((count, 1, 1), dtype=np.float32)
    color = (root[:, None] * (1 - along[:, None]) + tip[:, None] * along[:, None]) * np.clip(own, 0.5, 1.5)
    color = shading.lit(np.clip(color, 0, 1), amount, gloss)
    thick = coat.thickness * rng.uniform(0.6, 1.25, (count, 1)).astype(np.float32)
    width = thick * np.clip(1.02 - along**1.6, 0.02, 1)
    opacity = 1 - 0.55 * along**2
    return coverage.strokes(image.shape[:2], path[order], width[order], color[order], opacity, image)


def _roots(d: Float, length: float, bald: list[bodies.BodyPart], count: int, rng: np.random.Generator) -> Float:
    """Positions on the body, (n, 2), evenly spread."""
    rows, cols = np.nonzero(d < -0.1 * length)
    if len(rows) == 0:
        return np.zeros((0, 2), np.float32)
    pick = rng.integers(0, len(rows), count)
    shift = rng.random((2, count))
    unit = min(d.shape)
    x = ((cols[pick] + shift[0]) / unit).astype(np.float32)
    y = ((rows[pick] + shift[1]) / unit).astype(np.float32)
    if bald:
        free = bodies.distance(bald, x, y, 1e-3) > 0.004
        x, y = x[free], y[free]
    return np.stack([x, y], axis=1)


def _paths(roots: Float, surface: Float, flow: Float, wave: Float, coat: Coat, rng: np.random.Generator) -> Float:
    """Strands as polylines, (n, _POINTS, 2)."""
    count = len(roots)
    along = np.linspace(0, 1, _POINTS, dtype=np.float32)[None]
    length = coat.length * np.clip(rng.normal(1, 0.22, (count, 1)), 0.4, 1.9).astype(np.float32)
    # A few guard hairs are longer and go their own way.
    guard = rng.random((count, 1)) < 0.04
    length = np.where(guard, length * 1.5, length)
    lean = rng.normal(0, 1, (count, 2)) * np.where(guard, 0.4, 0.16)
    rise = np.hypot(1.0, coat.comb)
    heading = (surface[:, :2] * 1.1 + flow * coat.comb + lean) / rise
    angle = np.arctan2(heading[:, 1], heading[:, 0])[:, None]
    reach = np.clip(np.hypot(heading[:, 0], heading[:, 1]), 0.3, 1)[:, None] * length
    bend = coat.curl * (wave[:, None] + 0.3 * rng.normal(0, 1, (count, 1)))
    turn = angle + bend * along[:, 1:]
    steps = np.stack([np.cos(turn), np.sin(turn)], axis=-1) * (reach / (_POINTS - 1))[..., None]
    path = np.concatenate([np.zeros((count, 1, 2)), np.cumsum(steps, axis=1)], axis=1) + roots[:, None]
    # Clumps: towards the tip a strand nears the nearest leading strand.
    leaders = rng.choice(count, max(count // 22, 1), replace=False)
    from scipy.spatial import cKDTree

    nearest = leaders[cKDTree(roots[leaders]).query(roots)[1]]
    pull = coat.clumping * rng.uniform(0.5, 1.0, (count, 1)) * np.where(guard, 0.1, 1) * along**1.3
    path += pull[..., None] * (path[nearest] - path)
    return np.asarray(path, np.float32)
