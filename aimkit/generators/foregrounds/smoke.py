"""Smoke: a plume, a puff or a thread of incense that dims, scatters or glows."""

from __future__ import annotations

from typing import Annotated, Literal

import cv2
import numpy as np

from aimkit.bounds import Name, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.flow import enlarge, fractal, ramp, smooth_size, splat, stir
from aimkit.generators.pose import Pose
from aimkit.generators.shading import lch
from aimkit.types import Array, Float, Foreground, ImageType


class Smoke(GeneratorBlock):
    """Parameters of smoke.

    Attributes:
        shape: ``plume`` rises and billows, ``puff`` is a free cloud, ``wisp`` is a folded sheet as of incense.
        kind: ``dark`` absorbs (soot), ``light`` scatters (steam, incense), ``tinted`` is coloured, ``glowing`` emits.
        scale: Height of the object, relative to the short side of the frame.
        thickness: Optical depth of the densest part.
        turbulence: Strength of the stirring; 0 leaves a smooth column.
        lean: Tilt of the axis, degrees.
    """

    generator: Name = "smoke"
    shape: Literal["any", "plume", "puff", "wisp"] = "any"
    kind: Literal["any", "dark", "light", "tinted", "glowing"] = "any"
    scale: Annotated[Range, Within(0.1, 1)] = (0.7, 0.98)
    thickness: Annotated[Range, Within(0, 15)] = (0.9, 3.5)
    turbulence: Annotated[Range, Within(0, 5)] = (0.5, 1.2)
    lean: Annotated[Range, Within(-80, 80)] = (-25, 25)


