"""Knitted and woven things: every stitch is drawn in yarn, over an inflated shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import cv2
import numpy as np

from aimkit.bounds import Shares, Within
from aimkit.generators import GeneratorBlock, Range, coverage, draw, generators, noise, shading
from aimkit.generators import body as bodies
from aimkit.generators.body import BodyPart
from aimkit.types import Float, Foreground, ImageType


class Knit(GeneratorBlock):
    """Parameters of knitted and woven objects.

    Attributes:
        stitches: Stitches across the frame's shorter side.
        fuzz: Stray fibres for each stitch.
        yarn: Thickness of the yarn relative to its spacing.
        uneven: How far stitches stray from the lattice.
        fill: Share of the frame that the object spans.
    """

    stitches: Annotated[Range, Within(8, 120)] = (30, 68)
    fuzz: Annotated[Range, Within(0, 15)] = (0.5, 6.0)
    yarn: Annotated[Range, Within(0.1, 1)] = (0.62, 0.85)
    uneven: Shares = (0.03, 0.12)
    fill: Annotated[Range, Within(0.2, 1)] = (0.68, 0.86)


@generators.register("knit", type=ImageType.SO, category="toy", params=Knit, bound=0.012)
def knit(params: Knit, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """A knitted or woven cushion, hat, sock, mitten, scarf or soft animal, with fuzz along its outline.

    Knit fabric is rows of V-shaped stitches, two bowed strands each; a weave is bands that pass over and under each
    other. The lattice is bent by the bulge of the body and by folds; colours form stripes or mirrored motifs.
    """
    build = _SHAPES[int(rng.integers(len(_SHAPES)))]
    body = bodies.place(bodies.Body(build(rng), [], []), size, rng, draw(rng, params.fill))
    work = noise.working_size(size)
    x, y = noise.grid(work)
    spacing = 1 / draw(rng, params.stitches)
    light, colors, motif = shading.light(rng), _colors(rng), _motif(rng)
    woven = bool(rng.random() < 0.3)
    yarn, uneven, fuzz = draw(rng, params.yarn), draw(rng, params.uneven), draw(rng, params.fuzz)
    folds = noise.blur(noise.value_noise(work, rng, 3.5, (1.0, 2.5)), 0.02) * np.float32(rng.uniform(0.004, 0.016))
    image = np.zeros((*size, 4), np.float32)
    distances = [bodies.distance(group, x, y, blend=0.08) for group in body.groups]
    for position, (group, d) in enumerate(zip(body.groups, distances, strict=True)):
        radius = max(0.75 * float(-d.min()), 0.02)
        height = bodies.bulge(d, radius)
        normal = shading.normals(cv2.GaussianBlur(height + folds, (0, 0), 2))
        shade = shading.diffuse(normal, light, 0.3, 0.35)
        for front in distances[position + 1 :]:
            shade = shade * (1 - 0.45 * np.exp(-np.clip(front, 0, None) / 0.03))
        _core(image, d, shade, colors[0], spacing)
        angle = group[0].angle + (np.pi / 2 if position else 0.0)
        lines, which, level = (_weave if woven else _stitches)(work, height, folds, spacing, uneven, angle, rng)
        middle = lines[:, 2]
        keep = noise.sample(d, lines[..., 0], lines[..., 1]).max(axis=1) < 0.08 * spacing
        lines, which, level, middle = lines[keep], which[keep], level[keep], middle[keep]
        tone = colors[motif(which[:, 0], which[:, 1])]
        bright = noise.sample(shade, middle[:, 0], middle[:, 1])
        _yarn(image, lines, tone, bright, level, yarn * spacing, woven, light, rng)
        _fuzz(image, lines, tone, bright, round(fuzz * len(lines)), spacing, rng)
    return coverage.foreground(image, ImageType.SO, "toy")


def _cushion(rng: np.random.Generator) -> list[list[BodyPart]]:
    return [[BodyPart(0, 0, rng.uniform(0.8, 1.3), 1.0, power=rng.uniform(2, 6))]]


def _hat(rng: np.random.Generator) -> list[list[BodyPart]]:
    tall = rng.uniform(0.8, 1.2)
    brim = [BodyPart(0, 0.45, 1.02, 0.24, power=5)]
    bobble = [BodyPart(0, -tall - 0.05, 0.26, 0.26)]
    return [[BodyPart(0, 0.2, 0.95, tall, power=2.4)], *([bobble] if rng.random() < 0.6 else []), brim]


def _sock(rng: np.random.Generator) -> list[list[BodyPart]]:
    leg = rng.uniform(0.7, 1.0)
    tube = [
        BodyPart(0, -0.2, 0.36, leg, power=4),
        BodyPart(0.3, 0.65, 0.68, 0.33, 0.1, 2.6),
        BodyPart(0.02, 0.6, 0.38, 0.36),
    ]
    return [tube, [BodyPart(0, -0.2 - leg, 0.4, 0.16, power=5)]]


def _mitten(rng: np.random.Generator) -> list[list[BodyPart]]:
    hand = [BodyPart(0, -0.2, 0.5, 0.75, power=2.6)]
    thumb = [BodyPart(0.55, -0.05, 0.42, 0.2, -0.9)]
    return [thumb, hand, [BodyPart(0, 0.62, 0.47, 0.24, power=5)]]


def _scarf(rng: np.random.Generator) -> list[list[BodyPart]]:
    ring = bodies.chain(bodies.curve((-0.75, 0.1), -0.9, 1.8, 1.7, 7), [0.24] * 7)
    front = bodies.chain(bodies.curve((-0.8, 0.05), 0.75, -1.5, 1.75, 7), [0.27] * 7)
    ends = bodies.chain([(-0.25, 0.4), (-0.25 + rng.normal(0, 0.15), 1.4)], [0.26, 0.26])
    return [ring, ends, front]


def _animal(rng: np.random.Generator) -> list[list[BodyPart]]:
    return bodies.sitting(rng).groups


_SHAPES: list[Callable[[np.random.Generator], list[list[BodyPart]]]] = [_cushion, _hat, _sock, _mitten, _scarf, _animal]


def _colors(rng: np.random.Generator) -> Float:
    """Three yarns: ground, motif, accent."""
    colors = shading.palette(rng, 3, lightness=(0.3, 0.92), chroma=(0.02, 0.16), spread=float(rng.choice([0.05, 0.5])))
    return np.asarray(rng.permutation(colors), np.float32)


def _motif(rng: np.random.Generator) -> Callable[[Float, Float], Float]:
    """A map from (column, row) of a stitch to the number of its yarn."""
    kind = str(rng.choice(["plain", "stripes", "motif", "motif"]))
    period = int(rng.integers(3, 10))
    high, wide = int(rng.integers(6, 13)), int(rng.integers(4, 9))
    tile = rng.choice(3, (high, wide), p=[0.62, 0.3, 0.08])
    tile = np.concatenate([tile, tile[:, ::-1]], axis=1)
    tile[: high // 3] = 0
    stripes = rng.choice(3, period)

    def choose(column: Float, row: Float) -> Float:
        if kind == "plain":
            return np.zeros(len(column), np.int64)
        if kind == "stripes":
            return np.asarray(stripes[(row.astype(int) // 2) % period])
        return np.asarray(tile[row.astype(int) % high, column.astype(int) % tile.shape[1]])

    return choose


def _core(image: Float, d: Float, shade: Float, color: Float, spacing: float) -> None:
    size = (image.shape[0], image.shape[1])
    inner = cv2.resize(d + 0.3 * spacing, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    light = cv2.resize(shade, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    mask = coverage.edge(inner, size)
    coverage.paint(image, shading.lit(color, 0.22 * light), mask)


def _lattice(
    work: tuple[int, int], step_x: float, step_y: float, angle: float, rng: np.random.Generator
) -> tuple[Float, Float, Float]:
    """Lattice points over the frame, turned by ``angle``: position (n, 2), column and row."""
    frame = np.array([work[1], work[0]]) / min(work)
    reach = float(np.hypot(*frame)) / 2 + 0.1
    column, row = np.meshgrid(np.arange(-reach, reach, step_x), np.arange(-reach, reach, step_y))
    numbers = np.meshgrid(np.arange(column.shape[1]), np.arange(column.shape[0]))
    c, s = np.cos(angle), np.sin(angle)
    flat = np.stack([column.ravel(), row.ravel()], axis=1)
    at = flat @ np.array([[c, s], [-s, c]]) + frame / 2
    inside = ((at > -0.05) & (at < frame + 0.05)).all(axis=1)
    return at[inside].astype(np.float32), numbers[0].ravel()[inside], numbers[1].ravel()[inside]


def _bend(lines: Float, height: Float, folds: Float) -> Float:
    """Shift lattice points as the surface would: towards the rim where it curves away, and along folds."""
    dx, dy = noise.gradient(cv2.GaussianBlur(height, (0, 0), 6))
    fx, fy = noise.gradient(folds)
    at = noise.sample(np.dstack([dx, dy, fx, fy]), lines[..., 0], lines[..., 1])
    slope = np.linalg.norm(at[..., :2], axis=-1, keepdims=True)
    pull = -0.03 * at[..., :2] / (1 + slope)
    return np.asarray(lines + pull + 0.05 * at[..., 2:], np.float32)


def _stitches(
    work: tuple[int, int], height: Float, folds: Float, spacing: float, uneven: float, angle: float,
    rng: np.random.Generator,
) -> tuple[Float, Float, Float]:  # fmt: skip
    """Two bowed strands for each stitch, lowest row first: lines (n, 5, 2), (column, row), level (n,)."""
    at, column, row = _lattice(work, spacing, 0.72 * spacing, angle, rng)
    order = np.argsort(-row, kind="stable")
    at, column, row = at[order], column[order], row[order]
    at = at + uneven * spacing * rng.standard_normal(at.shape).astype(np.float32)
    t = np.linspace(-0.5, 0.5, 5)
    leg = []
    for side in (-1.0, 1.0):
        # From the foot in the middle of the stitch up and outwards, bowed.
        leg.append(np.stack([side * spacing * (0.23 - 0.24 * t + 0.10 * (0.25 - t**2)), spacing * 1.18 * t], axis=1))
    c, s = np.cos(angle), np.sin(angle)
    shape = np.stack(leg) @ np.array([[c, s], [-s, c]])
    lines = (at[:, None, None] + shape[None]).reshape(-1, 5, 2)
    which = np.repeat(np.stack([column, row], axis=1), 2, axis=0)
    return _bend(np.asarray(lines, np.float32), height, folds), which, np.ones(len(lines), np.float32)


def _weave(
    work: tuple[int, int], height: Float, folds: Float, spacing: float, uneven: float, angle: float,
    rng: np.random.Generator,
) -> tuple[Float, Float, Float]:  # fmt: skip
    """Bands over and under each other: what lies below in a cell is drawn first and is darker."""
    angle = angle + float(rng.choice([0.0, np.pi / 4]))
    at, column, row = _lattice(work, spacing, spacing, angle, rng)
    at = at + 0.5 * uneven * spacing * rng.standard_normal(at.shape).astype(np.float32)
    t = np.linspace(-0.62, 0.62, 5) * spacing
    c, s = np.cos(angle), np.sin(angle)
    across, along = np.outer(t, [c, s]), np.outer(t, [-s, c])
    over = (column + row) % 2 == 0
    under_lines = at[:, None] + np.where(over[:, None, None], along, across)
    over_lines = at[:, None] + np.where(over[:, None, None], across, along)
    lines = np.concatenate([under_lines, over_lines])
    ends = np.concatenate([np.where(over, column, row), np.where(over, row, column)])
    level = np.repeat([0.0, 1.0], len(at)).astype(np.float32)
    return _bend(np.asarray(lines, np.float32), height, folds), np.stack([ends, ends], axis=1), level


def _yarn(
    image: Float, lines: Float, tone: Float, bright: Float, level: Float, width: float, woven: bool, light: Float,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Strands with round shading: dark rim, body, and three plies whose lit sides catch the light."""
    count = len(lines)
    along = np.linspace(-1, 1, 5)
    # A strand sinks at both ends, where the next one covers it.
    amount = bright[:, None] * (0.55 + 0.45 * np.sqrt(1 - 0.85 * along**2)) * (0.55 + 0.45 * level[:, None])
    amount = amount * (1 + 0.07 * rng.standard_normal((count, 1)))
    # Rounded ends, also where a strand ends at the outline.
    profile = 1.15 * (1 - 0.4 * along**8) if woven else 0.45 + 0.65 * (1 - along**4)
    step = np.gradient(lines, axis=1)
    normal = np.stack([-step[..., 1], step[..., 0]], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-9
    parts, widths, colors = [], [], []
    for shift, share, gain in ((0.0, 1.0, 0.42), (0.0, 0.8, 0.85), (0.16, 0.42, 1.12), (0.26, 0.14, 1.4)):
        toward = np.sign(normal @ light[:2])[..., None] * normal
        parts.append(lines + toward * shift * width)
        widths.append(np.broadcast_to(width * share * profile, (count, 5)))
        colors.append(shading.lit(np.repeat(tone[:, None], 5, axis=1), amount * gain))
    # Fibres twisted round the strand: short dashes across it.
    twist = 3
    for k in range(twist):
        t = -0.66 + 1.32 * (k + 0.5) / twist + 0.1 * rng.standard_normal(count)
        i = np.clip(((t + 1) * 2).astype(int), 0, 3)
        here, turned = lines[np.arange(count), i + (k % 2)], normal[np.arange(count), i]
        tangent = np.stack([turned[:, 1], -turned[:, 0]], axis=1)
        dash = (turned * 0.36 + tangent * 0.3)[:, None] * np.linspace(-1, 1, 5)[None, :, None] * width
        parts.append(here[:, None] + dash)
        widths.append(np.full((count, 5), 0.10 * width))
        colors.append(shading.lit(np.repeat(tone[:, None], 5, axis=1), amount * 0.6))
    layers = len(parts)
    stacked = np.stack(parts, axis=1).reshape(-1, 5, 2)
    image[:] = coverage.strokes(
        (image.shape[0], image.shape[1]), stacked, np.stack(widths, axis=1).reshape(-1, 5),
        np.stack(colors, axis=1).reshape(count * layers, 5, 3), base=image,
    )  # fmt: skip


def _fuzz(
    image: Float, lines: Float, tone: Float, bright: Float, count: int, spacing: float, rng: np.random.Generator
) -> None:
    """Stray fibres: thin, short, half transparent, in all directions."""
    if count < 1 or len(lines) == 0:
        return
    pick = rng.integers(0, len(lines), count)
    foot = lines[pick, rng.integers(0, 5, count)]
    angle = rng.uniform(0, 2 * np.pi, (count, 1)) + rng.normal(0, 1.2, (count, 1)) * np.linspace(0, 1, 5)[None]
    reach = spacing * rng.gamma(3.0, 0.22, (count, 1, 1)) / 4
    step = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * reach
    points = foot[:, None] + np.concatenate([np.zeros((count, 1, 2)), np.cumsum(step[:, 1:], axis=1)], axis=1)
    color = shading.lit(tone[pick], 1.15 * bright[pick])[:, None]
    width = np.float32(0.03 * spacing + 0.0004)
    image[:] = coverage.strokes(
        (image.shape[0], image.shape[1]), points, width * np.linspace(1, 0.5, 5), color, np.linspace(0.6, 0.3, 5), image
    )
