"""Colour and tone. Changes of F and B alike are made before blending, so that the equation holds afterwards."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from aimkit.recipe import Range
from aimkit.synth.steps import Drawn, Scene, StepBlock, no_reach, steps
from aimkit.types import Array, Float, UInt8, to_uint8


class HsvJitter(StepBlock):
    """Attributes:
    hue: Turn of the hue, degrees.
    saturation: Added to the saturation, share of full.
    value: Added to the value, share of full.
    """

    hue: Range = (-40.0, 40.0)
    saturation: Range = (-0.1, 0.1)
    value: Range = (-0.1, 0.1)


@steps.register("hsv_jitter", params=HsvJitter, on="layer", keeps_equation=True, reach=no_reach)
def hsv_jitter(scene: Scene, params: HsvJitter, rng: np.random.Generator) -> dict[str, Any]:
    """Jitter hue, saturation and value of the foreground (GCA matting, AAAI 2020)."""
    drawn = {name: float(rng.uniform(*getattr(params, name))) for name in ("hue", "saturation", "value")}
    hsv = cv2.cvtColor(scene.foreground, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + drawn["hue"]) % 360
    hsv[..., 1] = np.clip(hsv[..., 1] + drawn["saturation"], 0, 1)
    hsv[..., 2] = np.clip(hsv[..., 2] + drawn["value"], 0, 1)
    scene.foreground = np.clip(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), 0, 1)
    return {name: round(value, 4) for name, value in drawn.items()}


class Gamma(StepBlock):
    """Attributes:
    gamma: Exponent, drawn evenly on a logarithmic scale.
    """

    gamma: Range = (0.7, 1.4)


def draw_gamma(scene: Scene, params: Gamma, rng: np.random.Generator) -> Drawn:
    """The exponent."""
    exponent = float(np.exp(rng.uniform(*np.log(params.gamma))))
    return Drawn({"gamma": round(exponent, 4)}, {"gamma": np.float32(exponent)})


@steps.register("gamma", params=Gamma, on="planes", keeps_equation=True, reach=no_reach, draw=draw_gamma)
def gamma(scene: Scene, params: Gamma, rng: np.random.Generator) -> dict[str, Any]:
    """The same power law on F and B: another exposure of the scene."""
    drawn = draw_gamma(scene, params, rng)
    scene.foreground = np.power(scene.foreground, drawn.values["gamma"])
    scene.background = np.power(scene.background, drawn.values["gamma"])
    return drawn.record


class Contrast(StepBlock):
    """Attributes:
    contrast: Factor about the mean of the background as placed.
    brightness: Added afterwards, share of full.
    """

    contrast: Range = (0.7, 1.3)
    brightness: Range = (-0.1, 0.1)


def draw_contrast(scene: Scene, params: Contrast, rng: np.random.Generator) -> Drawn:
    """Factor and offset, and the level that stays where it is."""
    factor, offset = np.float32(rng.uniform(*params.contrast)), np.float32(rng.uniform(*params.brightness))
    pivot = scene.whole.background.mean(dtype=np.float64).astype(np.float32)
    record = {"contrast": round(float(factor), 4), "brightness": round(float(offset), 4)}
    return Drawn(record, {"factor": factor, "offset": offset, "pivot": pivot})


@steps.register(
    "contrast",
    params=Contrast,
    on="planes",
    keeps_equation=True,
    reach=no_reach,
    overview=True,
    draw=draw_contrast,
)
def contrast(scene: Scene, params: Contrast, rng: np.random.Generator) -> dict[str, Any]:
    """The same contrast and brightness on F and B, clipped."""
    drawn = draw_contrast(scene, params, rng)
    factor, offset, pivot = (drawn.values[name] for name in ("factor", "offset", "pivot"))
    for name in ("foreground", "background"):
        setattr(scene, name, np.clip((getattr(scene, name) - pivot) * factor + pivot + offset, 0, 1))
    return drawn.record


class WhiteBalance(StepBlock):
    """Attributes:
    gain: Factor of red and of blue, each drawn; green stays.
    """

    gain: Range = (0.85, 1.18)


def draw_white_balance(scene: Scene, params: WhiteBalance, rng: np.random.Generator) -> Drawn:
    """Gains of the channels."""
    red, blue = rng.uniform(*params.gain, size=2)
    record = {"red": round(float(red), 4), "blue": round(float(blue), 4)}
    return Drawn(record, {"gains": np.array([red, 1.0, blue], np.float32)})


@steps.register(
    "white_balance", params=WhiteBalance, on="planes", keeps_equation=True, reach=no_reach, draw=draw_white_balance
)
def white_balance(scene: Scene, params: WhiteBalance, rng: np.random.Generator) -> dict[str, Any]:
    """The same channel gains on F and B: light of another colour."""
    drawn = draw_white_balance(scene, params, rng)
    gains = drawn.values["gains"]
    scene.foreground = np.clip(scene.foreground * gains, 0, 1)
    scene.background = np.clip(scene.background * gains, 0, 1)
    return drawn.record


class MatchHistogram(StepBlock):
    """Attributes:
    strength: 0 leaves the foreground as it is, 1 gives it the background's histogram.
    """

    strength: Range = (0.2, 0.7)


def draw_match_histogram(scene: Scene, params: MatchHistogram, rng: np.random.Generator) -> Drawn:
    """Strength, and the channels' curves, (256, 3); nothing is done where there is no foreground."""
    strength = np.float32(rng.uniform(*params.strength))
    record, whole = {"strength": round(float(strength), 4)}, scene.whole
    if whole.alpha.max(initial=0) <= 0:
        return Drawn(record)
    curves = [matching_curve(whole.foreground[..., c], whole.background[..., c], weights=whole.alpha) for c in range(3)]
    return Drawn(record, {"strength": strength, "curves": np.stack(curves, axis=1)})


