"""Light between foreground and background: cast shadow and light wrap. They change B or F before blending."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from aimkit.recipe import Range
from aimkit.synth import geometry
from aimkit.synth.steps import Drawn, Scene, StepBlock, no_reach, steps
from aimkit.types import ImageType


class Shadow(StepBlock):
    """Attributes:
    strength: Share of the light that is taken away where the shadow is full.
    softness: Blur of its edge in thousandths of the short side.
    offset: Length of its shift, as a share of the short side.
    """

    strength: Range = (0.2, 0.6)
    softness: Range = (5.0, 40.0)
    offset: Range = (0.02, 0.2)


def draw_shadow(scene: Scene, params: Shadow, rng: np.random.Generator) -> Drawn:
    """Strength, and the shadow as it falls on the view."""
    if scene.type is ImageType.NS:
        # Fog, rain and lenses' dirt have no shadow on what is behind them.
        return Drawn({"skipped": "non-salient"})
    # Shadows are soft: the overview shows all that there is of them, wherever it is cast from.
    alpha = scene.whole.alpha
    short = min(alpha.shape)
    strength, softness, offset = (
        float(rng.uniform(*span)) for span in (params.strength, params.softness, params.offset)
    )
    angle, shear = float(rng.uniform(0, 360)), float(rng.uniform(-20, 20))
    height, width = alpha.shape
    middle = (width / 2, height / 2)
    shift = offset * short * np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
    matrix = geometry.affine(middle, shear=shear, to=(middle[0] + shift[0], middle[1] + shift[1]))
    moved = cv2.warpAffine(alpha, matrix, (width, height), flags=cv2.INTER_LINEAR)
    cast = np.asarray(cv2.GaussianBlur(moved, (0, 0), max(softness * short / 1000, 0.3)), np.float32)
    if scene.view is not None:
        cast = geometry.spread(cast, scene.view)
    record = {
        "strength": round(strength, 4),
        "softness": round(softness, 3),
        "offset": round(offset, 4),
        "angle": round(angle, 2),
        "shear": round(shear, 2),
    }
    return Drawn(record, {"strength": np.float32(strength)}, cast)


@steps.register(
    "shadow", params=Shadow, on="planes", keeps_equation=True, reach=no_reach, overview=True, draw=draw_shadow
)
def shadow(scene: Scene, params: Shadow, rng: np.random.Generator) -> dict[str, Any]:
    """The foreground's alpha, moved, sheared and blurred, darkens the background (BackgroundMattingV2, CVPR 2021)."""
    drawn = draw_shadow(scene, params, rng)
    if drawn.plane is not None:
        scene.background = scene.background * (1 - drawn.values["strength"] * drawn.plane[..., None])
    return drawn.record


class LightWrap(StepBlock):
    """Attributes:
    strength: Share of the background's light at the very edge.
    width: Reach into the foreground in thousandths of the short side.
    """

    strength: Range = (0.1, 0.5)
    width: Range = (4.0, 20.0)


def _spill_reach(params: LightWrap, short: float) -> int:
    # OpenCV cuts a Gaussian of floats off at four standard deviations.
    return int(np.ceil(4 * max(params.width[1] * short / 1000, 0.3))) + 1


def draw_light_wrap(scene: Scene, params: LightWrap, rng: np.random.Generator) -> Drawn:
    """Strength, and the blur's standard deviation in pixels."""
    strength = np.float32(rng.uniform(*params.strength))
    sigma = max(float(rng.uniform(*params.width)) * scene.short / 1000, 0.3)
    record = {"strength": round(float(strength), 4), "sigma": round(sigma, 3)}
    return Drawn(record, {"strength": strength, "sigma": sigma})


@steps.register(
    "light_wrap", params=LightWrap, on="planes", keeps_equation=True, reach=_spill_reach, draw=draw_light_wrap
)
def light_wrap(scene: Scene, params: LightWrap, rng: np.random.Generator) -> dict[str, Any]:
    """Blurred background light spills onto the edge of the foreground."""
    drawn = draw_light_wrap(scene, params, rng)
    strength, sigma = drawn.values["strength"], drawn.values["sigma"]
    spill = cv2.GaussianBlur(scene.background * (1 - scene.alpha[..., None]), (0, 0), sigma)
    reach = cv2.GaussianBlur(1 - scene.alpha, (0, 0), sigma)[..., None]
    # Near the edge `reach` is about one half and falls to 0 inside; there the spill is its share of light.
    scene.foreground = np.clip(scene.foreground * (1 - strength * reach) + strength * spill, 0, 1)
    return drawn.record
