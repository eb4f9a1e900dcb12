"""Nets: knotted or woven threads that hang, sag and fold, with light between them."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from aimkit.bounds import Angles, Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground, strokes
from aimkit.generators.flow import fractal
from aimkit.generators.pose import Pose
from aimkit.generators.shading import lch
from aimkit.types import Array, Float, Foreground, ImageType


class Net(GeneratorBlock):
    """Parameters of a net.

    Attributes:
        mesh: ``diamond`` (fishing net), ``square`` (goal, climbing net) or ``hexagon`` (hexagonal knotting).
        shape: ``sheet`` hangs from two corners, ``bag`` narrows downwards (basket ball net, string bag).
        scale: Width, relative to the short side of the frame.
        cells: Meshes across.
        thread: Width of a thread, in meshes.
        folds: Depth of the folds.
        turn: Rotation in degrees.
    """

    generator: Name = "net"
    mesh: Literal["any", "diamond", "square", "hexagon"] = "any"
    shape: Literal["any", "sheet", "bag"] = "any"
    scale: Annotated[Range, Within(0.1, 1)] = (0.6, 0.9)
    cells: Annotated[Range, Within(2, 80)] = (7, 26)
    thread: Annotated[Range, Within(0.01, 0.5)] = (0.05, 0.13)
    folds: Shares = (0, 1)
    turn: Angles = (-25, 25)


@generators.register("net", type=ImageType.STM, category="net", params=Net)
def net(params: Net, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """A piece of net.

    Threads are strokes of exact coverage through the knots of a regular lattice, which is laid on a sagging, folded
    surface; threads that face the light are brighter, and those of the rear half of a bag are darker and drawn first.
    """
    mesh = params.mesh if params.mesh != "any" else str(rng.choice(["diamond", "diamond", "square", "hexagon"]))
    shape = params.shape if params.shape != "any" else str(rng.choice(["sheet", "sheet", "bag"]))
    pose = Pose(size, draw(rng, params.scale), np.deg2rad(draw(rng, params.turn)))
    cells, folds = round(draw(rng, params.cells)), draw(rng, params.folds)
    height = rng.uniform(0.7, 1.1)
    width = draw(rng, params.thread) / cells
    tone = lch(rng.uniform(0.25, 0.97), rng.choice([0.02, 0.02, 0.15]) * rng.random(), rng.random())

    flat = threads(mesh, cells, height)
    hang = _Hang(rng, folds, height)
    if shape == "sheet":
        points, slope = hang.sheet(flat)
        planes = _drawn(pose, points, slope, width, tone, rng)
    else:
        rear, front = hang.bag(flat, -1), hang.bag(flat, 1)
        planes = _drawn(pose, *rear, width, 0.6 * tone, rng)
        planes = _drawn(pose, *front, width, tone, rng, planes)
    return foreground(planes, ImageType.STM, "net")


def threads(mesh: str, cells: int, height: float) -> Float:
    """Polylines of a flat net that is 1 wide and ``height`` high, (N, P, 2), centred on the origin.

    Every knot lies on two threads (diamond, square) or three half-edges (hexagon); a thread has points between knots so
    that it can bend.
    """
    rows = max(2, round(cells * height))
    t = np.linspace(0, 1, 4 * max(cells, rows) + 1)
    if mesh == "square":
        weft = np.stack(np.broadcast_arrays(t, np.arange(rows + 1)[:, None] / rows), -1)
        warp = np.stack(np.broadcast_arrays(np.arange(cells + 1)[:, None] / cells, t), -1)
        lines = np.concatenate([weft, warp])
    elif mesh == "diamond":
        # Two diagonal families, each thread turned back at the selvedge, so that every place is passed once.
        t = np.linspace(0, 1, 4 * rows + 1)
        rising = np.arange(cells)[:, None] + rows * t
        falling = np.arange(1, cells + 1)[:, None] - rows * t
        x = np.concatenate([rising, falling]) % (2 * cells)
        lines = np.stack([np.minimum(x, 2 * cells - x) / cells, np.broadcast_to(t, x.shape)], -1)
    else:
        # A brick lattice with its bricks' ends bent into hexagons.
        k = np.arange(2 * cells + 1)
        wave = 0.17 * (1 - 2 * (k % 2))
        level = (np.arange(rows + 1)[:, None] + np.where(np.arange(rows + 1)[:, None] % 2, -wave, wave)) / rows
        knots = np.stack([np.broadcast_to(k / (2 * cells), level.shape), level], -1)
        zigzag = _between(knots, 4)
        ends = [(row, column) for row in range(rows) for column in range(row % 2, 2 * cells + 1, 2)]
        posts = _between(np.array([[knots[row, column], knots[row + 1, column]] for row, column in ends]), 4)
        pad = zigzag.shape[1] - posts.shape[1]
        lines = np.concatenate([zigzag, np.pad(posts, ((0, 0), (0, pad), (0, 0)), mode="edge")])
    return ((lines - 0.5) * np.array([1, height])).astype(np.float32)


def _between(points: Array, count: int) -> Array:
    """Polylines (N, P, 2) with ``count`` pieces for every edge."""
    t = np.arange(count) / count
    inner = points[:, :-1, None] * (1 - t)[:, None] + points[:, 1:, None] * t[:, None]
    return np.concatenate([inner.reshape(len(points), -1, 2), points[:, -1:]], axis=1)


class _Hang:
    """How the flat net lies in space; drawn once, so that both halves of a bag agree."""

    def __init__(self, rng: np.random.Generator, folds: float, height: float) -> None:
        self.height, self.depth = height, 0.035 * folds
        self.waves = [(rng.uniform(8, 26), rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1)) for _ in range(3)]
        self.sag, self.slack = rng.uniform(0, 0.22), rng.uniform(0, 0.25)
        self.neck, self.mouth = rng.uniform(0.45, 0.85), rng.uniform(0.05, 0.14)
        self.noise = rng.spawn(1)[0]

    def sheet(self, flat: Float) -> tuple[Float, Array]:
        """Points and slope of the surface along x, in [-1, 1]."""
        x, y = flat[..., 0], flat[..., 1]
        down = 0.5 - y / self.height  # 0 at the upper edge, 1 at the lower
        phase: Array = np.zeros_like(x)
        slope: Array = np.zeros_like(x)
        for wave, start, strength in self.waves:
            bent = wave * x * (1 + 0.25 * y) + start + 1.5 * y
            phase, slope = phase + strength * np.sin(bent), slope + strength * np.cos(bent)
        px = x * (1 - self.slack * down * (1 - down)) + self.depth * phase * (0.3 + down)
        py = y - self.sag * (1 - 4 * x * x) * (1 - 0.5 * down) + 0.4 * self.depth * slope
        wobble = 0.006 * fractal(x + 0.5, y + 0.5, self.noise, 2.0)
        return np.stack([px + wobble, py + 0.4 * self.sag + wobble], -1).astype(np.float32), slope / 1.5

    def bag(self, flat: Float, side: int) -> tuple[Float, Float]:
        """Half of a bag of circular section: side 1 is before, -1 behind."""
        angle = np.pi * (flat[..., 0] + 0.5)
        down = 0.5 - flat[..., 1] / self.height
        radius = 0.45 * (1 - (1 - self.neck) * np.sin(np.pi * np.clip(down, 0, 1) * 0.5) ** 1.5)
        radius = radius * (1 + 2 * self.depth * np.sin(self.waves[0][0] * angle + self.waves[0][1]) * down)
        x = -radius * np.cos(angle)
        y = flat[..., 1] - side * self.mouth * radius * 2 * np.sin(angle)
        return np.stack([x, y], -1).astype(np.float32), np.asarray(-np.cos(angle), np.float32)


def _drawn(
    pose: Pose,
    points: Float,
    slope: Array,
    width: float,
    tone: Float,
    rng: np.random.Generator,
    base: Float | None = None,
) -> Float:
    lean = rng.uniform(-0.35, 0.35)
    light = np.clip(0.78 + lean * slope, 0.15, 1.15)
    # A twisted thread shows its strands as a fine change of brightness.
    twist = 1 + 0.12 * np.sin(np.arange(points.shape[1]) * 2.4)
    color = np.clip(tone * (light * twist)[..., None] * rng.uniform(0.85, 1.1, (len(points), 1, 1)), 0, 1)
    return strokes(
        pose.size, pose.frame(points[..., 0], points[..., 1]), np.array(width * pose.scale), color, 1.0, base
    )
