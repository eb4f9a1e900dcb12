"""Ice: cubes and splinters, clear at the rim and cloudy inside, with cracks and trapped air."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from aimkit.bounds import Name, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground, layer, over, polygon
from aimkit.generators.flow import fractal, ramp
from aimkit.generators.optics import Surroundings, clear, fresnel
from aimkit.generators.pose import Pose
from aimkit.generators.shading import lch
from aimkit.types import Array, Float, Foreground, ImageType

if TYPE_CHECKING:
    from scipy.spatial import ConvexHull


class Ice(GeneratorBlock):
    """Parameters of a lump of ice.

    Attributes:
        shape: ``cube`` has bevelled edges, ``splinter`` is a long prism, ``lump`` an irregular polyhedron.
        scale: Diameter, relative to the short side of the frame.
        cloud: Optical depth of the cloudy core.
        cracks: Number of cracks.
        rough: Unevenness of the surface.
    """

    generator: Name = "ice"
    shape: Literal["any", "cube", "splinter", "lump"] = "any"
    scale: Annotated[Range, Within(0.1, 1)] = (0.5, 0.85)
    cloud: Annotated[Range, Within(0, 5)] = (0.1, 1.2)
    cracks: Annotated[Range, Within(0, 40)] = (0, 6)
    rough: Annotated[Range, Within(0, 2)] = (0.1, 0.6)


@generators.register("ice", type=ImageType.STM, category="transparent", params=Ice)
def ice(params: Ice, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """A lump of ice.

    A convex polyhedron is turned at random. Every face, of the rear and then of the front, mirrors the surroundings by
    Fresnel's law (index 1.31) along its own uneven normal; between them lie a cloudy core of trapped air, which
    scatters, and cracks. Faces of one side share no pixel area, so their exact coverages add up.
    """
    from scipy.spatial import ConvexHull
    from scipy.spatial.transform import Rotation

    shape = params.shape if params.shape != "any" else str(rng.choice(["cube", "cube", "splinter", "lump"]))
    pose = Pose(size, draw(rng, params.scale))
    cloud, cracks, rough = draw(rng, params.cloud), round(draw(rng, params.cracks)), draw(rng, params.rough)
    around = Surroundings.drawn(rng)
    corners = Rotation.random(random_state=rng).apply(_corners(shape, rng))
    corners /= 2 * np.linalg.norm(corners[:, :2], axis=1).max()
    hull = ConvexHull(corners)

    x, y = pose.grid()
    bumps = [rough * 0.5 * fractal(0.9 * x + k, 0.9 * y, rng, 2.1) for k in range(2)]
    grain = 0.75 * fractal(1.1 * x, 0.8 * y, rng, 1.8) + 0.25 * fractal(2 * x, 0.5 * y, rng, 1.2)
    planes = np.zeros((*size, 4), np.float32)
    for side in (-1, 1):
        planes = over(_side(hull, corners, side, pose, bumps, around, rng), planes)
        if side < 0:
            planes = over(_core(x, y, cloud, grain, rng), planes)
            for _ in range(cracks):
                planes = over(_crack(pose, grain, rng), planes)
    # Core and cracks end where the lump does.
    outline = corners[ConvexHull(corners[:, :2]).vertices, :2]
    planes = planes * polygon(size, pose.frame(outline[:, 0], outline[:, 1]))[..., None]
    return foreground(planes, ImageType.STM, "transparent")


def _corners(shape: str, rng: np.random.Generator) -> Array:
    """Corners of the polyhedron, (N, 3)."""
    if shape == "lump":
        points = rng.normal(size=(int(rng.integers(14, 30)), 3))
        return points / np.linalg.norm(points, axis=1, keepdims=True) * rng.uniform(0.75, 1, (len(points), 1))
    if shape == "splinter":
        count = int(rng.integers(4, 8))
        angle = np.sort(rng.uniform(0, 2 * np.pi, count)) + np.linspace(0, 3, count)
        ring = np.stack([np.cos(angle), np.sin(angle)], 1) * rng.uniform(0.2, 0.45, (count, 1))
        ends = [np.column_stack([s * ring, np.full(count, z)]) for s, z in ((1.0, -0.8), (0.85, 0.6), (0.2, 1.1))]
        return np.concatenate(ends)
    bevel, box = rng.uniform(0.06, 0.2), rng.uniform(0.75, 1.1, 3)
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
    faces = [signs * np.where(np.arange(3) == axis, 1, 1 - bevel) for axis in range(3)]
    return np.concatenate(faces) * box * (1 + rng.normal(0, 0.015, (24, 1)))


def _side(
    hull: ConvexHull,
    corners: Array,
    side: int,
    pose: Pose,
    bumps: list[Float],
    around: Surroundings,
    rng: np.random.Generator,
) -> Float:
    """All faces that look to the viewer (side 1) or away (side -1), premultiplied RGBA."""
    size, short = pose.size, min(pose.size)
    planes = np.zeros((*size, 4), np.float32)
    tones = rng.uniform(-0.12, 0.12, len(corners))
    for triangle, equation in zip(hull.simplices, hull.equations, strict=True):
        if side * equation[2] <= 1e-6:
            continue
        points = pose.frame(corners[triangle, 0], corners[triangle, 1]) * short
        low = np.clip(np.floor(points.min(axis=0)) - 1, 0, [size[1], size[0]]).astype(int)
        high = np.clip(np.ceil(points.max(axis=0)) + 1, 0, [size[1], size[0]]).astype(int)
        if (high <= low).any():
            continue
        part = (slice(low[1], high[1]), slice(low[0], high[0]))
        window = (int(high[1] - low[1]), int(high[0] - low[0]))
        cover = polygon(window, (points - low) / min(window))
        nx, ny = side * equation[0] + bumps[0][part], side * equation[1] + bumps[1][part]
        length = np.sqrt(nx**2 + ny**2 + equation[2] ** 2)
        nx, ny, nz = nx / length, ny / length, abs(equation[2]) / length
        mirror = fresnel(nz, 1.31)
        # Faces seen through the ice mirror from inside, where reflection is stronger.
        mirror = np.clip(1.3 * mirror + 0.06, 0, 1) if side > 0 else np.clip(2.5 * mirror + 0.1, 0, 0.8)
        light = around.seen(2 * nz * nx, 2 * nz * ny) if side > 0 else around.seen(-1.6 * nx, -1.6 * ny)
        # One tone for a flat face, however it is cut into triangles.
        tone = 1 + float(np.sin(40 * equation[:3].round(3) @ [1.0, 2.3, 3.7])) * 0.2 + tones[triangle].mean() * 0.1
        planes[part] += clear(mirror[..., None] * np.clip(light, 0, 1.3) * tone, 1 - mirror) * cover[..., None]
    return np.clip(planes, 0, 1)


def _core(x: Float, y: Float, cloud: float, grain: Float, rng: np.random.Generator) -> Float:
    """Trapped air in the middle: it scatters white light."""
    cx, cy = rng.uniform(-0.08, 0.08, 2)
    radius = np.hypot(x - cx, y - cy) / rng.uniform(0.28, 0.45)
    depth = cloud * ramp(-radius + 0.35 * grain, -1.1, 0.3) * (1 + 0.4 * np.clip(grain, -1, 2))
    tone = lch(rng.uniform(0.85, 0.99), 0.025, 0.6)
    return layer(np.clip(tone * (0.9 + 0.06 * grain)[..., None], 0, 1), -np.expm1(-np.clip(depth, 0, None)))


def _crack(pose: Pose, grain: Float, rng: np.random.Generator) -> Float:
    """A jagged plane inside, brighter towards one edge."""
    count = int(rng.integers(5, 10))
    angle = np.sort(rng.uniform(0, 2 * np.pi, count))
    reach, squash, turn = rng.uniform(0.08, 0.3) * rng.uniform(0.5, 1, count), rng.uniform(0.1, 0.7), rng.uniform(0, 6)
    u, v = reach * np.cos(angle), squash * reach * np.sin(angle)
    cx, cy = rng.uniform(-0.2, 0.2, 2)
    x, y = cx + u * np.cos(turn) - v * np.sin(turn), cy + u * np.sin(turn) + v * np.cos(turn)
    cover = polygon(pose.size, pose.frame(x, y))
    gx, gy = pose.grid()
    shine = 0.5 + 0.5 * np.sin(9 * ((gx - cx) * np.cos(turn) + (gy - cy) * np.sin(turn)) + turn)
    alpha = cover * np.clip(0.08 + 0.4 * shine**2 + 0.08 * grain, 0, 0.7)
    return layer(np.array([0.95, 0.97, 1.0]), alpha)
