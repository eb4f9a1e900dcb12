"""Light between foreground and background: cast shadow and light wrap. They change B or F before blending."""

from __future__ import annotations

from typing import Annotated, ClassVar

import cv2
import numpy as np
from pydantic import Field

from aimkit.bounds import Shares, Within
from aimkit.recipe import Range
from aimkit.synth import geometry
from aimkit.synth.steps import PointwiseStep, Scene, Stage, Step, StepParams, steps
from aimkit.types import Array, Float, ImageType

#: Blur of a shadow on the ground where it begins, relative to where it ends.
_NEAR = 0.15
#: Share of a foreground's height, from its foot up, that is near enough to the ground to keep light from it.
_SOLE = 0.08


@steps.register("shadow")
class Shadow(PointwiseStep):
    """Darken the background by the foreground's alpha, moved, sheared and blurred (BackgroundMattingV2, CVPR 2021).

    Attributes:
        strength: Share of the light that the full shadow takes away, drawn from [low, high].
        softness: Blur of the shadow's edge in thousandths of the short side.
        offset: Length of the shadow's shift, as a share of the short side.
        ground: Row from which the canvas shows ground, as a share of its height. The shadow then lies on the ground: it
            begins at the foreground's foot, where it is sharp and darkest around the points of contact, falls forwards
            by ``offset``, up to 50 degrees sideways, and softens on its way. Only SO foregrounds cast one, and none
            whose foot is above the ground or out of sight. None lets it fall anywhere.

    Foregrounds whose source has shadow layers, as cut-outs of ``aimkit render`` may, cast these as they were rendered:
    with the scale, rotation and position of the foreground. ``strength``, ``softness`` and ``offset`` are not used
    then, and further foregrounds of the sample without a layer cast none. ``strength = 0`` leaves only rendered
    shadows.
    """

    stage: ClassVar[Stage] = "planes"
    keeps_equation: ClassVar[bool] = True
    casts: ClassVar[bool] = True
    overview: ClassVar[bool] = True

    strength: Shares = (0.2, 0.6)
    softness: Annotated[Range, Within(0, 300)] = (5.0, 40.0)
    offset: Annotated[Range, Within(0, 1)] = (0.02, 0.2)
    ground: float | None = Field(None, ge=0, le=1)

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the shadow as it falls on the view; nothing to apply for non-salient foregrounds."""
        if scene.type is ImageType.NS:
            # Fog, rain and dirt on the lens cast no shadow on what is behind them.
            return StepParams({"skipped": "non-salient"})
        if scene.darkness is not None:
            return self._rendered(scene, scene.darkness)
        # Shadows are soft: the overview shows all that there is of them, wherever it is cast from.
        alpha = scene.whole.alpha
        short = min(alpha.shape)
        strength, softness, offset = (float(rng.uniform(*span)) for span in (self.strength, self.softness, self.offset))
        if self.ground is not None:
            return self._on_ground(scene, strength, softness * short / 1000, offset * short, rng)
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
        return StepParams(record, {"strength": np.float32(strength)}, cast)

    def _on_ground(
        self, scene: Scene, strength: float, sigma: float, length: float, rng: np.random.Generator
    ) -> StepParams:
        """The shadow of a foreground that stands, laid down from its foot; lengths are in pixels of the overview."""
        assert self.ground is not None
        alpha, lean = scene.whole.alpha, float(rng.uniform(-50, 50))
        height, width = alpha.shape
        rows = np.flatnonzero(alpha.max(axis=1) > 0.5)
        if scene.type is not ImageType.SO or not self._stands(rows, height):
            return StepParams({"skipped": "no foot on the ground"})
        # Edges of the foreground, as OpenCV counts (centres of pixels at integers).
        top, foot = rows[0] - 0.5, rows[-1] + 0.5
        # A point at height h above the foot falls onto (x + aside * h, foot + forwards * h).
        forwards = length / (foot - top)
        aside = np.tan(np.deg2rad(lean)) * forwards
        matrix = np.array([[1, -aside, aside * foot], [0, -forwards, (1 + forwards) * foot]])
        laid = cv2.warpAffine(alpha, matrix, (width, height), flags=cv2.INTER_LINEAR)
        # What hides behind the foreground goes on above the foot, or blurring would leave a bright line there.
        laid[: rows[-1] + 1] = laid[rows[-1] + 1]
        sharp, soft = (cv2.GaussianBlur(laid, (0, 0), max(width, 0.3)) for width in (_NEAR * sigma, sigma))
        away = np.clip((np.arange(height) - foot) / max(length, 1), 0, 1)[:, None]
        cast = np.asarray(sharp + (soft - sharp) * away, np.float32)
        cast[: rows[-1] + 1] = 0
        if sigma >= 1:
            # Soft light comes from everywhere; hardly any gets in under what touches the ground.
            height_above = (foot - np.arange(height)) / (foot - top)
            sole = alpha * np.clip(1 - height_above / _SOLE, 0, 1).astype(np.float32)[:, None]
            # A blurred edge is half as dark as what it belongs to; at the edge itself it is darkest here.
            near = np.minimum(2 * cv2.GaussianBlur(sole, (0, 0), sigmaX=sigma / 2, sigmaY=sigma / 4), 1)
            cast = np.maximum(cast, near)
        if scene.view is not None:
            cast = geometry.spread(cast, scene.view)
        drawn = {"strength": strength, "lean": lean, "length": length / height, "foot": (rows[-1] + 1) / height}
        record = {name: round(float(value), 4) for name, value in drawn.items()}
        return StepParams(record, {"strength": np.float32(strength)}, cast)

    def _stands(self, rows: Array, height: int) -> bool:
        """Whether the last of a foreground's rows shows its foot, on ground."""
        return bool(rows.size and (self.ground or 0) * height <= rows[-1] + 1 < height)

    def _rendered(self, scene: Scene, darkness: Float) -> StepParams:
        """The shadow that comes with the foreground."""
        seen = scene.whole.alpha
        if self.ground is not None and not self._stands(np.flatnonzero(seen.max(axis=1) > 0.1), len(seen)):
            return StepParams({"skipped": "no foot on the ground"})
        whole = scene.whole.darkness
        darkest = 0.0 if whole is None else float(whole.max())
        return StepParams({"rendered": True, "darkest": round(darkest, 4)}, {"strength": np.float32(1)}, darkness)

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Darken B."""
        assert params.plane is not None
        scene.background = scene.background * (1 - params.values["strength"] * params.plane[..., None])


@steps.register("light_wrap")
class LightWrap(Step):
    """Blurred background light spills onto the edge of the foreground.

    Attributes:
        strength: Share of the background's light at the very edge, drawn from [low, high].
        width: Standard deviation of the blur in thousandths of the short side.
    """

    stage: ClassVar[Stage] = "planes"
    keeps_equation: ClassVar[bool] = True

    strength: Shares = (0.1, 0.5)
    width: Annotated[Range, Within(0, 100)] = (4.0, 20.0)

    def margin(self, short_side: float) -> int:
        """Four standard deviations, where OpenCV cuts off a Gaussian of floats."""
        return int(np.ceil(4 * max(self.width[1] * short_side / 1000, 0.3))) + 1

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the strength, and the blur's standard deviation in pixels."""
        strength = np.float32(rng.uniform(*self.strength))
        sigma = max(float(rng.uniform(*self.width)) * scene.short_side / 1000, 0.3)
        record = {"strength": round(float(strength), 4), "sigma": round(sigma, 3)}
        return StepParams(record, {"strength": strength, "sigma": sigma})

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Mix the spilled light into F."""
        strength, sigma = params.values["strength"], params.values["sigma"]
        spill = cv2.GaussianBlur(scene.background * (1 - scene.alpha[..., None]), (0, 0), sigma)
        nearness = cv2.GaussianBlur(1 - scene.alpha, (0, 0), sigma)[..., None]
        # The nearness is about one half at the edge and falls to 0 inside; the spill is its share of light.
        scene.foreground = np.clip(scene.foreground * (1 - strength * nearness) + strength * spill, 0, 1)
