"""Toys put together from simple solids: robots, cars, towers, ring stacks, jointed figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import cv2
import numpy as np

from aimkit.bounds import Shares, Within
from aimkit.generators import GeneratorBlock, Range, coverage, draw, generators, noise, shading
from aimkit.types import Array, Float, Foreground, ImageType

#: Corners of a solid's outline.
_CORNERS = 96


class Toy(GeneratorBlock):
    """Parameters of toys.

    Attributes:
        gloss: Strength of the highlights.
        wear: Contrast of stains and scratches.
        grain: Contrast of wood grain, on wooden toys.
        fill: Share of the frame that the toy spans.
    """

    gloss: Annotated[Range, Within(0, 2)] = (0.15, 0.8)
    wear: Shares = (0.0, 0.15)
    grain: Shares = (0.05, 0.25)
    fill: Annotated[Range, Within(0.2, 1)] = (0.68, 0.88)


Shape = Literal["ball", "box", "barrel", "cone", "ring", "rod"]


@dataclass(frozen=True)
class Solid:
    """A solid seen from the side.

    Attributes:
        shape: What it is.
        x: Centre.
        y: Centre.
        rx: Half its width.
        ry: Half its height.
        color: Number of its colour; -1 is black rubber, -2 ivory, -3 metal.
        angle: Turn in radians.
    """

    shape: Shape
    x: float
    y: float
    rx: float
    ry: float
    color: int = 0
    angle: float = 0.0


@generators.register("toy", type=ImageType.SO, category="toy", params=Toy, bound=0.01)
def toy(params: Toy, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """A toy of balls, boxes, barrels, cones, rings and rods, in wood or plastic, with contact shadows.

    Every solid has an exact outline, normals by its own formula, diffuse and mirror light (Blinn 1977), and darkens
    what lies behind it close to its outline.
    """
    solids = _KINDS[int(rng.integers(len(_KINDS)))](rng)
    solids = _fit(solids, size, draw(rng, params.fill), rng)
    light = shading.light(rng)
    wooden = bool(rng.random() < 0.35)
    if wooden and rng.random() < 0.5:
        colors = shading.lch(rng.uniform(0.5, 0.85, 6), rng.uniform(0.05, 0.1, 6), rng.uniform(0.15, 0.22, 6))
    else:
        colors = shading.lch(rng.uniform(0.4, 0.88, 6), rng.uniform(0.06, 0.2, 6), rng.random() + np.arange(6) * 0.62)
    grain = draw(rng, params.grain) if wooden else 0.0
    gloss, wear = draw(rng, params.gloss) * (0.5 if wooden else 1.0), draw(rng, params.wear)
    stains = noise.fbm(noise.working_size(size), rng, 5, 4)
    streaks = noise.fbm(noise.working_size(size), rng, 26, 3, stretch=(1.0, 9.0))
    texture = np.asarray(1 + wear * (stains - 0.5) * 2 + grain * (streaks - 0.5) * 2, np.float32)
    texture = np.asarray(cv2.resize(texture, size[::-1], interpolation=cv2.INTER_CUBIC), np.float32)
    plain = np.ones_like(texture)
    image = np.zeros((*size, 4), np.float32)
    for solid in solids:
        fixed = {-1: (0.08, 0.08, 0.085), -2: (0.93, 0.9, 0.84), -3: (0.6, 0.61, 0.64)}
        color = np.array(fixed[solid.color], np.float32) if solid.color < 0 else colors[solid.color % 6]
        _draw(image, solid, color, light, gloss, texture if solid.color >= 0 else plain)
    return coverage.foreground(image, ImageType.SO, "toy")


def _draw(image: Float, solid: Solid, color: Float, light: Float, gloss: float, texture: Float) -> None:
    """Contact shadow, then the solid."""
    size = (image.shape[0], image.shape[1])
    mask = coverage.polygon(size, _outline(solid))
    if solid.shape == "ring":
        mask = mask - coverage.polygon(size, _outline(replace(solid, rx=0.55 * solid.rx, ry=0.55 * solid.ry)))
    per = noise.unit(size)
    # A margin for the contact shadow.
    corners = _outline(solid)
    (x0, y0), (x1, y1) = corners.min(axis=0) - 0.04, corners.max(axis=0) + 0.04
    top, left = max(int(y0 * per), 0), max(int(x0 * per), 0)
    rows, cols = slice(top, max(int(y1 * per) + 2, top)), slice(left, max(int(x1 * per) + 2, left))
    window, cover = image[rows, cols], mask[rows, cols]
    if window.size == 0:
        return
    # What lies behind gets less light close to the outline, most on the side away from the light.
    shift = np.array([[1, 0, -light[0] * 0.012 * per], [0, 1, -light[1] * 0.012 * per]], np.float32)
    moved = cv2.warpAffine(cover, shift, (cover.shape[1], cover.shape[0]))
    window[..., :3] *= 1 - 0.5 * _soft(moved, 0.012 * per)[..., None]
    y, x = np.indices(cover.shape, np.float32)
    x, y = (x + left + 0.5) / per - solid.x, (y + top + 0.5) / per - solid.y
    c, s = np.cos(solid.angle), np.sin(solid.angle)
    u, v = (c * x + s * y) / solid.rx, (c * y - s * x) / solid.ry
    nx, ny = _slopes(solid.shape, u, v)
    flat = np.stack([c * nx - s * ny, s * nx + c * ny, np.sqrt(np.clip(1 - nx * nx - ny * ny, 0.01, 1))], axis=-1)
    normal = flat / np.linalg.norm(flat, axis=-1, keepdims=True)
    amount = shading.diffuse(normal, light, 0.28, 0.2) * texture[rows, cols]
    # A window's reflection: sharp, beside the soft highlight; and a rim of sky.
    shine = gloss * (0.75 * shading.specular(normal, light, 90) + 0.18 * shading.specular(normal, light, 12))
    rim = 0.12 * gloss * (1 - normal[..., 2]) ** 3 * (normal[..., 1] < 0)
    coverage.paint(window, shading.lit(color, amount, shine + rim), cover)


def _soft(mask: Array, sigma: float) -> Float:
    """Gaussian blur; a wide one on a smaller copy, which looks the same and costs a fraction."""
    factor = max(int(sigma / 3), 1)
    size = (max(mask.shape[1] // factor, 1), max(mask.shape[0] // factor, 1))
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    return np.asarray(cv2.resize(small, mask.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _outline(solid: Solid) -> Float:
    """Corners of the silhouette, (n, 2)."""
    turn = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    x, y = np.cos(turn), np.sin(turn)
    if solid.shape in ("box", "barrel", "rod"):
        # A superellipse of the same corner radius in both directions.
        power = {"box": 0.16, "barrel": 0.22, "rod": 0.5}[solid.shape]
        x, y = np.sign(x) * np.abs(x) ** power, np.sign(y) * np.abs(y) ** power
    elif solid.shape == "cone":
        t = np.linspace(0, 1, 24)
        base = np.stack([np.cos(np.pi * t), 0.86 + 0.14 * np.sin(np.pi * t)], axis=1)
        tip = np.stack([-0.08 * np.cos(np.pi * t), -0.92 - 0.08 * np.sin(np.pi * t)], axis=1)
        x, y = np.concatenate([base, tip]).T
    c, s = np.cos(solid.angle), np.sin(solid.angle)
    x, y = x * solid.rx, y * solid.ry
    return np.stack([solid.x + c * x - s * y, solid.y + s * x + c * y], axis=1).astype(np.float32)


def _slopes(shape: Shape, u: Array, v: Array) -> tuple[Array, Array]:
    """x and y of the normal at relative positions in [-1, 1]."""
    if shape == "ball":
        r = np.maximum(np.hypot(u, v), 1e-6)
        k = np.minimum(r, 0.99) / r
        return u * k, v * k
    if shape == "ring":
        r = np.maximum(np.hypot(u, v), 1e-6)
        k = np.clip((r - 0.775) / 0.225, -0.95, 0.95) / r
        return u * k, v * k
    if shape == "cone":
        wide = np.maximum(0.08 + 0.46 * (v + 1), 0.05)
        return np.clip(0.9 * u / wide, -0.95, 0.95), np.full_like(v, -0.25)
    if shape in ("barrel", "rod"):
        return np.clip(u, -0.97, 0.97), 0.8 * np.sign(v) * np.clip(np.abs(v) - 0.85, 0, 0.15) / 0.15 * 0.6
    edge_x, edge_y = np.clip(np.abs(u) - 0.86, 0, 0.14) / 0.14, np.clip(np.abs(v) - 0.86, 0, 0.14) / 0.14
    return 0.06 * u + 0.66 * np.sign(u) * edge_x, 0.06 * v + 0.66 * np.sign(v) * edge_y


def _robot(rng: np.random.Generator) -> list[Solid]:
    wide, tall, head = rng.uniform(0.4, 0.6), rng.uniform(0.45, 0.6), rng.uniform(0.26, 0.4)
    limb: Shape = rng.choice(["rod", "barrel"])
    lift = rng.uniform(-0.5, 0.9, 2)
    solids = []
    for side, raised in zip((-1, 1), lift, strict=True):
        solids += [
            Solid(limb, side * 0.5 * wide, tall + 0.3, 0.13, 0.32, 1),
            Solid("box", side * 0.55 * wide, tall + 0.62, 0.2, 0.1, 2),
            Solid(
                limb,
                side * (wide + 0.12 + 0.2 * np.sin(raised)),
                -0.3 + 0.2 * np.cos(raised),
                0.1,
                0.32,
                1,
                -side * raised,
            ),
            Solid("ball", side * (wide + 0.12 + 0.5 * np.sin(raised)), -0.3 + 0.5 * np.cos(raised), 0.14, 0.14, 3),
            Solid("ball", side * (wide + 0.05), -0.32, 0.13, 0.13, 3),
        ]
    skull: Shape = rng.choice(["box", "ball", "barrel"])
    solids += [Solid("rod", 0, -tall - 0.05, 0.08, 0.16, -3), Solid("box", 0, 0.05, wide, tall, 0)]
    solids += [
        Solid("rod", 0, -tall - 2 * head - 0.12, 0.025, 0.16, -3),
        Solid("ball", 0, -tall - 2 * head - 0.3, 0.07, 0.07, 4),
    ]
    solids += [Solid(skull, 0, -tall - head - 0.03, head * rng.uniform(1.0, 1.3), head, 4)]
    for side in (-1, 1):
        solids += [Solid("ball", side * 0.4 * head, -tall - 1.1 * head, 0.2 * head, 0.2 * head, -2)]
        solids += [Solid("ball", side * 0.4 * head, -tall - 1.1 * head, 0.1 * head, 0.1 * head, -1)]
    solids += [Solid("rod", 0, -tall - 0.5 * head, 0.3 * head, 0.06 * head, -1)]
    solids += [Solid("ball", (k - 1) * 0.35 * wide, 0.1, 0.07, 0.07, 2 + k) for k in range(3)]
    return solids


def _car(rng: np.random.Generator) -> list[Solid]:
    long, tall, wheel = rng.uniform(0.8, 1.1), rng.uniform(0.2, 0.32), rng.uniform(0.2, 0.3)
    cabin: Shape = rng.choice(["box", "barrel", "ball"])
    cx, cw = rng.uniform(-0.2, 0.25) * long, rng.uniform(0.4, 0.65) * long
    solids = [
        Solid(cabin, cx, -tall - 0.16, cw, 0.3, 1),
        Solid("box", cx - 0.45 * cw, -tall - 0.2, 0.36 * cw, 0.16, -3),
    ]
    solids += [Solid("box", cx + 0.45 * cw, -tall - 0.2, 0.36 * cw, 0.16, -3), Solid("box", 0, 0, long, tall, 0)]
    solids += [Solid("ball", side * long * 0.96, -0.05, 0.08, 0.08, 2 + (side > 0)) for side in (-1, 1)]
    solids += [Solid("rod", 0, 0.75 * tall, 1.04 * long, 0.05, -3)]
    if rng.random() < 0.4:
        solids.insert(0, Solid("barrel", -0.75 * long, -tall - 0.3, 0.1, 0.35, 3))
    for x in (-0.58 * long, 0.58 * long):
        solids += [Solid("ball", x, tall, wheel, wheel, -1), Solid("ring", x, tall, 0.72 * wheel, 0.72 * wheel, -3)]
        solids += [Solid("ball", x, tall, 0.32 * wheel, 0.32 * wheel, 4)]
    return solids


def _tower(rng: np.random.Generator) -> list[Solid]:
    y, solids = 0.0, []
    shapes: list[Shape] = ["box", "box", "barrel"]
    for level in range(int(rng.integers(3, 7))):
        high = rng.uniform(0.14, 0.26)
        number = int(rng.choice([1, 1, 2, 3]))
        for k in range(number):
            x = (k - (number - 1) / 2) * 0.55 + rng.normal(0, 0.05)
            wide = rng.uniform(0.18, 0.26) if number > 1 else rng.uniform(0.3, 0.7)
            solids.append(
                Solid(shapes[int(rng.integers(3))], x, y - high, wide, high, int(rng.integers(6)), rng.normal(0, 0.02))
            )
        y -= 2 * high
        if level and number == 1 and rng.random() < 0.2:
            break
    top: Shape = rng.choice(["cone", "ball", "ring"])
    return [*solids, Solid(top, 0, y - 0.26, 0.3, 0.28, int(rng.integers(6)))]


def _stack(rng: np.random.Generator) -> list[Solid]:
    count = int(rng.integers(4, 8))
    solids = [Solid("barrel", 0, 0.12, 0.75, 0.09, 5)]
    for k in range(count):
        wide = 0.7 - 0.42 * k / count
        solids.append(Solid("rod", rng.normal(0, 0.015), -0.1 - 0.23 * k, wide, 0.13, k))
    return [*solids, Solid("ball", 0, -0.1 - 0.23 * count, 0.17, 0.17, count)]


def _figure(rng: np.random.Generator) -> list[Solid]:
    """A jointed figure or an animal of beads and balls."""
    solids = []
    lean = rng.normal(0, 0.12)
    for side in (-1, 1):
        arm, leg = rng.uniform(-0.3, 2.4), rng.uniform(0.0, 0.5)
        for k in range(4):
            solids.append(
                Solid(
                    "ball",
                    side * (0.38 + 0.17 * k * np.sin(arm)),
                    -0.25 + 0.17 * k * np.cos(arm),
                    0.12,
                    0.12,
                    k % 2 + 1,
                )
            )
        for k in range(5):
            solids.append(
                Solid(
                    "ball", side * (0.2 + 0.17 * k * np.sin(leg)), 0.5 + 0.17 * k * np.cos(leg), 0.13, 0.13, k % 2 + 3
                )
            )
        solids.append(Solid("rod", side * (0.27 + 0.8 * np.sin(leg)), 0.5 + 0.85 * np.cos(leg), 0.22, 0.11, 0))
    solids += [
        Solid("barrel", 0, 0.12, 0.4, 0.48, 0),
        Solid("ball", lean, -0.72, 0.4, 0.38, -2 if rng.random() < 0.5 else 4),
    ]
    hat: Shape = rng.choice(["cone", "barrel", "rod"])
    solids.append(Solid(hat, lean, -1.15, 0.36, 0.24, 2, lean))
    for side in (-1, 1):
        solids.append(Solid("ball", lean + side * 0.14, -0.78, 0.05, 0.06, -1))
    return [*solids, Solid("ball", lean, -0.64, 0.06, 0.05, 1)]


def _train(rng: np.random.Generator) -> list[Solid]:
    solids, x = [], 0.0
    for k in range(int(rng.integers(1, 4))):
        if k == 0:
            solids += [Solid("barrel", -0.3, -0.75, 0.1, 0.3, 3), Solid("rod", -0.3, -1.0, 0.17, 0.08, 4)]
            solids += [
                Solid("rod", -0.12, -0.3, 0.55, 0.27, 0),
                Solid("box", 0.38, -0.5, 0.26, 0.5, 1),
                Solid("box", 0.38, -0.65, 0.15, 0.17, -3),
            ]
            solids += [Solid("box", 0.38, -1.0, 0.36, 0.07, 2), Solid("ball", -0.66, -0.3, 0.1, 0.1, -2)]
        else:
            solids += [Solid("box", x, -0.3, 0.45, rng.uniform(0.25, 0.4), k + 1)]
            solids += [Solid("ball", x + dx, -0.68, 0.17, 0.17, int(rng.integers(6))) for dx in (-0.22, 0.18)]
        solids += [Solid("box", x, 0.02, 0.62, 0.08, 5)]
        for dx in (-0.34, 0.34):
            solids += [Solid("ball", x + dx, 0.15, 0.2, 0.2, -1), Solid("ball", x + dx, 0.15, 0.11, 0.11, 4)]
        x += 1.28
    return solids


_KINDS: list[Callable[[np.random.Generator], list[Solid]]] = [_robot, _car, _tower, _stack, _figure, _train]


def _fit(solids: list[Solid], size: tuple[int, int], fill: float, rng: np.random.Generator) -> list[Solid]:
    """Tilt a little, mirror, scale and move into the frame."""
    tilt, mirror = rng.normal(0, 0.05), rng.choice([-1.0, 1.0])
    c, s = np.cos(tilt), np.sin(tilt)
    turned = [
        replace(p, x=mirror * (c * p.x - s * p.y), y=s * p.x + c * p.y, angle=mirror * (p.angle + tilt)) for p in solids
    ]
    corners = np.concatenate([_outline(p) for p in turned])
    low, high = corners.min(axis=0), corners.max(axis=0)
    frame = np.array([size[1], size[0]]) / min(size)
    scale = fill * float(np.min(frame / (high - low)))
    move = (frame - scale * (high - low)) * rng.uniform(0.35, 0.65, 2) - scale * low
    return [
        replace(p, x=float(scale * p.x + move[0]), y=float(scale * p.y + move[1]), rx=scale * p.rx, ry=scale * p.ry)
        for p in turned
    ]
