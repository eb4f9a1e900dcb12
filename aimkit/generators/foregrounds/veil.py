"""Veils: thin cloth that hangs or floats, denser wherever it folds over itself."""

from __future__ import annotations

from typing import Annotated, Literal

import cv2
import numpy as np

from aimkit.bounds import Angles, Name, Share, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import foreground
from aimkit.generators.flow import enlarge, fractal, ramp, smooth_size, splat, stir
from aimkit.generators.pose import Pose
from aimkit.generators.shading import lch
from aimkit.types import Array, Float, Foreground, ImageType

#: Points of the cloth (along, across), and the short side of the largest grid that they are counted on.
_POINTS, _GRID = (1700, 1300), 640


class Veil(GeneratorBlock):
    """Parameters of a veil.

    Attributes:
        shape: ``hanging`` falls from an upper hem in folds, ``floating`` flies freely.
        scale: Height, relative to the short side of the frame.
        density: Optical depth of one layer seen from the front.
        folds: Folds across the cloth.
        depth: How far folds reach over each other; below 1 hardly at all.
        pattern: Chance of dots or stripes woven in.
        turn: Rotation in degrees.
    """

    generator: Name = "veil"
    shape: Literal["any", "hanging", "floating"] = "any"
    scale: Annotated[Range, Within(0.1, 1)] = (0.7, 0.95)
    density: Annotated[Range, Within(0, 5)] = (0.2, 1.1)
    folds: Annotated[Range, Within(0.5, 30)] = (2, 7)
    depth: Annotated[Range, Within(0, 10)] = (0.4, 2.2)
    pattern: Share = 0.35
    turn: Angles = (-20, 20)


