"""Colour and tone. Changes of F and B alike are made before blending, so that the equation holds afterwards."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np

from aimkit.bounds import Shares, Within
from aimkit.recipe import Range
from aimkit.synth.steps import PointwiseStep, Scene, Stage, StepParams, steps
from aimkit.types import Array, Float, UInt8, to_uint8


@steps.register("hsv_jitter")
class HsvJitter(PointwiseStep):
    """Jitter hue, saturation and value of the foreground (GCA matting, AAAI 2020).

    Attributes:
        hue: Turn of the hue in degrees, drawn from [low, high].
        saturation: Change of the saturation, drawn from [low, high].
        value: Change of the value, drawn from [low, high].
        mode: "add" adds the changes, as shares of full (the paper); "scale" multiplies by 1 plus the change. Adding
            saturation turns the noise of near-greys into coloured noise; scaling keeps greys grey.
    """

    stage: ClassVar[Stage] = "layer"
    keeps_equation: ClassVar[bool] = True

    hue: Annotated[Range, Within(-360, 360)] = (-40.0, 40.0)
    saturation: Annotated[Range, Within(-1, 1)] = (-0.1, 0.1)
    value: Annotated[Range, Within(-1, 1)] = (-0.1, 0.1)
    mode: Literal["add", "scale"] = "add"

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the turn and the two changes."""
        drawn = {name: float(rng.uniform(*getattr(self, name))) for name in ("hue", "saturation", "value")}
        return StepParams({name: round(value, 4) for name, value in drawn.items()}, drawn)

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Change the foreground's channels in HSV."""
        hsv = cv2.cvtColor(scene.foreground, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + params.values["hue"]) % 360
        for channel, name in ((1, "saturation"), (2, "value")):
            plane, change = hsv[..., channel], params.values[name]
            hsv[..., channel] = np.clip(plane + change if self.mode == "add" else plane * (1 + change), 0, 1)
        scene.foreground = np.clip(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), 0, 1)


@steps.register("gamma")
class Gamma(PointwiseStep):
    """The same power law on F and B: another exposure of the scene.

    Attributes:
        gamma: Exponent, drawn log-uniformly from [low, high].
    """

    stage: ClassVar[Stage] = "planes"
    keeps_equation: ClassVar[bool] = True

    gamma: Annotated[Range, Within(0.05, 20)] = (0.7, 1.4)

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the exponent."""
        exponent = float(np.exp(rng.uniform(*np.log(self.gamma))))
        return StepParams({"gamma": round(exponent, 4)}, {"gamma": np.float32(exponent)})

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Raise F and B to the exponent."""
        scene.foreground = np.power(scene.foreground, params.values["gamma"])
        scene.background = np.power(scene.background, params.values["gamma"])


@steps.register("contrast")
class Contrast(PointwiseStep):
    """The same contrast and brightness on F and B, clipped.

    Attributes:
        contrast: Factor about the mean of the background as placed, drawn from [low, high].
        brightness: Brightness added afterwards, as a share of full.
    """

    stage: ClassVar[Stage] = "planes"
    keeps_equation: ClassVar[bool] = True
    overview: ClassVar[bool] = True

    contrast: Annotated[Range, Within(0, 10)] = (0.7, 1.3)
    brightness: Annotated[Range, Within(-1, 1)] = (-0.1, 0.1)

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw factor and offset, and find the level that stays where it is."""
        factor, offset = np.float32(rng.uniform(*self.contrast)), np.float32(rng.uniform(*self.brightness))
        pivot = scene.whole.background.mean(dtype=np.float64).astype(np.float32)
        record = {"contrast": round(float(factor), 4), "brightness": round(float(offset), 4)}
        return StepParams(record, {"factor": factor, "offset": offset, "pivot": pivot})

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Stretch F and B about the pivot."""
        factor, offset, pivot = (params.values[name] for name in ("factor", "offset", "pivot"))
        for name in ("foreground", "background"):
            setattr(scene, name, np.clip((getattr(scene, name) - pivot) * factor + pivot + offset, 0, 1))


@steps.register("white_balance")
class WhiteBalance(PointwiseStep):
    """The same channel gains on F and B: light of another colour.

    Attributes:
        gain: Factor of red and of blue, each drawn from [low, high]; green stays.
    """

    stage: ClassVar[Stage] = "planes"
    keeps_equation: ClassVar[bool] = True

    gain: Annotated[Range, Within(0.1, 10)] = (0.85, 1.18)

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the gains of the channels."""
        red, blue = rng.uniform(*self.gain, size=2)
        record = {"red": round(float(red), 4), "blue": round(float(blue), 4)}
        return StepParams(record, {"gains": np.array([red, 1.0, blue], np.float32)})

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Multiply the channels of F and B."""
        gains = params.values["gains"]
        scene.foreground = np.clip(scene.foreground * gains, 0, 1)
        scene.background = np.clip(scene.background * gains, 0, 1)


@steps.register("match_histogram")
class MatchHistogram(PointwiseStep):
    """Move the foreground's colour histogram towards the background's, channel by channel, weighted by alpha.

    Attributes:
        strength: How far to move, drawn from [low, high]: 0 changes nothing, 1 gives F the histogram of B.
    """

    stage: ClassVar[Stage] = "planes"
    keeps_equation: ClassVar[bool] = True
    overview: ClassVar[bool] = True

    strength: Shares = (0.2, 0.7)

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the strength and find the channels' curves, (256, 3); nothing to apply without a foreground."""
        strength = np.float32(rng.uniform(*self.strength))
        record, whole = {"strength": round(float(strength), 4)}, scene.whole
        if whole.alpha.max(initial=0) <= 0:
            return StepParams(record)
        curves = [
            matching_curve(whole.foreground[..., c], whole.background[..., c], weights=whole.alpha) for c in range(3)
        ]
        return StepParams(record, {"strength": strength, "curves": np.stack(curves, axis=1)})

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Take F through the curves."""
        matched = _through(scene.uint8("foreground"), params.values["curves"])
        scene.foreground = scene.foreground + params.values["strength"] * (matched - scene.foreground)


def tint_background(scene: Scene, strength: float) -> None:
    """Give the background the foreground's histogram: structure stays, colour no longer tells them apart."""
    whole = scene.whole
    if whole.alpha.max(initial=0) <= 0:
        return
    curves = [
        matching_curve(whole.background[..., c], whole.foreground[..., c], target_weights=whole.alpha) for c in range(3)
    ]
    matched = _through(scene.uint8("background"), np.stack(curves, axis=1))
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
