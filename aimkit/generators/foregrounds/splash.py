"""Splashes: sheets, fingers and drops of water thrown into the air."""

from __future__ import annotations

from typing import Annotated, Literal

import cv2
import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import edge, foreground, over
from aimkit.generators.flow import enlarge, fractal, ramp, smooth_size, splat, stir
from aimkit.generators.optics import Surroundings, clear, fresnel
from aimkit.generators.pose import Pose
from aimkit.generators.shading import lch, light, normals, specular
from aimkit.types import Array, Float, Foreground, ImageType


class Splash(GeneratorBlock):
    """Parameters of a splash.

    Attributes:
        shape: ``crown`` rises as a ring, ``jet`` upwards, ``throw`` sideways as from a bucket.
        scale: Height, relative to the short side of the frame.
        fingers: Jets into which the sheet breaks up.
        drops: Number of drops that fly free.
        drop: Radius of the drops, in thousandths of the height; small ones are far more frequent.
        foam: Share of white, aerated water.
    """

    generator: Name = "splash"
    shape: Literal["any", "crown", "jet", "throw"] = "any"
    scale: Annotated[Range, Within(0.1, 1)] = (0.65, 0.95)
    fingers: Annotated[Range, Within(3, 150)] = (14, 40)
    drops: Annotated[Range, Within(0, 1500)] = (60, 320)
    drop: Annotated[Range, Within(0.5, 60)] = (2, 22)
    foam: Shares = (0, 0.5)


