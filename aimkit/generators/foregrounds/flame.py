"""Flames: light that is added to the background, with an alpha that agrees with it."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from aimkit.bounds import Name, Shares, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.generators.coverage import bleed
from aimkit.generators.flow import enlarge, fractal, ramp, smooth_size, stir
from aimkit.generators.pose import Pose
from aimkit.types import Array, Float, Foreground, ImageType

#: How strongly the gas glows in red, green and blue: soot (yellow, orange), gas (blue), copper salts (green).
_GLOW = {"fire": (3.2, 1.15, 0.26), "gas": (0.25, 0.75, 2.6), "green": (0.5, 2.6, 0.8)}


class Flame(GeneratorBlock):
    """Parameters of a flame.

    Attributes:
        shape: ``candle`` is one calm tongue, ``torch`` one torn tongue, ``fire`` several on a wide foot.
        kind: Colour: ``fire`` glows with soot, ``gas`` burns blue, ``green`` as with copper.
        scale: Height, relative to the short side of the frame.
        strength: Optical strength of the glow; 0.3 is faint, 1 is glaring.
        opacity: How much of the background the glowing soot hides beyond the light it adds; 0 is the least alpha that
            can carry the light.
        lean: Tilt, degrees.
    """

    generator: Name = "flame"
    shape: Literal["any", "candle", "torch", "fire"] = "any"
    kind: Literal["any", "fire", "gas", "green"] = "any"
    scale: Annotated[Range, Within(0.1, 1)] = (0.6, 0.95)
    strength: Annotated[Range, Within(0, 3)] = (0.3, 1.0)
    opacity: Shares = (0, 0.3)
    lean: Annotated[Range, Within(-80, 80)] = (-15, 15)


@generators.register("flame", type=ImageType.STM, category="fire", params=Flame)
def flame(params: Flame, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """A candle's, a torch's or a camp fire's flame.

    Hot gas rises in a few torn sheets; each channel saturates by itself as the light adds up, 1 - exp(-glow), so that
    a dense core turns from orange to yellow and white. The light E is what the viewer gets; alpha is its largest
    channel, raised a little where soot hides the background, and the straight colour is E / alpha.
    """
    shape = params.shape if params.shape != "any" else str(rng.choice(["candle", "torch", "fire", "fire"]))
    kind = params.kind if params.kind != "any" else str(rng.choice(["fire"] * 10 + ["gas", "green"]))
    pose = Pose(smooth_size(size), draw(rng, params.scale), np.deg2rad(draw(rng, params.lean)))
    strength, opacity = draw(rng, params.strength), draw(rng, params.opacity)
    x, y = pose.grid()
    heat = strength * _heat(x, y + np.float32(0.5), shape, rng) * ramp(0.65 - np.hypot(x, 0.85 * y), 0, 0.2)
    light = emission(enlarge(heat, size).clip(0), np.array(_GLOW[kind]) * rng.uniform(0.85, 1.15, 3))
    return burning(light, opacity)


def emission(heat: Array, glow: Array) -> Float:
    """Light of hot gas, (H, W, 3) in [0, 0.97]: every channel saturates by itself."""
    deep = heat[..., None] * (1 + 0.5 * heat[..., None])
    return np.asarray(-0.97 * np.expm1(-deep * glow), np.float32)


def burning(light: Float, opacity: float) -> Foreground:
    """The foreground that adds ``light``, (H, W, 3): straight colour times alpha is the light."""
    peak = light.max(axis=-1)
    alpha = peak + opacity * peak * (1 - peak)
    alpha[alpha < 2e-3] = 0
    color = np.clip(light / np.maximum(alpha, 1e-4)[..., None], 0, 1)
    return Foreground(bleed(color, alpha), alpha, ImageType.STM, "fire")


def _heat(x: Float, y: Float, shape: str, rng: np.random.Generator) -> Float:
    """Density of hot gas, about 1 in the core; the foot is at y = 0, the tip at 1."""
    if shape == "candle":
        tongues, layers = [(0.0, 1.0, rng.uniform(0.09, 0.15))], 1
        levels: list[tuple[int, float]] = [(1, 0.05), (3, 0.012)]
    elif shape == "torch":
        tongues, layers = [(0.0, 1.0, rng.uniform(0.16, 0.26))], 3
        levels = [(2, 0.07), (4, 0.05), (9, 0.024), (18, 0.009)]
    else:
        places = np.linspace(-0.18, 0.18, int(rng.integers(4, 7))) + rng.normal(0, 0.02)
        tongues = [
            (float(p), float(rng.uniform(0.85, 1.4) - 1.8 * abs(p)), float(rng.uniform(0.11, 0.17))) for p in places
        ]
        layers = 3
        levels = [(2, 0.07), (4, 0.06), (9, 0.028), (18, 0.011)]
    total = np.zeros_like(x)
    for _ in range(layers):
        # Flames tear more the higher they reach.
        reach = rng.uniform(0.6, 1.0) if layers > 1 else 1.0
        u, v = stir(x, y, rng, levels, rng.uniform(0.8, 1.3) * (0.15 + np.clip(y, 0, 1)), coarse=2)
        streaks = fractal(u * 1.4, v * 0.5, rng, 1.8) if layers > 1 else np.zeros_like(x)
        body = np.full_like(x, -1)
        for place, height, width in tongues:
            t = v / (height * reach)
            inside = np.clip(t, 0.001, 1)
            radius = width * (0.25 * (1 - inside) + np.clip(np.sin(np.pi * inside**0.5), 0, 1) ** 1.2) + 0.02
            body = np.maximum(body, 1 - np.abs(u - place * (1 - 0.5 * inside)) / radius - 3 * np.clip(t - 0.95, 0, 1))
        body = body + 0.28 * streaks * np.clip(v + 0.4, 0.4, 1)
        foot = ramp(v + 0.3 * np.abs(u), -0.03, 0.16 if shape == "candle" else 0.3)
        total += ramp(body, 0.0, 1.3 if layers > 1 else 0.8) * foot * np.exp(0.35 * streaks)
    if shape == "candle":
        # The zone around the wick is dark: the wax vapour has not met air yet.
        total *= 1 - 0.75 * np.exp(-((x / 0.045) ** 2) - ((y - 0.1) / 0.12) ** 2)
    return np.asarray(1.6 * total / layers, np.float32)