@steps.register(
    "match_histogram",
    params=MatchHistogram,
    on="planes",
    keeps_equation=True,
    reach=no_reach,
    overview=True,
    draw=draw_match_histogram,
)
def match_histogram(scene: Scene, params: MatchHistogram, rng: np.random.Generator) -> dict[str, Any]:
    """Move the foreground's colour histogram towards the background's, channel by channel, weighted by alpha."""
    drawn = draw_match_histogram(scene, params, rng)
    if drawn.values:
        matched = _through(scene.levels("foreground"), drawn.values["curves"])
        scene.foreground = scene.foreground + drawn.values["strength"] * (matched - scene.foreground)
    return drawn.record


def tint_background(scene: Scene, strength: float) -> None:
    """Give the background the foreground's histogram: structure stays, colour no longer tells them apart."""
    whole = scene.whole
    if whole.alpha.max(initial=0) <= 0:
        return
    curves = [
        matching_curve(whole.background[..., c], whole.foreground[..., c], target_weights=whole.alpha) for c in range(3)
    ]
    matched = _through(scene.levels("background"), np.stack(curves, axis=1))
    scene.background = scene.background + np.float32(strength) * (matched - scene.background)


def matching_curve(
    plane: Float, target: Float, *, weights: Float | None = None, target_weights: Float | None = None
) -> Float:
    """The monotone curve that takes one plane's distribution to another's (histogram matching).

    Args:
        plane: Float32 in [0, 1], (H, W).
        target: Float32 in [0, 1], any size.
        weights: How much each pixel of ``plane`` counts.
        target_weights: How much each pixel of ``target`` counts.

    Returns:
        Float32, (256,): the new value of each level.
    """
    source_cdf, target_cdf = _cdf(plane, weights), _cdf(target, target_weights)
    return np.interp(source_cdf, target_cdf, np.linspace(0, 1, 256)).astype(np.float32)


def _through(levels: UInt8, curves: Float) -> Float:
    """Every channel through its curve, from level to level; curves are (256, 3)."""
    return np.asarray(cv2.LUT(levels, np.ascontiguousarray(curves)[None]), np.float32)


def _cdf(plane: Float, weights: Float | None) -> Array:
    """Cumulative histogram at the middle of each level, strictly rising."""
    histogram: Array = np.bincount(to_uint8(plane).ravel(), None if weights is None else weights.ravel(), minlength=256)
    counts = histogram.astype(np.float64) + 1e-9
    return (np.cumsum(counts) - counts / 2) / counts.sum()
