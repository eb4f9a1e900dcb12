"""Close views of materials: wood, stone, cloth, foliage, brick, plaster, all lit from the side and photographed.

Each is a height field and an albedo; the light comes from the slope of the height (Lambert) and from a smooth
illumination with shadows across the frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, background_generators, draw
from aimkit.generators.coverage import edge, strokes
from aimkit.generators.noise import fbm, gradient, grid, unit, value_noise
from aimkit.generators.scenery import develop, ramp, shades
from aimkit.generators.shading import to_linear
from aimkit.types import Float


class Material(GeneratorBlock):
    """A material seen from close by.

    Attributes:
        scale: Size of its features, relative to what is usual for it.
        relief: Strength of the light on its relief.
        unevenness: How much the illumination varies across the frame.
    """

    generator: Name = "material"
    scale: Annotated[Range, Within(0.1, 10)] = (0.5, 2.0)
    relief: Annotated[Range, Within(0, 5)] = (0.3, 1.0)
    unevenness: Shares = (0.0, 0.7)


@background_generators.register("material", params=Material)
def material(params: Material, size: tuple[int, int], rng: np.random.Generator) -> Float:
    """Close views of wood, stone, cloth, foliage, brick and plaster."""
    make = _MATERIALS[rng.integers(len(_MATERIALS))]
    light, height = make(size, draw(rng, params.scale), rng)
    angle = rng.uniform(0, 2 * np.pi)
    dx, dy = gradient(height)
    slope = dx * np.float32(np.cos(angle)) + dy * np.float32(np.sin(angle))
    shade = 1 + draw(rng, params.relief) * np.tanh(slope)
    uneven = draw(rng, params.unevenness)
    sweep = np.exp(np.float32(uneven) * value_noise(size, rng, rng.uniform(0.7, 1.6)))
    return develop(light * (shade * sweep)[..., None], rng)


def _turned(size: tuple[int, int], rng: np.random.Generator) -> tuple[Float, Float]:
    """Frame coordinates turned at random by up to a right angle and shifted to be positive."""
    x, y = grid(size)
    turn = np.float32(rng.choice([0, np.pi / 2]) + rng.normal(0, 0.12))
    u, v = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    reach = 1.5 * max(size) / unit(size)
    return np.asarray(u + reach, np.float32), np.asarray(v + reach, np.float32)


def _wood(size: tuple[int, int], scale: float, rng: np.random.Generator) -> tuple[Float, Float]:
    """Boards with annual rings (cones cut lengthwise), fibres and joints."""
    u, v = _turned(size, rng)
    tall = abs(float(v[-1, 0] - v[0, 0])) > 0.5 * size[0] / unit(size)
    stretch = (6.0, 1.0) if tall else (1.0, 6.0)
    board = scale * rng.uniform(0.15, 0.6)
    own = np.floor(v / board)
    within = v / board - own
    shift = _hash(own, rng)
    wander = value_noise(size, rng, 1.2 / scale, stretch)
    rings = np.sin(
        2 * np.pi * ((within + 0.3 * wander) * (4 + 6 * shift) + (u * 0.4 / scale) * (shift - 0.5) + 7 * shift)
    )
    fibre = fbm(size, rng, 20 / scale, 4, gain=0.8, stretch=(stretch[0] * 2.5, stretch[1] * 2.5))
    hue, chroma = rng.uniform(0.11, 0.22), rng.uniform(0.02, 0.11)
    tone = 0.45 + 0.13 * rings + 0.45 * (fibre - 0.5) + 0.35 * (shift - 0.5)
    base = rng.uniform(0.2, 0.6)
    light = ramp(tone, shades([base, base + 0.15, base + 0.35], chroma, [hue - 0.02, hue, hue + 0.02]))
    gap = edge((np.minimum(within, 1 - within) - 0.008) * board, size)
    light *= (1 - 0.85 * gap)[..., None]
    return light, np.asarray(0.012 * fibre + 0.003 * rings, np.float32)


def _stone(size: tuple[int, int], scale: float, rng: np.random.Generator) -> tuple[Float, Float]:
    """Rock, marble or gravelly concrete: fractal noise, ridged veins, specks."""
    body = fbm(size, rng, 2.5 / scale, 9, gain=rng.uniform(0.5, 0.75))
    veins = fbm(size, rng, 1.5 / scale, 6, gain=0.5, ridged=True) ** rng.uniform(2, 8)
    amount = rng.choice([0, 0.5, 1.0])
    hue = rng.uniform(0, 1)
    low, high = np.sort(rng.uniform(0.15, 0.95, 2))
    colors = shades(
        [low, 0.5 * (low + high), high, rng.uniform(0.2, 0.95)], rng.uniform(0, 0.06), hue + rng.normal(0, 0.1, 4)
    )
    light = ramp(np.clip(0.66 * body + amount * (1 - 0.66 * body) * veins, 0, 1), colors)
    return light, 0.06 * scale * body


def _cloth(size: tuple[int, int], scale: float, rng: np.random.Generator) -> tuple[Float, Float]:
    """Woven cloth with folds; plain, striped or checked."""
    u, v = _turned(size, rng)
    folds = value_noise(size, rng, rng.uniform(1, 3), (rng.uniform(1, 4), 1)) * np.float32(rng.uniform(0, 0.08))
    u, v = u + folds, v + folds
    thread = 60 / scale
    weave = np.sin(2 * np.pi * u * thread) * np.sin(2 * np.pi * v * thread)
    # Threads that are finer than two pixels are seen as an even tone.
    weave *= np.float32(np.clip(unit(size) / thread / 3 - 0.7, 0, 1))
    hue, chroma, light = rng.random(), rng.uniform(0.02, 0.17), rng.uniform(0.25, 0.85)
    other = shades(rng.uniform(0.2, 0.9), rng.uniform(0.0, 0.15), rng.random())
    period, share = scale * rng.uniform(0.05, 0.3), rng.uniform(0.15, 0.6)
    stripes = [_band(w, period, share, size) for w in (u, v)]
    pattern = [np.zeros(size, np.float32), stripes[0], 0.5 * (stripes[0] + stripes[1])][rng.integers(3)]
    grain = fbm(size, rng, 40 / scale, 3, gain=0.8)
    colors = ramp(np.asarray(pattern, np.float32), np.stack([shades(light, chroma, hue), other]))
    colors = colors * (0.8 + 0.35 * grain + 0.15 * weave)[..., None]
    return colors, np.asarray(folds * 4 + 0.0012 * weave * scale + 0.004 * grain, np.float32)


def _foliage(size: tuple[int, int], scale: float, rng: np.random.Generator) -> tuple[Float, Float]:
    """Leaves upon leaves, the deeper ones darker; each is two strokes, a half on either side of its midrib."""
    wide, tall = size[1] / unit(size), size[0] / unit(size)
    length = 0.16 * scale
    count = int(np.clip(5 * wide * tall / (0.4 * length**2), 60, 1500))
    hue = rng.normal(0.34, 0.04) if rng.random() < 0.75 else rng.uniform(0.05, 0.25)
    chroma, slender = rng.uniform(0.05, 0.14), rng.uniform(0.2, 0.55)
    depth = np.linspace(0, 1, count)
    angle = rng.uniform(0, 2 * np.pi) + rng.normal(0, rng.uniform(0.3, 2), count)
    t = np.linspace(0, 1, 9)
    long = length * rng.uniform(0.6, 1.2, count)[:, None]
    heading = angle[:, None] + rng.normal(0, 0.25, count)[:, None] * t
    stem = np.stack([np.cos(heading), np.sin(heading)], -1)
    spine = rng.uniform([-0.1, -0.1], [wide + 0.1, tall + 0.1], (count, 2))[:, None]
    spine = spine + np.cumsum(stem, axis=1) * (long / 9)[..., None]
    width = 0.5 * slender * long * np.sin(np.pi * t**0.8) ** 0.8
    side = np.stack([-stem[..., 1], stem[..., 0]], -1) * (width / 2)[..., None]
    tone = 0.12 + 0.5 * depth + rng.normal(0, 0.08, count)
    halves = np.stack([tone + 0.05, tone - 0.05], 1).reshape(-1, 1) + 0.1 * t
    colors = shades(halves, chroma, hue + rng.normal(0, 0.02, (count, 1)).repeat(2, 0))
    points = np.stack([spine - side, spine + side], 1).reshape(-1, 9, 2)
    drawn = strokes(size, points, (width * 1.02).repeat(2, 0), colors)
    soil = ramp(fbm(size, rng, 8, 4), shades([0.08, 0.25], 0.03, hue))
    light = soil * (1 - drawn[..., 3:]) + to_linear(np.clip(drawn[..., :3], 0, 1))
    return light, np.zeros(size, np.float32)


def _brick(size: tuple[int, int], scale: float, rng: np.random.Generator) -> tuple[Float, Float]:
    """Running bond: courses shifted by half a brick, rough faces, recessed mortar; also tiles."""
    u, v = _turned(size, rng)
    wander = np.float32(0.004) * scale * value_noise(size, rng, 8 / scale)
    course, aspect = 0.1 * scale, rng.choice([1.0, 2.2, 3.2])
    row = np.floor((v + wander) / course)
    along = (u + wander) / (course * aspect) + (0.0 if aspect == 1 else 0.5) * (row % 2)
    column = np.floor(along)
    across = (v + wander) / course - row
    joint = rng.uniform(0.03, 0.1)
    reach = np.minimum(
        np.minimum(across, 1 - across) * course, np.minimum(along - column, column + 1 - along) * course * aspect
    )
    face = edge(joint * course - reach, size, 0.006 * scale)
    own = _hash(column + 57 * row, rng)
    rough = fbm(size, rng, 12 / scale, 6, gain=0.7)
    hue = rng.choice([rng.uniform(0.05, 0.15), rng.random()])
    base, chroma = rng.uniform(0.3, 0.75), rng.uniform(0.02, 0.11)
    colors = shades([base - 0.15, base, base + 0.18], chroma, hue + rng.normal(0, 0.03, 3))
    light = ramp(0.5 + 0.6 * (own - 0.5) + 0.7 * (rough - 0.5), colors)
    mortar = ramp(rough, shades([0.45, 0.75], 0.02, rng.uniform(0.1, 0.3)) * rng.uniform(0.5, 1))
    light = mortar + face[..., None] * (light - mortar)
    return light, np.asarray(0.008 * scale * face + 0.01 * scale * rough * (1 + face), np.float32)


def _plaster(size: tuple[int, int], scale: float, rng: np.random.Generator) -> tuple[Float, Float]:
    """A painted wall, paper or sand: nearly one colour, stains, fine grain."""
    stains = fbm(size, rng, 1.5 / scale, 5, gain=0.6)
    grain = fbm(size, rng, 50 / scale, 4, gain=0.85)
    base, hue = rng.uniform(0.25, 0.92), rng.random()
    spread = rng.uniform(0.03, 0.2)
    colors = shades([base - spread, base, base + spread / 2], rng.uniform(0, 0.13), hue + rng.normal(0, 0.02, 3))
    return ramp(0.6 * stains + 0.4 * grain, colors), 0.008 * scale * grain


def _band(u: Float, period: float, share: float, size: tuple[int, int]) -> Float:
    at = u / period - np.floor(u / period)
    return edge((np.abs(at - 0.5) - share / 2) * period, size)


def _hash(key: Float, rng: np.random.Generator) -> Float:
    """A value in [0, 1] of its own for every whole number."""
    table = rng.random(4096, np.float32)
    return table[np.mod(key, 4096).astype(np.int32)]


_MATERIALS: list[Callable[[tuple[int, int], float, np.random.Generator], tuple[Float, Float]]] = [
    _wood,
    _stone,
    _cloth,
    _foliage,
    _brick,
    _plaster,
]