@generators.register("splash", type=ImageType.STM, category="water", params=Splash, floats=True)
def splash(params: Splash, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """A frozen splash.

    Blobs of water on ballistic paths merge into sheets and fingers where their summed thickness exceeds a level
    (metaballs; Blinn 1982); the level set is area-sampled at the size of the image. Drops are ellipses drawn out along
    their flight. Water mirrors by Fresnel's law (index 1.33), bends light from the sides at steep places, and is
    white where it holds air.
    """
    shape = params.shape if params.shape != "any" else str(rng.choice(["crown", "jet", "throw"]))
    scale = draw(rng, params.scale)
    pose, work = Pose(size, scale), Pose(smooth_size(size), scale)
    fingers, foam, count = round(draw(rng, params.fingers)), draw(rng, params.foam), round(draw(rng, params.drops))
    around, lamps = Surroundings.drawn(rng), [light(rng, elevation=(0.3, 0.9)) for _ in range(3)]
    tone = lch(rng.uniform(0.8, 0.95), rng.uniform(0, 0.05), 0.62)

    start, speed = _throws(shape, fingers, rng)
    field = _thickness(work, start, speed, rng)
    level = 1.0
    body = enlarge(field, size)
    # A frame of one row or column has no slope across it.
    gy, gx = (np.gradient(body, axis=i) if body.shape[i] > 1 else np.zeros_like(body) for i in (0, 1))
    steep = np.hypot(gx, gy) * min(size)
    covered = edge((level - body) / np.maximum(steep, 1e-2), size)
    height = enlarge(np.sqrt(np.clip(field - level, 0, 6)) * 0.05 + 0.006 * np.tanh(field), size)
    grain = enlarge(fractal(*work.grid(), rng, 1.5), size)
    normal = normals(height + np.float32(0.004) * grain)
    emitted, through = _water(normal[..., 0], -normal[..., 1], normal[..., 2], around, tone)
    # Glints: lamps' y runs down, as that of the normals.
    glint = sum((specular(normal, lamp, 70) for lamp in lamps), np.zeros_like(body))
    emitted = emitted + glint[..., None]
    white = foam * ramp(grain + 0.25 * np.clip(body, 0, 4), 0.6, 2.4) + 0.1 * np.clip(body / 6, 0, 1)
    emitted = emitted * (1 - white)[..., None] + white[..., None] * np.array([0.93, 0.96, 1.0])
    planes = clear(emitted, through * (1 - white)) * covered[..., None]

    middle, radii, angle = _drops(params, count, start, speed, rng)
    planes = over(drops(pose, middle, radii, angle, around, tone), planes)
    return foreground(planes, ImageType.STM, "water")


def drops(pose: Pose, middle: Array, radii: Array, angle: Array, around: Surroundings, tone: Float) -> Float:
    """Drops of water as premultiplied RGBA; the coverage of each sums to its area.

    Args:
        pose: Pose of the splash.
        middle: Object coordinates, (N, 2).
        radii: Along and across the flight, object units, (N, 2).
        angle: Direction of the flight, radians, (N,).
        around: What they mirror.
        tone: Colour of the water, (3,).
    """
    size = pose.size
    planes = np.zeros((*size, 4), np.float32)
    column, row = pose.pixels(middle[:, 0], middle[:, 1])
    for c, r, (a, b), turn in zip(column, row, radii / pose.pixel, angle + pose.turn, strict=True):
        reach = int(np.ceil(max(a, b))) + 2
        c0, c1 = max(int(c) - reach, 0), min(int(c) + reach + 1, size[1])
        r0, r1 = max(int(r) - reach, 0), min(int(r) + reach + 1, size[0])
        if c0 >= c1 or r0 >= r1:
            continue
        x, y = np.arange(c0, c1)[None] - c, r - np.arange(r0, r1)[:, None]
        cover, q = drop_cover(x, y, a, b, turn)
        a, b = max(a, 1.0), max(b, 1.0)
        nz = np.sqrt(np.clip(1 - q * q, 0.04, 1)).astype(np.float32)
        nx, ny = (np.clip(d, -1, 1).astype(np.float32) * 0.9 for d in (x / max(a, b), y / max(a, b)))
        emitted, through = _water(nx, ny, nz, around, tone)
        spark = np.exp(-((x / a - 0.35) ** 2 + (y / b - 0.4) ** 2) * 25)
        emitted = emitted + spark[..., None] * np.array([1.0, 1.0, 1.0])
        view = planes[r0:r1, c0:c1]
        view[...] = over(clear(emitted, 0.85 * through) * cover[..., None], view)
    return planes


def drop_cover(x: Array, y: Array, a: float, b: float, turn: float) -> tuple[Float, Float]:
    """Coverage of a small ellipse, which sums to its area, and the place inside it.

    Args:
        x: From the middle to the right, pixels.
        y: From the middle upwards, pixels.
        a: Radius along ``turn``, pixels.
        b: Radius across, pixels.
        turn: Radians.

    Returns:
        Coverage, and the distance from the middle, 1 on the outline.
    """
    # Below a pixel an ellipse is drawn a pixel large, and fainter.
    wide, high = max(a, 1.0), max(b, 1.0)
    faint = a * b / (wide * high)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    q = np.hypot(u / wide, v / high)
    # Small ones are curved within a pixel, so they are sampled 4 x 4 times; edges fall off over a sample.
    per = 4 if min(a, b) < 4 else 1
    cover = np.zeros(q.shape)
    for dx in (np.arange(per) + 0.5) / per - 0.5:
        for dy in (np.arange(per) + 0.5) / per - 0.5:
            du, dv = u + dx * np.cos(turn) + dy * np.sin(turn), v + dy * np.cos(turn) - dx * np.sin(turn)
            at = np.hypot(du / wide, dv / high)
            slope = np.maximum(np.hypot(du / wide**2, dv / high**2), 1e-6) / np.maximum(at, 1e-6)
            cover += np.clip(0.5 + per * (1 - at) / slope, 0, 1)
    cover *= faint / per**2
    return np.asarray(cover, np.float32), np.asarray(q, np.float32)


def _water(nx: Float, ny: Float, nz: Float, around: Surroundings, tone: Float) -> tuple[Float, Float]:
    """Light from, and light through, a water surface with that normal (y up)."""
    mirror = fresnel(nz, 1.33)
    steep = np.clip(1 - nz, 0, 1)
    turned = np.clip(around.seen(-1.5 * nx, -1.5 * ny), 0, 1.2) * tone
    emitted = (1.5 * mirror)[..., None] * around.seen(2 * nz * nx, 2 * nz * ny) + (0.9 * steep)[..., None] * turned
    through = (1 - np.clip(1.5 * mirror, 0, 1)) * (1 - 0.8 * steep**0.8) * 0.94
    return np.asarray(emitted + 0.02 * tone, np.float32), np.asarray(through, np.float32)


def _throws(shape: str, fingers: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Starting points and velocities, (N, 2) each; gravity pulls by 1 a unit of time squared."""
    spread = rng.uniform(0.75, 1.25, fingers)
    if shape == "crown":
        turn = np.sort(rng.uniform(0, 2 * np.pi, fingers))
        start = np.stack([0.17 * np.cos(turn), -0.36 - 0.06 * np.sin(turn)], 1)
        speed = np.stack([0.32 * np.cos(turn), 0.95 - 0.12 * np.sin(turn)], 1) * spread[:, None]
    elif shape == "jet":
        start = np.stack([rng.normal(0, 0.05, fingers), np.full(fingers, -0.45)], 1)
        speed = np.stack([rng.normal(0, 0.22, fingers), rng.uniform(0.7, 1.35, fingers)], 1)
    else:
        side = rng.choice([-1, 1])
        lift = rng.uniform(0.35, 1.25, fingers)
        start = np.stack([-side * 0.42 + rng.normal(0, 0.02, fingers), rng.normal(-0.22, 0.04, fingers)], 1)
        speed = np.stack([side * 0.85 * np.cos(lift) * spread, 1.0 * np.sin(lift) * spread], 1)
    return start, speed


def _thickness(work: Pose, start: Array, speed: Array, rng: np.random.Generator) -> Float:
    """Summed thickness of blobs along the paths, 1 at the water's surface."""
    total = np.zeros(work.size, np.float32)
    unit = 1 / work.pixel
    for sigma, share, points in ((0.004, 0.55, 1200), (0.009, 0.8, 600), (0.022, 0.6, 160)):
        time = rng.uniform(0, 1, (len(start), points)) ** 0.8 * rng.uniform(0.45, 1.0, (len(start), 1))
        px: Array = start[:, :1] + speed[:, :1] * time + rng.normal(0, 0.012, time.shape) * (0.3 + time)
        py: Array = start[:, 1:] + speed[:, 1:] * time - 0.5 * time**2 + rng.normal(0, 0.012, time.shape) * (0.3 + time)
        px, py = stir(
            px.astype(np.float32), py.astype(np.float32), rng, ((4, 0.03), (9, 0.016)), time.astype(np.float32)
        )
        column, row = work.pixels(px, py)
        mass = share * (1.25 - time) * (2 * np.pi * (sigma * unit) ** 2) * (0.09 / sigma / points * 2.2)
        blobs = splat(column, row, mass, work.size)
        total += np.asarray(cv2.GaussianBlur(blobs, (0, 0), sigma * unit), np.float32)
    return total


def _drops(
    params: Splash, count: int, start: Array, speed: Array, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Middle, radii and direction of flight of free drops."""
    which = rng.integers(len(start), size=count)
    time = rng.uniform(0.35, 1.15, count)
    velocity = speed[which] * rng.uniform(0.7, 1.2, (count, 1)) + rng.normal(0, 0.1, (count, 2))
    middle = start[which] + velocity * time[:, None] - np.array([0, 0.5]) * time[:, None] ** 2
    flight = velocity - np.array([0, 1]) * time[:, None]
    low, high = params.drop
    # Many small drops and few large ones: radii fall off as a power.
    radius = 1e-3 * (low**-1.5 + rng.random(count) * (high**-1.5 - low**-1.5)) ** (-1 / 1.5)
    stretch = 1 + np.clip(rng.normal(0.15, 0.2, count), 0, 1) + 0.4 * np.linalg.norm(flight, axis=1) * rng.random(count)
    radii = np.stack([radius * np.sqrt(stretch), radius / np.sqrt(stretch)], 1)
    return middle, radii, np.arctan2(flight[:, 1], flight[:, 0])
