"""Feathered shapes: single feathers, fans and plumed birds; every barb is a strand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np

from aimkit.bounds import Shares, Within
from aimkit.generators import GeneratorBlock, Range, coverage, draw, generators, noise, shading
from aimkit.generators import body as bodies
from aimkit.generators.body import BodyPart, curve
from aimkit.types import Array, Float, Foreground, ImageType


class Feather(GeneratorBlock):
    """Parameters of feathered shapes.

    Attributes:
        barbs: Barbs on each side of a large feather.
        slender: Width of a feather relative to its length.
        splits: How often the vane is torn open, 0 to 1.
        down: Share of the quill that bears loose down.
        plumes: Feathers on a bird.
        fill: Share of the frame that the shape spans.
    """

    barbs: Annotated[Range, Within(20, 2000)] = (220, 420)
    slender: Annotated[Range, Within(0.03, 1)] = (0.13, 0.3)
    splits: Annotated[Range, Within(0, 5)] = (0.0, 0.8)
    down: Shares = (0.08, 0.28)
    plumes: Annotated[Range, Within(20, 4000)] = (420, 800)
    fill: Annotated[Range, Within(0.2, 1)] = (0.7, 0.9)


@dataclass(frozen=True)
class Look:
    """Colours along a feather, and how it is barred.

    Attributes:
        base: Colour at the quill.
        tip: Colour at the tip.
        bar: Colour of the bars.
        bars: Number of bars along the feather; 0 for none.
        light: Direction of the light.
    """

    base: Float
    tip: Float
    bar: Float
    bars: float
    light: Float


@generators.register("feather", type=ImageType.SO, category="animal", params=Feather, bound=0.02)
def feather(params: Feather, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """A feather, a fan of feathers or a plumed bird: quills with hundreds of barbs, split vanes and loose down.

    Barbs leave the quill at an angle that falls towards the tip and hold together in vanes; where the vane is torn,
    groups of barbs turn away from each other. The foot of the quill bears curled, half-transparent down.
    """
    look = _look(rng)
    kind = str(rng.choice(["feather", "fan", "bird", "bird"]))
    image = np.zeros((*size, 4), np.float32)
    fill = draw(rng, params.fill)
    if kind == "bird":
        _bird(image, params, look, fill, rng)
    else:
        quills = _quills(1 if kind == "feather" else int(rng.integers(5, 13)), rng)
        quills = _fit(quills, size, fill * 0.88, rng)
        slender = draw(rng, params.slender) * (1.3 if kind == "feather" else 1.0)
        down, splits = draw(rng, params.down), draw(rng, params.splits)
        count = round(draw(rng, params.barbs) * (1.0 if kind == "feather" else 0.6))
        for quill in quills:
            _draw_feather(image, quill, slender, count, splits, down, look, rng)
    return coverage.foreground(image, ImageType.SO, "animal")


def _look(rng: np.random.Generator) -> Look:
    if rng.random() < 0.55:  # browns, greys and whites
        base, tip, bar = shading.lch(
            np.clip(rng.choice([0.35, 0.6, 0.9]) + rng.normal(0, 0.12, 3), 0.18, 0.97),
            rng.uniform(0, 0.07, 3),
            rng.uniform(0.1, 0.24),
        )
    else:
        base, tip, bar = rng.permutation(
            shading.palette(rng, 3, lightness=(0.3, 0.85), chroma=(0.06, 0.18), spread=0.3)
        )
    bars = float(rng.choice([0, 0, rng.uniform(3, 9)]))
    return Look(base, tip, bar, bars, shading.light(rng))


def _quills(count: int, rng: np.random.Generator) -> list[Float]:
    """Quill lines, (17, 2) each, one unit long, fanned around one foot."""
    middle = rng.uniform(0, 2 * np.pi) if count == 1 else -np.pi / 2 + rng.normal(0, 0.3)
    spread = 0.0 if count == 1 else rng.uniform(0.6, 1.5)
    quills = []
    for share in np.linspace(-1, 1, count) if count > 1 else [0.0]:
        angle = middle + spread * share + rng.normal(0, 0.04)
        bend = rng.normal(0, 0.5) if count == 1 else 0.35 * share + rng.normal(0, 0.1)
        quills.append(curve((0.0, 0.0), angle, bend, 1.0 - 0.25 * abs(share) + rng.normal(0, 0.03), 17))
    # From the outside inwards, so that the middle one lies on top.
    return [quills[i] for i in np.argsort(-np.abs(np.arange(count) - (count - 1) / 2))]


def _draw_feather(
    image: Float, quill: Float, slender: float, count: int, splits: float, down: float, look: Look,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """A large feather: the closed vane as an area, then every barb, then the quill."""
    size = (image.shape[0], image.shape[1])
    long = float(np.linalg.norm(np.diff(quill, axis=0), axis=1).sum())
    wide = slender * long
    rims = {}
    for side in (1, -1):
        points, width, color, opacity, rim = _barbs(quill, wide, side, count, splits, down, look, rng)
        rims[side] = rim
        # The closed vane: what barbs leave open between them is held together by barbules.
        inner = np.concatenate([quill[_vane(quill, down)], rim[::-1]])
        shade = shading.lit(look.base, 0.55)
        coverage.fill(image, inner, shade, fade=(quill[0], quill[-1], shading.lit(look.tip, 0.55)))
        image[:] = coverage.strokes(size, points, width, color, opacity, image)
    shaft = shading.mix(look.base, np.array([0.92, 0.88, 0.78]), 0.6)
    thick = np.linspace(0.016, 0.002, len(quill)) * long
    lines = np.stack([quill, quill + look.light[:2] * thick[:, None] * 0.2])
    tones = np.stack([shading.lit(shaft, 0.5), shading.lit(shaft, 1.0)])[:, None]
    image[:] = coverage.strokes(size, lines, np.stack([thick, 0.45 * thick]), tones, base=image)


def _vane(quill: Float, down: float) -> slice:
    return slice(int((down + 0.06) * (len(quill) - 1)), len(quill) - 1)


def _barbs(
    quill: Float, wide: float, side: int, count: int, splits: float, down: float, look: Look, rng: np.random.Generator
) -> tuple[Float, Float, Float, Float, Float]:
    """Barbs of one side as strokes, and the rim inside which the vane is closed."""
    s = np.sort(0.04 + 0.96 * (np.arange(count) + rng.random(count)) / count)
    foot, heading = _along(quill, s)
    loose = np.clip((down + 0.05 - s) / 0.08, 0, 1)
    # The vane is narrow at the foot, full in the middle and rounded at the tip; one side is the wider.
    profile = np.clip(s / 0.35, 0.25, 1) ** 0.5 * np.clip((1.02 - s) / 0.3, 0, 1) ** 0.5
    length = wide * profile * (1.0 if side > 0 else 0.75) * (1 + 0.05 * rng.standard_normal(count))
    angle = (1.0 - 0.55 * s) * (1 + 0.3 * loose * rng.standard_normal(count))
    # A split: all barbs of a group are turned by the same angle.
    cuts = np.sort(rng.random(int(1 + 7 * splits)))
    group = np.searchsorted(cuts, s)
    turn = (0.16 * splits * rng.standard_normal(len(cuts) + 1))[group] * (1 - loose)
    bend = -0.55 * (1 - loose) + loose * 1.8 * rng.standard_normal(count)
    t = np.linspace(0, 1, 7)
    path_angle = heading[:, None] + side * ((angle + turn)[:, None] + bend[:, None] * t[None, 1:])
    step = (length / 6)[:, None, None] * np.stack([np.cos(path_angle), np.sin(path_angle)], axis=-1)
    points = foot[:, None] + np.concatenate([np.zeros((count, 1, 2)), np.cumsum(step, axis=1)], axis=1)
    spacing = 1.5 * float(np.linalg.norm(quill[-1] - quill[0])) / count
    width = spacing * (1.0 - 0.62 * t[None] ** 2) * np.where(loose > 0.5, 0.45, 1.0)[:, None]
    wave = (
        np.clip(1.6 * np.sin(2 * np.pi * (look.bars * s[:, None] - 0.25 * t[None])), 0, 1) if look.bars else 0 * t[None]
    )
    mixed = look.base * (1 - s[:, None, None]) + look.tip * s[:, None, None]
    mixed = mixed + wave[..., None] * (look.bar - mixed)
    mixed = mixed + loose[:, None, None] * 0.4 * (np.array([0.9, 0.88, 0.85]) - mixed)
    across = (
        np.sin(heading[:, None] + side * 1.2) * look.light[1] + np.cos(heading[:, None] + side * 1.2) * look.light[0]
    )
    ripple = 0.09 * np.sin(np.arange(count) * 1.9)[:, None] + 0.07 * rng.standard_normal((count, 1))
    amount = np.clip(0.85 + 0.22 * across + ripple - 0.18 * (1 - t[None]) ** 4, 0.25, 1.25)
    color = shading.lit(np.clip(mixed, 0, 1), np.broadcast_to(amount, mixed.shape[:2]))
    opacity = np.where(loose[:, None] > 0.5, 0.75 - 0.55 * t[None], 1 - 0.35 * t[None] ** 3)
    closed = (s > down + 0.06) & (np.append(np.diff(group), 0) == 0)
    rim = points[closed, 4][:: max(count // 60, 1)]
    return (
        np.asarray(points, np.float32), np.asarray(width, np.float32), color, np.asarray(opacity, np.float32),
        np.asarray(rim, np.float32),
    )  # fmt: skip


def _bird(image: Float, params: Feather, look: Look, fill: float, rng: np.random.Generator) -> None:
    """A plump bird: tail and wing of long feathers, a body of small overlapping plumes, a beak and an eye."""
    size = (image.shape[0], image.shape[1])
    slim, tall = rng.uniform(0.5, 0.75), rng.uniform(-0.95, -0.6)
    trunk = [
        BodyPart(0, 0, 0.95, slim, 0.45),
        BodyPart(-0.6, tall * 0.6, 0.42, 0.5, 0.5),
        BodyPart(-0.72, tall, 0.36, 0.33),
    ]
    tail = bodies.chain([(0.7, 0.35), (rng.uniform(1.4, 1.9), rng.uniform(0.5, 1.0))], [0.2, 0.14])
    beak = BodyPart(-0.72 - 0.42, tall + 0.06, 0.2, 0.1, rng.normal(0.1, 0.1))
    eye = BodyPart(-0.82, tall - 0.06, 0.06, 0.06)
    placed = bodies.place(bodies.Body([tail, trunk], [eye], [beak]), size, rng, 0.86 * fill)
    (far, near), eye, beak = placed.groups, placed.eyes[0], placed.nose[0]
    ahead = -1.0 if beak.x < near[0].x else 1.0
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    bill = np.stack(
        [beak.x + ahead * beak.rx * np.cos(turn) * 1.1, beak.y + beak.ry * np.sin(turn) * (1 - np.cos(turn)) / 1.6],
        axis=1,
    )
    horn = shading.lch(rng.uniform(0.3, 0.75), 0.12, rng.uniform(0.1, 0.22))
    length = float(np.hypot(far[0].rx, 0)) * 2
    root = np.array(
        [
            far[0].x - far[0].rx * 0.8 * np.cos(far[0].angle) * np.sign(far[0].x - near[0].x),
            far[0].y - far[0].rx * 0.8 * abs(np.sin(far[0].angle)),
        ]
    )
    tip = 2 * np.array([far[0].x, far[0].y]) - root
    base_angle = float(np.arctan2(*(tip - root)[::-1]))
    for k in rng.permutation(7):
        quill = curve(
            (root[0], root[1]), base_angle + 0.09 * (k - 3), 0.05 * (k - 3), length * rng.uniform(0.9, 1.05), 17
        )
        _draw_feather(image, quill, 0.2, 70, 0.4, 0.02, look, rng)
    coverage.fill(image, bill, horn, fade=(bill.min(axis=0), bill.max(axis=0), shading.lit(horn, 0.4)))
    work = noise.working_size(size)
    d = bodies.distance(near, *noise.grid(work), blend=0.12)
    _plumes(image, d, near, look, round(draw(rng, params.plumes)), ahead, rng)
    wing = np.array([near[0].x - 0.15 * ahead * near[0].rx, near[0].y - 0.1 * near[0].ry])
    down_back = np.arctan2(0.55, -ahead)
    for k in range(9):
        start = wing + np.array([ahead * 0.05 * k * near[0].rx, 0.04 * (k - 4) * near[0].ry])
        quill = curve((start[0], start[1]), down_back + 0.05 * (k - 4), -ahead * 0.2, near[0].rx * (1.2 - 0.08 * k), 17)
        _draw_feather(image, quill, 0.24, 60, 0.2, 0.0, look, rng)
    for part, tone in (
        (eye, [0.03, 0.03, 0.03]),
        (BodyPart(eye.x - 0.3 * eye.rx, eye.y - 0.3 * eye.ry, 0.3 * eye.rx, 0.3 * eye.ry), [0.95] * 3),
    ):
        coverage.paint(image, np.array(tone), coverage.ellipse(size, (part.x, part.y), (part.rx, part.ry)))


def _plumes(
    image: Float, d: Float, trunk: list[BodyPart], look: Look, count: int, ahead: float, rng: np.random.Generator
) -> None:
    """Small feathers that shingle a body from tail to head, each of a dozen barbs over a closed core."""
    size = (image.shape[0], image.shape[1])
    normal = shading.normals(cv2.GaussianBlur(bodies.bulge(d, 0.8 * float(-d.min())), (0, 0), 3))
    full = cv2.resize(d, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    coverage.paint(image, shading.lit(look.base, 0.3), coverage.edge(full + 0.006, size))
    rows, cols = np.nonzero(d < -0.004)
    unit = min(d.shape)
    span = np.sqrt(len(rows)) / unit
    pick = rng.integers(0, len(rows), count)
    x, y = (cols[pick] + 0.5) / unit, (rows[pick] + 0.5) / unit
    order = np.argsort(-(x * -ahead) - 0.4 * y)
    x, y = x[order].astype(np.float32), y[order].astype(np.float32)
    surface = noise.sample(normal, x, y)
    patch = noise.sample(noise.fbm(d.shape, rng, 3, 2), x, y)
    back = np.array([-ahead * 0.85, 0.5])
    heading = np.arctan2(back[1] + 0.7 * surface[:, 1], back[0] + 0.7 * surface[:, 0]) + 0.12 * rng.standard_normal(
        count
    )
    head_near = np.hypot(x - trunk[-1].x, y - trunk[-1].y) / span
    long = span * np.clip(0.07 + 0.16 * head_near, 0.07, 0.19) * rng.uniform(0.85, 1.15, count)
    barbs = 26
    share = np.linspace(-1, 1, barbs)[rng.permutation(barbs)]
    t = np.linspace(0, 1, 5)
    angle = heading[:, None, None] + share[None, :, None] * (1.05 - 0.9 * t[None, None, 1:])
    reach = long[:, None, None] * (1 - 0.38 * share[None, :, None] ** 2) * rng.uniform(0.85, 1.1, (count, barbs, 1))
    step = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * (reach / 4)[..., None]
    start = np.stack([x, y], axis=1)[:, None, None]
    points = start + np.concatenate([np.zeros((count, barbs, 1, 2)), np.cumsum(step, axis=2)], axis=2)
    amount = shading.diffuse(surface, look.light, 0.35, 0.4)
    mixed = look.base + np.clip(patch * 1.6 - 0.3, 0, 1)[:, None] * (look.tip - look.base)
    along = t[None, :, None] ** 2 * (0.0 if look.bars == 0 else 1.0)
    color = mixed[:, None] + along * (look.bar - mixed[:, None])
    color = np.clip(color * rng.uniform(0.88, 1.12, (count, 1, 1)), 0, 1)
    light = amount[:, None] * (0.45 + 0.65 * t[None] ** 0.8)
    color = np.repeat(shading.lit(color, light)[:, None], barbs, axis=1).reshape(-1, 5, 3)
    width = (2.6 / barbs) * np.repeat(long, barbs)[:, None] * np.linspace(0.9, 0.25, 5) * 0.8
    lines = np.asarray(points.reshape(-1, 5, 2), np.float32)
    image[:] = coverage.strokes(size, lines, width, color, np.linspace(1, 0.6, 5), image)


def _along(line: Float, t: Array) -> tuple[Float, Float]:
    """Points and headings of a polyline at shares of its length."""
    at = t * (len(line) - 1)
    x, y = (np.interp(at, np.arange(len(line)), line[:, k]) for k in (0, 1))
    step = np.gradient(line, axis=0)
    heading = np.interp(at, np.arange(len(line)), np.unwrap(np.arctan2(step[:, 1], step[:, 0])))
    return np.asarray(np.stack([x, y], axis=1), np.float32), np.asarray(heading, np.float32)


def _fit(quills: list[Float], size: tuple[int, int], fill: float, rng: np.random.Generator) -> list[Float]:
    """Scale and move quills, with room for their vanes, into the frame."""
    points = np.concatenate(quills)
    low, high = points.min(axis=0) - 0.13, points.max(axis=0) + 0.13
    frame = np.array([size[1], size[0]]) / min(size)
    scale = fill / 0.88 * float(np.min(frame / (high - low)))
    move = (frame - scale * (high - low)) * rng.uniform(0.35, 0.65, 2) - scale * low
    return [np.asarray(quill * scale + move, np.float32) for quill in quills]
