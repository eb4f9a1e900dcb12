"""Human-like busts, abstract and without a face: head, neck and shoulders under thousands of hairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np

from aimkit.bounds import Shares, Within
from aimkit.generators import GeneratorBlock, Range, coverage, draw, generators, noise, shading
from aimkit.generators import body as bodies
from aimkit.generators.body import BodyPart
from aimkit.types import Array, Float, Foreground, ImageType

#: Points of a hair.
_POINTS = 14


class Bust(GeneratorBlock):
    """Parameters of busts; lengths are shares of the head's height.

    Attributes:
        hairs: Number of hairs.
        thickness: Width of a hair at its root, shares of the frame's shorter side.
        waves: Waves along a hair of full length.
        wave: How far waves swing.
        flyaway: Share of hairs that leave their lock.
        fill: Share of the frame that the bust spans.
    """

    hairs: Annotated[Range, Within(100, 30000)] = (6000, 9000)
    thickness: Annotated[Range, Within(0.0002, 0.02)] = (0.0013, 0.0026)
    waves: Annotated[Range, Within(0, 30)] = (0.5, 5.0)
    wave: Annotated[Range, Within(0, 0.5)] = (0.0, 0.09)
    flyaway: Shares = (0.03, 0.14)
    fill: Annotated[Range, Within(0.2, 1)] = (0.8, 0.92)


@dataclass(frozen=True)
class BustStyle:
    """A haircut.

    Attributes:
        length: Length of the hair, in head heights.
        lift: How far the hair stands off before it falls.
        gravity: How soon it falls, 0 (stands on end) to 1.
        curl: Radius of curls, in head heights; 0 for none.
        locks: Hairs in a lock.
        tie: Where it is gathered (a bun or a tail), or None.
    """

    length: float
    lift: float
    gravity: float
    curl: float
    locks: int
    tie: tuple[float, float] | None = None


@generators.register("bust", type=ImageType.SO, category="portrait", params=Bust, bound=0.02)
def bust(params: Bust, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """A bust cut by the bottom of the frame: smooth skin, folded clothes, and hair of some style.

    Hair grows from the scalp away from a parting, falls under gravity round the head, waves, gathers in locks and
    loses single hairs; it is drawn behind the head, then in front. Light follows Kajiya and Kay (1989).
    """
    style = _style(rng)
    body, scalp = _figure(size, draw(rng, params.fill), style, rng)
    shoulders, neck, ears, head = body.groups
    work = noise.working_size(size)
    x, y = noise.grid(work)
    light = shading.light(rng)
    skin = shading.lch(rng.uniform(0.4, 0.85), rng.uniform(0.04, 0.085), rng.uniform(0.11, 0.17))
    cloth = shading.palette(rng, 3, lightness=(0.25, 0.9), chroma=(0.01, 0.17), spread=0.3)
    hair = _hair_color(rng)
    torso, throat, lobes, face = (
        bodies.distance(group, x, y, blend)
        for group, blend in ((shoulders, 0.1), (neck, 0.03), (ears, 0.01), (head, 0.12))
    )
    # The neckline: clothes leave out a scoop around the foot of the neck.
    scoop = _neckline(neck[0], rng)
    opening = bodies.distance(scoop, x, y, 0.02)
    clothed = np.maximum(torso, -opening)
    strands = _hairs(params, style, scalp, hair, light, rng)
    image = np.zeros((*size, 4), np.float32)
    back = strands.depth < 0
    _draw_hair(image, strands, back, 0.62, rng)
    _skin(image, np.minimum(throat, np.maximum(torso, opening - 0.02)), skin, light, [face])
    _clothes(image, clothed, cloth, light, [face], rng)
    _skin(image, lobes, skin, light, [face])
    _skin(image, face, skin, light, [])
    _cap(image, scalp, hair, size)
    if style.tie is not None:
        _bun(image, scalp, style, hair, light, params, rng)
    _draw_hair(image, strands, ~back, 1.0, rng)
    return coverage.foreground(image, ImageType.SO, "portrait")


def _style(rng: np.random.Generator) -> BustStyle:
    name = str(rng.choice(["long", "long", "bob", "short", "afro", "curly", "bun", "spiky"]))
    return {
        "long": BustStyle(rng.uniform(1.1, 1.9), 0.3, rng.uniform(0.75, 1.0), 0.0, 26),
        "bob": BustStyle(rng.uniform(0.7, 1.0), 0.3, 0.9, 0.0, 24),
        "short": BustStyle(rng.uniform(0.16, 0.32), 0.6, rng.uniform(0.3, 0.8), 0.0, 12),
        "afro": BustStyle(rng.uniform(0.35, 0.65), 1.0, 0.05, rng.uniform(0.03, 0.06), 7),
        "curly": BustStyle(rng.uniform(0.7, 1.3), 0.6, 0.65, rng.uniform(0.03, 0.06), 30),
        "bun": BustStyle(rng.uniform(0.3, 0.5), 0.1, 0.2, 0.0, 16, (rng.normal(0, 0.12), -0.62)),
        "spiky": BustStyle(rng.uniform(0.25, 0.45), 1.0, 0.0, 0.0, 30),
    }[name]


def _figure(
    size: tuple[int, int], fill: float, style: BustStyle, rng: np.random.Generator
) -> tuple[bodies.Body, BodyPart]:
    """Shoulders, neck and head in the frame, and the ellipse of the scalp."""
    wide, slope = rng.uniform(0.95, 1.35), rng.uniform(0.5, 0.62)
    drop = rng.uniform(1.12, 1.28)
    shoulders = [BodyPart(0, drop + 0.1, wide, slope, power=2.4), BodyPart(0, drop + 0.6, wide * 0.92, 0.9, power=4),
                 BodyPart(0, drop - 0.36, 0.42, 0.26)]  # fmt: skip
    tilt, shift = rng.normal(0, 0.12), rng.normal(0, 0.04)
    neck = [BodyPart(shift * 0.5, 0.58, rng.uniform(0.19, 0.24), 0.55, power=3)]
    slim = rng.uniform(0.34, 0.4)
    head = [
        BodyPart(shift, -0.1, slim, 0.42, tilt),
        BodyPart(shift - 0.26 * np.sin(tilt), 0.16, slim * 0.84, 0.36, tilt),
    ]
    ears = [BodyPart(shift + side * slim * 0.98, 0.06, 0.055, 0.1, tilt + 0.15 * side) for side in (-1, 1)]
    room = 0.15 + (style.length if style.gravity < 0.4 else 0.2 * style.lift)
    crown = [BodyPart(shift, -0.3, 0.5 + 0.7 * room, 0.3 + room)]
    scalp = BodyPart(shift + 0.06 * np.sin(tilt), -0.12, slim * 1.03, 0.43, tilt)
    # The crown reserves room for the hair; it is placed with the rest and then dropped.
    placed = bodies.place(bodies.Body([shoulders, neck, ears, head, crown], [scalp], []), size, rng, fill, cut=0.32)
    return bodies.Body(placed.groups[:4], [], []), placed.eyes[0]


def _hair_color(rng: np.random.Generator) -> Float:
    """Root and tip of the hair, (2, 3): black, brown, red, blond, grey, white, or dyed."""
    light, chroma, hue = [
        (0.22, 0.015, 0.14), (0.34, 0.04, 0.14), (0.45, 0.065, 0.14), (0.5, 0.11, 0.12), (0.75, 0.085, 0.21),
        (0.65, 0.005, 0.6), (0.92, 0.012, 0.2), (0.6, 0.15, rng.random()),
    ][int(rng.integers(8))]  # fmt: skip
    light = float(np.clip(light + rng.normal(0, 0.05), 0.18, 0.95))
    tip = light + rng.uniform(-0.02, 0.12)
    return shading.lch(np.array([light, tip]), chroma, hue)


def _neckline(neck: BodyPart, rng: np.random.Generator) -> list[BodyPart]:
    """The opening of the clothes: where the neck comes out, and a round or deep scoop below."""
    scoop = BodyPart(neck.x, neck.y + 0.08 * neck.ry, neck.rx * rng.uniform(1.1, 1.6), neck.ry * rng.uniform(0.25, 0.7))
    return [scoop, BodyPart(neck.x, neck.y - 0.4 * neck.ry, neck.rx * 1.03, 0.6 * neck.ry, power=3)]


def _skin(image: Float, d: Float, color: Float, light: Float, above: list[Float]) -> None:
    # Blurred, or the ridge along a limb's axis would show.
    height = cv2.GaussianBlur(bodies.bulge(d, max(float(-d.min()), 0.02)), (0, 0), 5)
    normal = shading.normals(np.asarray(height, np.float32))
    amount = shading.diffuse(normal, light, 0.3, 0.35)
    for front in above:
        amount = amount * (1 - 0.5 * np.exp(-np.clip(front, 0, None) / 0.05))
    lit = shading.lit(color, amount, 0.06 * shading.specular(normal, light, 14))
    _paint(image, d, lit)


def _clothes(image: Float, d: Float, colors: Float, light: Float, above: list[Float], rng: np.random.Generator) -> None:
    """Cloth with folds and a pattern: plain, stripes, checks or a print."""
    work = d.shape
    x, y = noise.grid((work[0], work[1]))
    folds = noise.fbm((work[0], work[1]), rng, 3, 3, stretch=(1.0, 3.0), ridged=True)
    height = cv2.GaussianBlur(bodies.bulge(d, 0.25), (0, 0), 4) + 0.022 * folds
    normal = shading.normals(cv2.GaussianBlur(height.astype(np.float32), (0, 0), 1.5))
    amount = shading.diffuse(normal, light, 0.25, 0.3)
    for front in above:
        amount = amount * (1 - 0.4 * np.exp(-np.clip(front, 0, None) / 0.05))
    pattern = str(rng.choice(["plain", "plain", "stripes", "checks", "print"]))
    rate, bent = rng.uniform(8, 24), 0.05 * folds
    across, along = np.sin(2 * np.pi * rate * (x + bent)), np.sin(2 * np.pi * rate * (y + bent))
    if pattern == "stripes":
        share = np.clip(3 * along + 0.5, 0, 1)
    elif pattern == "checks":
        share = 0.5 * np.clip(3 * along + 0.5, 0, 1) + 0.5 * np.clip(3 * across + 0.5, 0, 1)
    elif pattern == "print":
        share = np.clip(6 * (noise.fbm((work[0], work[1]), rng, 12, 2) - 0.6), 0, 1)
    else:
        share = np.zeros_like(x)
    first, second = colors[rng.permutation(3)[:2]]
    _paint(image, d, shading.lit(first + share[..., None] * (second - first), amount))


def _cap(image: Float, scalp: BodyPart, hair: Float, size: tuple[int, int]) -> None:
    """The scalp under the hair: the upper part of the skull, in the hair's colour."""
    turn = np.linspace(np.pi, 2 * np.pi, 60)
    c, s = np.cos(scalp.angle), np.sin(scalp.angle)
    u = np.append(1.0 * np.cos(turn), np.linspace(0.95, -0.95, 20))
    v = np.append(1.0 * np.sin(turn), -0.32 - 0.22 * np.cos(np.linspace(-1, 1, 20) * np.pi / 2))
    points = np.stack([scalp.x + c * u * scalp.rx - s * v * scalp.ry, scalp.y + s * u * scalp.rx + c * v * scalp.ry], 1)
    coverage.fill(image, points, shading.lit(hair[0], 0.4))


