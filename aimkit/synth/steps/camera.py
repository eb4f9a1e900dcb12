"""What a camera and a file do to the composite. F and B stay as they were, so the equation no longer holds."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from aimkit.matting.composite import linear_to_srgb, srgb_to_linear
from aimkit.recipe import IntRange, Range
from aimkit.synth.noise import draw_starts, noise_from
from aimkit.synth.steps import Drawn, Scene, StepBlock, no_reach, steps
from aimkit.synth.view import BLOCK, View
from aimkit.types import Array, to_float, to_uint8


class Compression(StepBlock):
    """Attributes:
    quality: 1 to 100, drawn from [low, high].
    """

    quality: IntRange = (60, 95)


# Chroma is halved and smoothed over to the neighbours of a block.
@steps.register("jpeg", params=Compression, on="image", keeps_equation=False, reach=lambda params, short: BLOCK)
def jpeg(scene: Scene, params: Compression, rng: np.random.Generator) -> dict[str, Any]:
    """Store the composite as JPEG and read it back."""
    return _compress(scene, ".jpg", cv2.IMWRITE_JPEG_QUALITY, params, rng)


@steps.register("webp", params=Compression, on="image", keeps_equation=False)
def webp(scene: Scene, params: Compression, rng: np.random.Generator) -> dict[str, Any]:
    """Store the composite as lossy WebP and read it back."""
    return _compress(scene, ".webp", cv2.IMWRITE_WEBP_QUALITY, params, rng)


class SensorNoise(StepBlock):
    """Attributes:
    shot: Variance per unit of light, drawn evenly on a logarithmic scale.
    read: Standard deviation in the dark, in linear light, likewise.
    """

    shot: Range = (1e-4, 3e-3)
    read: Range = (5e-4, 5e-3)


def draw_sensor_noise(scene: Scene, params: SensorNoise, rng: np.random.Generator) -> Drawn:
    """Variance per light, variance in the dark, starts of the noise."""
    shot, read = (float(np.exp(rng.uniform(*np.log(span)))) for span in (params.shot, params.read))
    values = {"shot": np.float32(shot), "read": np.float32(read**2), "starts": draw_starts(rng)}
    return Drawn({"shot": round(shot, 6), "read": round(read, 6)}, values)


@steps.register(
    "sensor_noise", params=SensorNoise, on="image", keeps_equation=False, reach=no_reach, draw=draw_sensor_noise
)
def sensor_noise(scene: Scene, params: SensorNoise, rng: np.random.Generator) -> dict[str, Any]:
    """Shot and read noise in linear light: variance = shot * light + read^2 (Brooks et al., CVPR 2019)."""
    drawn = draw_sensor_noise(scene, params, rng)
    light = srgb_to_linear(scene.image)
    deviation = np.sqrt(drawn.values["shot"] * light + drawn.values["read"])
    light = light + deviation * noise_from(scene.view or View.whole(scene.alpha.shape), drawn.values["starts"])
    scene.image = linear_to_srgb(np.clip(light, 0, 1))
    return drawn.record


def _compress(scene: Scene, suffix: str, flag: int, params: Compression, rng: np.random.Generator) -> dict[str, Any]:
    quality = int(rng.integers(params.quality[0], params.quality[1] + 1))
    levels = cv2.cvtColor(to_uint8(scene.image), cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(suffix, levels, [flag, quality])[1]
    decoded: Array = cv2.imdecode(encoded, cv2.IMREAD_COLOR)  # type: ignore[assignment]
    scene.image = to_float(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))
    return {"quality": quality}