@generators.register("veil", type=ImageType.STM, category="transparent", params=Veil, floats=True)
def veil(params: Veil, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """A piece of chiffon, tulle or organza in folds.

    The cloth is a sheet of points of equal mass. What lands in a cell, summed over all layers and denser where the
    cloth is seen edge-on, is the optical depth, and alpha is 1 - exp(-depth). Colour is the mean shade of the
    layers, lit from one side by the slope of the folds.
    """
    shape = params.shape if params.shape != "any" else str(rng.choice(["hanging", "hanging", "floating"]))
    pose = Pose(smooth_size(size, _GRID), draw(rng, params.scale), np.deg2rad(draw(rng, params.turn)))
    density, folds, depth = draw(rng, params.density), draw(rng, params.folds), draw(rng, params.depth)

    s, t = np.meshgrid(np.linspace(0, 1, 260, dtype=np.float32), np.linspace(0, 1, 340, dtype=np.float32))
    x, y, slope = _hanging(s, t, folds, depth, rng) if shape == "hanging" else _floating(s, t, folds, depth, rng)
    weave = _weave(s, t, rng, rng.random() < params.pattern)
    tones = _shade(slope, s, t, rng)
    share = min(pose.size) / _GRID
    points = (round(_POINTS[0] * share), round(_POINTS[1] * share))
    # Linear: cubic interpolation would ripple the spacing of the points, and so the density.
    fine = np.asarray(cv2.resize(np.dstack([x, y, weave]), points[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    tones = np.asarray(cv2.resize(tones, points[::-1], interpolation=cv2.INTER_LINEAR), np.float32)

    column, row = pose.pixels(fine[..., 0], fine[..., 1])
    # A flat cloth fills about this many cells; so much mass makes the density one.
    area = _area(x, y) / pose.pixel**2
    mass = fine[..., 2].clip(0) * (area / (points[0] * points[1]))
    total = _even(splat(column, row, mass, pose.size))
    light = _even(splat(column, row, mass * tones, pose.size))
    shade = enlarge(light, size) / np.maximum(enlarge(total, size), 1e-4)
    # Folds seen edge-on are no denser than a few layers.
    thick = enlarge(5 * np.tanh(total / 5), size).clip(0)
    alpha = -np.expm1(-density * thick)

    low = lch(rng.uniform(0.3, 0.95), rng.choice([0.01, 0.02, 0.12]) * rng.uniform(0.5, 1.5), rng.random())
    warm = np.array([1.0, rng.uniform(0.94, 1.0), rng.uniform(0.86, 1.0)])
    color = np.clip(low * warm * np.clip(shade, 0.2, 1.5)[..., None], 0, 1)
    return foreground(np.dstack([color * alpha[..., None], alpha]).astype(np.float32), ImageType.STM, "transparent")


def _hanging(s: Float, t: Float, folds: float, depth: float, rng: np.random.Generator) -> tuple[Float, Float, Float]:
    """Cloth gathered at its upper hem; t runs down."""
    wide, spread = rng.uniform(0.4, 0.7), rng.uniform(0.75, 1.4)
    width = wide * (1 + (spread - 1) * t**0.8)
    warped = s + 0.09 * np.sin(5 * s + rng.uniform(0, 6)) + 0.05 * fractal(0.5 * s, 0.15 * t, rng, 2.2) * (0.3 + t)
    angle = 2 * np.pi * folds * warped + rng.uniform(-1.5, 1.5) * t
    second = 2 * np.pi * 2.3 * folds * warped + rng.uniform(0, 6)
    reach = depth / (2 * np.pi * folds) * (0.35 + 0.65 * ramp(t, -0.2, rng.uniform(0.3, 1.1)))
    # No two folds are equally deep, and some end on their way down.
    reach = reach * np.clip(0.8 + 0.55 * fractal(0.8 * s + 3, 0.25 * t, rng, 2.0), 0.1, 1.8)
    x = (s - 0.5) + reach * (np.sin(angle) + 0.25 * np.sin(second))
    sway = rng.uniform(-0.15, 0.15)
    y = 0.48 - 0.94 * t + 0.035 * np.cos(angle) * t - rng.uniform(0, 0.12) * (1 - t) * (1 - (2 * s - 1) ** 2)
    x = x * width + sway * t**1.5
    x, y = stir(x, y, rng, ((2, 0.03), (5, 0.008)), t)
    return x, y, np.asarray(np.cos(angle) + 0.3 * np.cos(second), np.float32)


def _floating(s: Float, t: Float, folds: float, depth: float, rng: np.random.Generator) -> tuple[Float, Float, Float]:
    """A scarf in the wind: a long band whose width turns over and over."""
    wide = rng.uniform(0.3, 0.55)
    angle = 2 * np.pi * (0.35 * folds * s + rng.uniform(0.3, 1.2) * t) + rng.uniform(0, 6)
    x: Array = wide * ((s - 0.5) + 0.12 * depth * np.sin(angle))
    y: Array = 0.9 * (0.5 - t) + 0.05 * depth * np.cos(angle)
    x, y = stir(x, y, rng, ((1, 0.1), (2, 0.09), (4, 0.025)), rng.uniform(0.5, 1.0))
    return x, y, np.asarray(np.cos(angle), np.float32)


def _weave(s: Float, t: Float, rng: np.random.Generator, patterned: bool) -> Float:
    """Mass per area: even, with denser hems, and perhaps dots or stripes."""
    hem = np.minimum(np.minimum(s, 1 - s), np.minimum(t, 1 - t))
    mass = 1 + rng.uniform(0.3, 1.6) * ramp(-hem, -0.014, -0.008) + 0.08 * fractal(0.7 * s, 0.7 * t, rng, 1.6)
    if patterned:
        count = float(rng.integers(5, 14))
        if rng.random() < 0.5:
            u, v = (s * count) % 1 - 0.5, (t * count * 1.3 + 0.5 * np.floor(s * count)) % 1 - 0.5
            mass = mass + rng.uniform(0.8, 2.5) * ramp(-np.hypot(u, v), -0.28, -0.2)
        else:
            mass = mass + rng.uniform(0.5, 1.5) * ramp(np.sin(2 * np.pi * count * t), 0.5, 0.8)
    return np.asarray(mass, np.float32)


def _shade(slope: Float, s: Float, t: Float, rng: np.random.Generator) -> Float:
    """Brightness of the cloth from the slope of its folds, with a soft sheen."""
    side = rng.choice([-1, 1])
    sheen = np.clip(side * slope, 0, 2) ** rng.uniform(2, 5)
    light = 0.8 + side * rng.uniform(0.12, 0.3) * slope + rng.uniform(0.05, 0.3) * sheen
    return np.asarray(light + 0.04 * fractal(0.7 * s, 0.7 * t, rng, 2.0), np.float32)


def _area(x: Float, y: Float) -> float:
    """Area that the cloth would cover if it were spread out along its mean directions."""
    along = np.hypot(np.diff(x, axis=0), np.diff(y, axis=0)).sum(axis=0).mean()
    return float(along * np.ptp(x.mean(axis=0)))


def _even(total: Float) -> Float:
    """Smooth the grain of the points, at the scale of the grid's cells."""
    return np.asarray(cv2.GaussianBlur(total, (0, 0), 0.75), np.float32)