@dataclass(frozen=True)
class _Strands:
    """Hairs as polylines with light: points (n, P, 2), width (n, P), color (n, P, 3), opacity (P,), depth (n,)."""

    points: Float
    width: Float
    color: Float
    opacity: Float
    depth: Float


def _hairs(
    params: Bust, style: BustStyle, scalp: BodyPart, hair: Float, light: Float, rng: np.random.Generator
) -> _Strands:
    count = round(draw(rng, params.hairs) * (1.3 if style.length < 0.7 else 1.0))
    unit = 2 * scalp.ry
    # Roots on the upper part of an ellipsoid: u right, v down, w towards the viewer.
    w = rng.uniform(-1, 1, count)
    around = rng.uniform(0, 2 * np.pi, count)
    u, v = np.sqrt(1 - w * w) * np.cos(around), np.sqrt(1 - w * w) * np.sin(around)
    hairline = np.where(w > 0, -0.42 + 0.25 * np.abs(u) ** 2, 0.35)
    flip = v > hairline
    v = np.where(flip, -np.abs(v), v)
    fine = v <= hairline
    u, v, w, count = u[fine], v[fine], w[fine], int(fine.sum())
    normal = np.stack([u, v, w], axis=1)
    along = np.linspace(0, 1, _POINTS)
    length = unit * style.length * np.clip(rng.normal(1, 0.12, count), 0.5, 1.5)
    path = _fall(normal, length, style, scalp, rng)
    stray = rng.random(count) < draw(rng, params.flyaway)
    path = _wave(path, length / unit, unit, style, params, stray, rng)
    path = _gather(path, normal, style, stray, rng)
    c, s = np.cos(scalp.angle), np.sin(scalp.angle)
    local = path[..., :2]
    upright = np.clip(1 - 2 * along, 0, 1)[None, :, None]
    tilted = local @ np.array([[c, s], [-s, c]])
    points = local + upright * (tilted - local) + np.array([scalp.x, scalp.y])
    tangent = np.gradient(path, axis=1)
    tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True) + 1e-9
    sine = np.sqrt(np.clip(1 - (tangent @ light) ** 2, 0, 1))
    facing = np.clip(normal @ light * 0.5 + 0.5, 0, 1)[:, None]
    lock = 1 + 0.13 * rng.standard_normal((count, 1))
    amount = (0.35 + 0.65 * facing) * (0.35 + 0.65 * sine) * (0.62 + 0.38 * np.minimum(along / 0.3, 1)) * lock * 1.25
    gloss = 0.28 * sine**40 * facing * np.clip(lock - 0.6, 0, 1) * (0.2 + hair.mean())
    tone = hair[0] + along[None, :, None] * (hair[1] - hair[0])
    tone = np.clip(tone * (1 + 0.12 * rng.standard_normal((count, 1, 1))), 0, 1)
    thick = draw(rng, params.thickness) * rng.uniform(0.6, 1.3, (count, 1))
    width = thick * np.where(stray[:, None], 0.6, 1.0) * np.clip(1.03 - along**2.5, 0.03, 1)
    opacity = 1 - 0.5 * along**3
    return _Strands(
        np.asarray(points, np.float32), np.asarray(width, np.float32),
        shading.lit(tone, np.clip(amount, 0.05, 1.6), gloss), np.asarray(opacity, np.float32),
        np.asarray(w - 0.15, np.float32),
    )  # fmt: skip