@generators.register("smoke", type=ImageType.STM, category="transparent", params=Smoke, floats=True)
def smoke(params: Smoke, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """Turbulent smoke in the middle of the frame.

    An optical depth is carried along by eddies of several sizes; alpha follows from it by the law of Beer and Lambert,
    alpha = 1 - exp(-depth). Colour is single scattering under one light with self-shadow; glowing smoke adds emission
    where it is dense and low. Smoke has no sharp edge, so it is made on a grid of limited size and enlarged.
    """
    shape = params.shape if params.shape != "any" else str(rng.choice(["plume", "plume", "puff", "wisp"]))
    kind = params.kind if params.kind != "any" else str(rng.choice(["dark", "light", "light", "tinted", "glowing"]))
    scale, thickness = draw(rng, params.scale), draw(rng, params.thickness)
    turbulence, lean = draw(rng, params.turbulence), np.deg2rad(draw(rng, params.lean))

    pose = Pose(smooth_size(size), scale, -lean)
    x, y = pose.grid()
    y += np.float32(0.5)  # the foot is at 0, the top at 1
    if shape == "wisp":
        depth = 1.3 * thickness * _sheet(pose, turbulence, rng)
    else:
        depth = thickness * _cloud(x, y, shape, turbulence, rng)
    depth *= ramp(0.62 - np.hypot(x, 0.8 * (y - 0.5)), 0, 0.2)
    color = _color(depth, y, kind, rng)

    alpha = -np.expm1(-enlarge(depth, size).clip(0))
    alpha[alpha < 2e-3] = 0
    return Foreground(enlarge(color, size).clip(0, 1), alpha.clip(0, 1), ImageType.STM, "transparent")


def _cloud(x: Float, y: Float, shape: str, turbulence: float, rng: np.random.Generator) -> Float:
    """Optical depth of a plume or puff, at most about 1: a few layers, since one alone looks like marbled paper."""
    foot, spread, bend = rng.uniform(0.015, 0.06), rng.uniform(0.18, 0.36), rng.uniform(-0.25, 0.25)
    growth, top, squash = rng.uniform(0.7, 1.2), rng.uniform(0.3, 0.6), rng.uniform(0.7, 1.2)
    soft, grain = rng.uniform(0.5, 1.0), rng.uniform(1.45, 1.75)
    # What has risen further has been stirred for longer.
    age = turbulence * (np.clip(y, 0.05, 1.1) if shape == "plume" else np.full_like(y, 0.5))
    px, py = stir(x, y, rng, ((2, 0.14), (4, 0.07)), age, coarse=2)
    depth = np.zeros_like(x)
    layers = 3
    for _ in range(layers):
        u, v = stir(px, py, rng, ((6, 0.042), (12, 0.025), (24, 0.014)), age, coarse=2)
        detail = fractal(u * 0.9, v * 0.75, rng, grain)
        billow = 1 - 1.5 * np.abs(fractal(u * 1.6, v * 1.4, rng, 1.9))
        if shape == "plume":
            radius = foot + spread * np.clip(v, 0, None) ** growth
            body = 1 - np.abs(u - bend * np.clip(v, 0, None) ** 1.7) / radius
            dilution = (foot + 0.2) / (radius + 0.2)
        else:
            body, dilution = 1 - np.hypot(u / 0.4 * squash, (v - 0.5) / 0.4), np.ones_like(u)
        ragged = body + 0.3 * billow + 0.24 * detail - 0.15
        depth += ramp(ragged, -0.1, soft) * dilution * np.exp(0.45 * detail) / layers
    if shape == "plume":
        depth *= ramp(y, -0.005, 0.05) * ramp(1.02 - y, 0.0, top)
    return depth


def _sheet(pose: Pose, turbulence: float, rng: np.random.Generator) -> Float:
    """Optical depth of a thin ribbon: where it folds in projection it looks dense."""
    along, across = np.meshgrid(
        np.linspace(0, 1, 450, dtype=np.float32), np.linspace(-1, 1, 160, dtype=np.float32), indexing="ij"
    )
    width = 0.008 + rng.uniform(0.1, 0.26) * along ** rng.uniform(0.9, 1.6)
    px, py = stir(across * width, along, rng, ((2, 0.19), (4, 0.11), (8, 0.05)), 0.9 * turbulence * along**1.3)
    mass = (1 - across**2) * ramp(1.0 - along, 0, 0.5) * np.exp(0.6 * fractal(across * 0.5, along * 1.5, rng, 2.0))
    # Enough points that the cells of the grid see an even sheet.
    points = cv2.resize(np.dstack([px, py - 0.5, mass]), (640, 1600), interpolation=cv2.INTER_LINEAR)
    column, row = pose.pixels(points[..., 0], points[..., 1])
    depth = splat(column, row, points[..., 2], pose.size)
    depth = np.asarray(cv2.GaussianBlur(depth, (0, 0), 0.9), np.float32)
    full = np.quantile(depth[depth > 0.02 * depth.max()], 0.95)
    return np.asarray(np.tanh(0.9 * depth / full), np.float32)


def _color(depth: Float, y: Float, kind: str, rng: np.random.Generator) -> Float:
    """Scattered light with self-shadow, plus emission for the glowing kind."""
    cell = min(depth.shape) / 512
    smooth = np.asarray(cv2.GaussianBlur(depth, (0, 0), 4 * cell), np.float32)
    angle = rng.uniform(0.15, 0.85) * np.pi
    path = np.zeros_like(depth)
    for step in (8 * cell, 20 * cell, 40 * cell):
        move = np.array([[1, 0, step * np.cos(angle)], [0, 1, -step * np.sin(angle)]])
        moved = cv2.warpAffine(smooth, move, smooth.shape[::-1], flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR)
        path += np.asarray(moved, np.float32)
    lit = np.exp(-rng.uniform(0.3, 0.65) * path)[..., None]

    tones: dict[str, Array] = {
        "dark": rng.uniform(0.05, 0.3) * np.array([1, 0.96, 0.92]),
        "light": rng.uniform(0.85, 1.0) * np.array([1, rng.uniform(0.96, 1), rng.uniform(0.9, 1)]),
        "tinted": lch(rng.uniform(0.55, 0.8), rng.uniform(0.1, 0.25), rng.random()),
        "glowing": rng.uniform(0.1, 0.35) * np.array([1, 0.93, 0.88]),
    }
    albedo = tones[kind]
    sun = np.array([1.0, rng.uniform(0.9, 1.0), rng.uniform(0.78, 1.0)])
    sky = np.array([rng.uniform(0.7, 1), rng.uniform(0.8, 1), 1.0])
    color = albedo * (0.75 * sun * lit + rng.uniform(0.3, 0.5) * sky * (0.6 + 0.4 * lit))
    if kind == "glowing":
        low = ramp(1.0 - y, rng.uniform(0.0, 0.5), 1.0)
        heat = np.clip(smooth * rng.uniform(0.5, 0.9) * low, 0, 1.3)[..., None]
        color = color + heat * np.array([1.5, 0.62, 0.16]) + np.clip(heat - 0.55, 0, 1) * np.array([0.3, 0.7, 0.6])
    return np.asarray(color, np.float32)
