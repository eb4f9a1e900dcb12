"""What a camera and a file do to the composite. F and B stay as they were, so the equation no longer holds."""

from __future__ import annotations

from typing import Annotated, ClassVar

import cv2
import numpy as np

from aimkit.bounds import Qualities, Within
from aimkit.matting.composite import linear_to_srgb, srgb_to_linear
from aimkit.recipe import Range
from aimkit.synth.noise import draw_starts, noise_from
from aimkit.synth.steps import PointwiseStep, Scene, Stage, Step, StepParams, steps
from aimkit.synth.view import BLOCK, View
from aimkit.types import Array, to_float, to_uint8


class Compression(Step):
    """Store the composite in a lossy format and read it back; the formats are subclasses.

    Attributes:
        quality: Quality of the encoder, 1 to 100, drawn from [low, high].
        suffix: File suffix of the format, as OpenCV knows it (class variable).
        quality_flag: OpenCV's number for the quality of that format (class variable).
    """

    stage: ClassVar[Stage] = "image"
    keeps_equation: ClassVar[bool] = False
    suffix: ClassVar[str]
    quality_flag: ClassVar[int]

    quality: Qualities = (60, 95)

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the quality."""
        drawn = {"quality": int(rng.integers(self.quality[0], self.quality[1] + 1))}
        return StepParams(drawn, drawn)

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Encode and decode the composite."""
        levels = cv2.cvtColor(to_uint8(scene.image), cv2.COLOR_RGB2BGR)
        encoded = cv2.imencode(self.suffix, levels, [self.quality_flag, params.values["quality"]])[1]
        decoded: Array = cv2.imdecode(encoded, cv2.IMREAD_COLOR)  # type: ignore[assignment]
        scene.image = to_float(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))


@steps.register("jpeg")
class Jpeg(Compression):
    """Store the composite as JPEG and read it back.

    Attributes:
        quality: Quality of the encoder, 1 to 100, drawn from [low, high].
    """

    suffix: ClassVar[str] = ".jpg"
    quality_flag: ClassVar[int] = cv2.IMWRITE_JPEG_QUALITY

    def margin(self, short_side: float) -> int:
        """One block: chroma is halved and smoothed over to the neighbours of a block."""
        return BLOCK


@steps.register("webp")
class WebP(Compression):
    """Store the composite as lossy WebP and read it back.

    Attributes:
        quality: Quality of the encoder, 1 to 100, drawn from [low, high].
    """

    suffix: ClassVar[str] = ".webp"
    quality_flag: ClassVar[int] = cv2.IMWRITE_WEBP_QUALITY


@steps.register("sensor_noise")
class SensorNoise(PointwiseStep):
    """Shot and read noise in linear light: variance = shot * light + read^2 (Brooks et al., CVPR 2019).

    Attributes:
        shot: Variance per unit of light, drawn log-uniformly from [low, high].
        read: Standard deviation in the dark, in linear light, drawn likewise.
    """

    stage: ClassVar[Stage] = "image"
    keeps_equation: ClassVar[bool] = False

    shot: Annotated[Range, Within(1e-9, 1)] = (1e-4, 3e-3)
    read: Annotated[Range, Within(1e-9, 1)] = (5e-4, 5e-3)

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the two variances, and where the noise starts."""
        shot, read = (float(np.exp(rng.uniform(*np.log(span)))) for span in (self.shot, self.read))
        values = {"shot": np.float32(shot), "read": np.float32(read**2), "starts": draw_starts(rng)}
        return StepParams({"shot": round(shot, 6), "read": round(read, 6)}, values)

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Add the noise to the composite."""
        light = srgb_to_linear(scene.image)
        deviation = np.sqrt(params.values["shot"] * light + params.values["read"])
        light = light + deviation * noise_from(scene.view or View.whole(scene.alpha.shape), params.values["starts"])
        scene.image = linear_to_srgb(np.clip(light, 0, 1))