def _fall(normal: Array, length: Array, style: BustStyle, scalp: BodyPart, rng: np.random.Generator) -> Float:
    """Hair as (n, P, 3) around the centre of the skull: it sets out along the scalp and falls past it."""
    radii = np.array([scalp.rx, scalp.ry, scalp.rx])
    part = rng.normal(0, 0.35)
    away = np.stack([normal[:, 0] - part, np.full(len(normal), -0.1), 0.6 * normal[:, 2]], axis=1)
    away += 0.12 * rng.standard_normal(away.shape)
    heading = style.lift * normal + (1 - style.lift) * away
    if style.tie is not None:
        # Drawn back to the tie, close to the skull.
        goal = np.array([style.tie[0] * 2 * scalp.ry, style.tie[1] * 2 * scalp.ry, -0.1])
        heading = goal - normal * radii
        length = np.linalg.norm(heading, axis=1) * 0.95
    heading /= np.linalg.norm(heading, axis=1, keepdims=True) + 1e-9
    step = (length / (_POINTS - 1))[:, None]
    down = np.array([0.0, 1.0, 0.0])
    points = [normal * radii]
    for k in range(1, _POINTS):
        pull = style.gravity * min(1.0, 0.16 * k) * 0.55 if style.tie is None else 0.0
        heading = heading * (1 - pull) + down * pull
        heading = heading / (np.linalg.norm(heading, axis=1, keepdims=True) + 1e-9)
        point = points[-1] + heading * step
        # Kept out of the skull, and hanging hair off the face.
        inside = np.linalg.norm(point / radii, axis=1, keepdims=True)
        point = np.where(inside < 1.03, point / np.maximum(inside, 1e-6) * 1.03, point)
        if style.gravity > 0.4 and style.tie is None and style.length > 0.4:
            front = (point[:, 2] > 0) & (point[:, 1] > -0.35 * scalp.ry)
            aside = np.sign(point[:, 0] + 1e-6) * np.maximum(np.abs(point[:, 0]), 0.86 * scalp.rx)
            point[:, 0] = np.where(front, 0.35 * point[:, 0] + 0.65 * aside, point[:, 0])
        points.append(point)
    return np.stack(points, axis=1).astype(np.float32)


