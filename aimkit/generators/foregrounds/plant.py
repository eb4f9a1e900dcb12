"""Leafy plants: thin stems, leaves with ribs and veins, with or without a pot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from aimkit.bounds import Within
from aimkit.generators import GeneratorBlock, Range, coverage, draw, generators, shading
from aimkit.generators.body import curve
from aimkit.types import Array, Float, Foreground, ImageType

#: Points along a leaf's rib.
_RIB = 9


class Plant(GeneratorBlock):
    """Parameters of plants; lengths are shares of the plant's height.

    Attributes:
        stems: Number of stems.
        leaves: Leaves on a stem.
        leaf: Length of a leaf.
        slender: Width of a leaf relative to its length.
        stem: Width of a stem at its foot.
        fill: Share of the frame that the plant spans.
    """

    stems: Annotated[Range, Within(1, 20)] = (3, 9)
    leaves: Annotated[Range, Within(1, 50)] = (8, 18)
    leaf: Annotated[Range, Within(0.02, 1)] = (0.16, 0.34)
    slender: Annotated[Range, Within(0.05, 1)] = (0.22, 0.6)
    stem: Annotated[Range, Within(0.001, 0.05)] = (0.006, 0.014)
    fill: Annotated[Range, Within(0.2, 1)] = (0.75, 0.92)


@dataclass
class Leaf:
    """A leaf: rib points (n, 2), half width at each on both sides, how much it faces the light, depth (0 far)."""

    rib: Float
    left: Float
    right: Float
    facing: float
    depth: float
    tone: int


@generators.register("plant", type=ImageType.SO, category="plant", params=Plant, bound=0.012)
def plant(params: Plant, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """A leafy plant: arching stems as thin as a pixel, ovate, lance-shaped, lobed or feathered leaves, often a pot.

    Leaves are polygons around a curved rib, darker on the half that turns away and towards the back of the plant.
    """
    kind = str(rng.choice(["bush", "bush", "arching", "fern", "rosette"]))
    pot = bool(rng.random() < 0.65)
    stems, leaves = _grow(kind, params, rng)
    unit_points = np.concatenate([leaf.rib for leaf in leaves] + stems)
    scale, move = _fit(unit_points, size, draw(rng, params.fill), pot, rng)
    light = shading.light(rng)
    greens = shading.lch(
        np.sort(rng.uniform(0.38, 0.78, 3)),
        rng.uniform(0.05, 0.16, 3),
        rng.uniform(0.27, 0.42) + rng.normal(0, 0.02, 3),
    )
    if rng.random() < 0.2:  # red, yellow or purple foliage
        greens = shading.palette(rng, 3, lightness=(0.35, 0.8), chroma=(0.06, 0.16), spread=0.05)
    bark = shading.mix(greens[0], shading.lch(0.42, 0.06, 0.14), rng.random())
    image = np.zeros((*size, 4), np.float32)
    if pot:
        _pot(image, scale, move, light, rng)
    thick = draw(rng, params.stem) * scale
    _stems(image, [stem * scale + move for stem in stems], thick, bark, light)
    variegated = bool(rng.random() < 0.25)
    for leaf in sorted(leaves, key=lambda leaf: leaf.depth):
        leaf.rib = np.asarray(leaf.rib * scale + move, np.float32)
        leaf.left, leaf.right = leaf.left * np.float32(scale), leaf.right * np.float32(scale)
        _leaf(image, leaf, greens[leaf.tone], light, variegated, rng)
    return coverage.foreground(image, ImageType.SO, "plant")


def _grow(kind: str, params: Plant, rng: np.random.Generator) -> tuple[list[Float], list[Leaf]]:
    """Stems and leaves around the foot (0, 0), growing to negative y, about one unit high."""
    stems: list[Float] = []
    leaves: list[Leaf] = []
    slender, long = draw(rng, params.slender), draw(rng, params.leaf)
    shape = rng.uniform(0.5, 1.4), rng.uniform(0.7, 1.3)
    lobes = float(rng.choice([0, 0, rng.uniform(0.1, 0.3)]))
    count = round(draw(rng, params.stems))
    if kind == "rosette":
        for k in range(3 * count + 8):
            lean = rng.normal(0, 0.85)
            rib = curve(
                (rng.normal(0, 0.02), 0), lean - np.pi / 2, lean * rng.uniform(0.2, 1.4), rng.uniform(0.55, 1.0), _RIB
            )
            leaves.append(_blade(rib, 0.35 * slender, shape, 0.0, k / 60 + rng.random(), rng))
        return stems, leaves
    for k in range(count if kind != "fern" else 2 * count):
        lean = np.linspace(-1, 1, count)[k % count] * rng.uniform(0.3, 0.8) + rng.normal(0, 0.12)
        bend = lean * rng.uniform(-0.3, 1.0) if kind == "bush" else lean * rng.uniform(0.8, 2.2)
        stem = curve((rng.normal(0, 0.04), 0), lean - np.pi / 2, bend, rng.uniform(0.65, 1.05), 17)
        stems.append(stem)
        depth = rng.random()
        number = round(draw(rng, params.leaves)) * (3 if kind == "fern" else 1)
        for i in range(number):
            at = 0.16 + 0.84 * (i + 1) / number
            foot, heading = _along(stem, at)
            side = 1 if i % 2 else -1
            last = i == number - 1
            angle = heading + (0.0 if last else side * rng.uniform(0.6, 1.25) * (1.15 - 0.5 * at))
            if kind == "fern":
                size, narrow = 0.75 * long * np.sin(np.pi * (0.12 + 0.86 * at)) ** 0.8 + 0.03, 0.6 * slender
            else:
                size, narrow = long * rng.uniform(0.6, 1.1) * (1.1 - 0.5 * at), slender
                if not last:  # a stalk
                    stalk = curve((foot[0], foot[1]), angle, 0.0, 0.2 * size, 3)
                    stems.append(np.asarray(stalk, np.float32))
                    foot = stalk[-1]
            rib = curve((foot[0], foot[1]), angle, rng.normal(0, 0.35) + 0.35 * np.cos(angle), size, _RIB)
            leaves.append(_blade(rib, narrow, shape, lobes if kind == "bush" else 0.0, depth + 0.5 * rng.random(), rng))
    return stems, leaves


def _blade(
    rib: Float, slender: float, shape: tuple[float, float], lobes: float, depth: float, rng: np.random.Generator
) -> Leaf:
    """A leaf on a rib; turned about it at random, which narrows one half more than the other."""
    long = float(np.linalg.norm(np.diff(rib, axis=0), axis=1).sum())
    t = np.linspace(0, 1, _RIB)
    profile = t ** shape[0] * (1 - t) ** shape[1]
    profile = profile / profile.max() * (1 + lobes * np.sin(6 * np.pi * t))
    facing = rng.uniform(-1, 1)
    width = 0.5 * long * slender * profile
    turn = np.clip(rng.normal(0, 0.35), -0.75, 0.75)
    return Leaf(
        rib, np.asarray(width * (1 - turn), np.float32), np.asarray(width * (1 + turn), np.float32),
        facing, depth, int(rng.integers(3)),
    )  # fmt: skip


def _leaf(image: Float, leaf: Leaf, color: Float, light: Float, variegated: bool, rng: np.random.Generator) -> None:
    fine, normal = _smooth(leaf.rib)
    t = np.linspace(0, 1, len(fine))
    at = np.linspace(0, 1, len(leaf.rib))
    left = fine + normal * np.interp(t, at, leaf.left)[:, None]
    right = fine - normal * np.interp(t, at, leaf.right)[:, None]
    shade = 0.4 + 0.6 * np.clip(leaf.depth, 0, 1)
    own = shading.jitter(color, rng, 0.035)
    tip = shading.jitter(own, rng, 0.05)
    tones = []
    for side in (1.0, -1.0):
        facing = np.clip(0.62 + 0.3 * leaf.facing + 0.3 * side * float(normal[len(fine) // 2] @ light[:2]), 0.25, 1.2)
        tones.append((shading.lit(own, shade * facing), shading.lit(tip, shade * facing, 0.03)))
    outline = np.concatenate([left, right[::-1]])
    coverage.fill(image, outline, tones[0][0], fade=(fine[0], fine[-1], tones[0][1]))
    half = np.concatenate([fine, right[::-1]])
    coverage.fill(image, half, tones[1][0], fade=(fine[0], fine[-1], tones[1][1]))
    pale = shading.mix(own, np.array([0.93, 0.95, 0.8]), 0.25)
    if variegated:
        inner = np.concatenate([fine + 0.45 * (left - fine), (fine + 0.45 * (right - fine))[::-1]])
        cream = shading.lit(shading.mix(own, np.array([0.95, 0.94, 0.78]), 0.65), shade)
        coverage.fill(image, inner, cream)
    _veins(image, fine, left, right, shading.lit(pale, shade))


def _veins(image: Float, rib: Array, left: Array, right: Array, color: Float) -> None:
    """The rib and its side veins, which stop short of the rim."""
    long = float(np.linalg.norm(rib[-1] - rib[0]))
    foot = np.arange(3, len(rib) - 5, 3)
    start = rib[foot, None]
    end = start + 0.85 * (np.stack([left, right], axis=1)[np.minimum(foot + 3, len(rib) - 1)] - start)
    sides = _lines(np.broadcast_to(start, end.shape).reshape(-1, 2), end.reshape(-1, 2), 5)
    lines = np.concatenate([sides, rib[None, np.linspace(0, len(rib) - 1, 5).astype(int)]])
    widths = np.concatenate([np.tile(np.linspace(0.010, 0.002, 5), (len(sides), 1)), [np.linspace(0.02, 0.003, 5)]])
    top, bottom = np.minimum(left, right).min(axis=0), np.maximum(left, right).max(axis=0)
    _in_window(image, lines, widths * long, color, top, bottom)


def _lines(start: Array, end: Array, count: int) -> Array:
    """Points of straight lines, (N, count, 2): to the last bit those of ``np.linspace`` for each line of its own."""
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    way, at = (end - start)[:, None], np.arange(count)[None, :, None]
    step = way / (count - 1)
    points = np.where((step == 0).any(axis=2, keepdims=True), at / (count - 1) * way, at * step) + start[:, None]
    points[:, -1] = end
    return points


def _in_window(image: Float, lines: Array, widths: Array, color: Float, low: Array, high: Array) -> None:
    """Draw strokes on the part of the image between two corners only."""
    per = min(image.shape[:2])
    x0, y0 = np.maximum(np.floor(low * per).astype(int) - 2, 0)
    x1, y1 = np.ceil(high * per).astype(int) + 3
    window = image[y0:y1, x0:x1]
    if window.size == 0:
        return
    # Frame units are those of the window's own shorter side.
    scale = per / min(window.shape[:2])
    shifted = (lines - np.array([x0, y0]) / per) * scale
    window[:] = coverage.strokes((window.shape[0], window.shape[1]), shifted, widths * scale, color, base=window)


def _stems(image: Float, stems: list[Float], thick: float, color: Float, light: Float) -> None:
    """Stems with a lit side: a dark stroke and a lighter, thinner one on it."""
    for stem in stems:
        main = len(stem) > 3
        width = np.linspace(thick, 0.35 * thick, len(stem)) if main else np.full(len(stem), 0.4 * thick)
        shift = light[:2] * width[:, None] * 0.18
        lines = np.stack([stem, stem + shift])
        tones = np.stack([shading.lit(color, 0.45), shading.lit(color, 1.0)])
        pad = 2 * thick
        low, high = stem.min(axis=0) - pad, stem.max(axis=0) + pad
        _in_window(image, lines, np.stack([width, 0.5 * width]), tones[:, None], low, high)


def _pot(image: Float, scale: float, move: Array, light: Float, rng: np.random.Generator) -> None:
    """A round pot below the foot: a tapered cylinder with a rim, shaded across."""
    wide, high, taper = rng.uniform(0.14, 0.24), rng.uniform(0.22, 0.32), rng.uniform(0.6, 0.95)
    rim_high = rng.uniform(0.03, 0.07)
    color = shading.lch(rng.uniform(0.4, 0.9), rng.uniform(0.0, 0.12), rng.choice([0.1, 0.14, rng.random()]))
    turn = np.linspace(0, np.pi, 25)
    for top, bottom, above, below in ((0.05, high, wide, wide * taper), (0.0, rim_high, wide * 1.1, wide * 1.08)):
        low = np.stack([np.cos(turn) * below, bottom + 0.22 * below * np.sin(turn)], axis=1)
        up = np.stack([np.cos(turn[::-1]) * above, top - 0.22 * above * np.sin(turn)], axis=1)
        outline = np.concatenate([low, up]) * scale + move
        _cylinder(image, outline, (move[0] - above * scale, move[0] + above * scale), color, light)
    ring = np.stack([np.cos(np.linspace(0, 2 * np.pi, 64)), 0.22 * np.sin(np.linspace(0, 2 * np.pi, 64))], axis=1)
    coverage.fill(image, ring * wide * 1.02 * scale + move, np.array([0.16, 0.11, 0.08]))


def _cylinder(image: Float, outline: Array, span: tuple[float, float], color: Float, light: Float) -> None:
    size = (image.shape[0], image.shape[1])
    x = ((np.arange(size[1]) + 0.5) / min(size) - span[0]) / (span[1] - span[0]) * 2 - 1
    nx = np.clip(x, -1, 1).astype(np.float32)
    normal = np.stack([nx, np.zeros_like(nx), np.sqrt(1 - nx * nx)], axis=-1)
    row = shading.lit(
        color,
        shading.diffuse(normal, light, 0.25),
        0.2 * shading.specular(normal, light, 20),
    )
    coverage.paint(image, np.broadcast_to(row[None], (*size, 3)), coverage.polygon(size, outline))


def _along(line: Float, t: float) -> tuple[Float, float]:
    """Point and heading of a polyline at a share of its length."""
    at = t * (len(line) - 1)
    i = min(int(at), len(line) - 2)
    step = line[i + 1] - line[i]
    return np.asarray(line[i] + (at - i) * step, np.float32), float(np.arctan2(step[1], step[0]))


def _smooth(rib: Float) -> tuple[Float, Float]:
    """A rib at 25 points, and the unit normals there."""
    t = np.linspace(0, len(rib) - 1, 25)
    fine = np.stack([np.interp(t, np.arange(len(rib)), rib[:, k]) for k in (0, 1)], axis=1)
    step = np.gradient(fine, axis=0)
    step /= np.linalg.norm(step, axis=1, keepdims=True) + 1e-12
    return np.asarray(fine, np.float32), np.asarray(np.stack([-step[:, 1], step[:, 0]], axis=1), np.float32)


def _fit(points: Array, size: tuple[int, int], fill: float, pot: bool, rng: np.random.Generator) -> tuple[float, Float]:
    """Scale and shift that bring the plant, and the pot under its foot, into the frame."""
    low, high = points.min(axis=0) - 0.04, points.max(axis=0) + 0.04
    if pot:
        low, high = np.minimum(low, [-0.27, 0]), np.maximum(high, [0.27, 0.4])
    frame = np.array([size[1], size[0]]) / min(size)
    scale = fill * float(np.min(frame / (high - low)))
    free = frame - scale * (high - low)
    return scale, np.asarray(free * rng.uniform(0.35, 0.65, 2) - scale * low, np.float32)