def _wave(
    path: Float, length: Array, unit: float, style: BustStyle, params: Bust, stray: Array, rng: np.random.Generator
) -> Float:
    """Waves or curls across the hair, in phase among neighbours."""
    along = np.linspace(0, 1, _POINTS)[None]
    phase = 3.0 * path[:, :1, 0] / unit + 2.0 * path[:, :1, 2] / unit + 0.5 * rng.standard_normal((len(path), 1))
    swing, rate = draw(rng, params.wave) * unit, draw(rng, params.waves)
    if style.curl:
        swing, rate = style.curl * unit, 3.2
        phase = rng.uniform(0, 2 * np.pi, (len(path), 1))
    turn = 2 * np.pi * rate * length[:, None] * along + phase
    grow = np.minimum(along / 0.35, 1) * swing * min(1.0, 1.2 * style.length + 0.15)
    drift = (
        np.where(stray[:, None], rng.normal(0, 0.12, (len(path), 1)), 0.0) * along**1.5 * unit * min(1.0, style.length)
    )
    offset = np.stack([grow * np.sin(turn) + drift, 0.6 * grow * np.cos(turn) - 0.4 * np.abs(drift), 0 * turn], axis=-1)
    return np.asarray(path + offset, np.float32)


def _gather(path: Float, normal: Array, style: BustStyle, stray: Array, rng: np.random.Generator) -> Float:
    """Locks: towards the tip a hair nears the leading hair next to its root."""
    from scipy.spatial import cKDTree

    count = len(path)
    leaders = rng.choice(count, max(count // style.locks, 1), replace=False)
    nearest = leaders[cKDTree(normal[leaders]).query(normal)[1]]
    along = np.linspace(0, 1, _POINTS)[None]
    pull = np.where(stray[:, None], 0.15, rng.uniform(0.45, 0.92, (count, 1))) * along**0.8
    return np.asarray(path + pull[..., None] * (path[nearest] - path), np.float32)


def _draw_hair(image: Float, hair: _Strands, which: Array, gain: float, rng: np.random.Generator) -> None:
    index = np.flatnonzero(which)
    # From the nape forwards; hair near the parting lies on top.
    index = index[np.argsort(hair.depth[index] + 0.15 * rng.standard_normal(len(index)))]
    image[:] = coverage.strokes(
        (image.shape[0], image.shape[1]), hair.points[index], hair.width[index],
        hair.color[index] * np.float32(gain), hair.opacity, image,
    )  # fmt: skip


def _bun(
    image: Float, scalp: BodyPart, style: BustStyle, hair: Float, light: Float, params: Bust, rng: np.random.Generator
) -> None:
    """A ball of wound hair on top: a core, and strands that run round it."""
    assert style.tie is not None
    size = (image.shape[0], image.shape[1])
    radius = 2 * scalp.ry * rng.uniform(0.17, 0.27)
    center = np.array([scalp.x + style.tie[0] * 2 * scalp.ry, scalp.y + style.tie[1] * 2 * scalp.ry])
    mask = coverage.ellipse(size, (center[0], center[1]), (0.94 * radius, 0.86 * radius))
    coverage.paint(image, shading.lit(hair[0], 0.3), mask)
    count = 900
    start, sweep = rng.uniform(0, 2 * np.pi, (count, 1)), rng.uniform(0.8, 2.4, (count, 1))
    angle = start + sweep * np.linspace(0, 1, _POINTS)[None]
    away = np.sqrt(rng.uniform(0.02, 1, (count, 1))) * (
        1 + 0.10 * rng.standard_normal((count, 1)) * np.linspace(0, 1, _POINTS)
    )
    off = np.stack([np.cos(angle) * away, 0.92 * np.sin(angle) * away], axis=-1)
    slope = np.concatenate([off, np.sqrt(np.clip(1 - (off**2).sum(-1, keepdims=True), 0, 1))], axis=-1)
    amount = shading.diffuse(slope, light, 0.3) * (0.75 + 0.35 * np.sin(14 * away)) * rng.uniform(0.8, 1.2, (count, 1))
    tone = np.broadcast_to(hair[1], (*amount.shape, 3))
    color = shading.lit(tone, amount, 0.15 * shading.specular(slope, light, 30))
    width = params.thickness[1] * np.sin(np.pi * np.linspace(0.05, 0.95, _POINTS))
    image[:] = coverage.strokes(size, center + radius * off, width, color, 0.95, image)


def _paint(image: Float, d: Float, color: Float) -> None:
    """A working-size layer onto the image."""
    size = (image.shape[0], image.shape[1])
    full = cv2.resize(color, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    mask = coverage.edge(cv2.resize(d, (size[1], size[0]), interpolation=cv2.INTER_CUBIC), size)
    coverage.paint(image, full, mask)
