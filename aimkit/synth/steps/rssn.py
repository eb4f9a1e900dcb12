"""RSSN: what separates a composite from a photo, and how to hide it (Li et al., GFM, IJCV 2021; AIM, IJCAI 2021).

Resolution and semantics are matters of the backgrounds that one takes; sharpness and noise are steps.
"""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from pydantic import Field

from aimkit.recipe import Range
from aimkit.synth import noise as fields
from aimkit.synth.steps import Drawn, Scene, StepBlock, no_reach, steps
from aimkit.synth.view import View
from aimkit.types import Array, Float, to_float, to_uint8


class BlurBackground(StepBlock):
    """Attributes:
    kernels: Sides of the box in pixels of the canvas, one is drawn.
    centered: False shifts the background by half a pixel when the side is even, as the reference does.
    """

    kernels: tuple[int, ...] = Field((20, 30, 40, 50, 60), min_length=1)
    centered: bool = True


def _box_reach(params: BlurBackground, short: float) -> int:
    return max(params.kernels) // 2 + 1


def draw_blur_background(scene: Scene, params: BlurBackground, rng: np.random.Generator) -> Drawn:
    """Side of the box in pixels of the view, and whether an even one is centred."""
    drawn = int(rng.choice(params.kernels))
    side = drawn if scene.view is None else max(1, round(drawn * scene.view.scale))
    return Drawn({"kernel": drawn}, {"side": side, "centered": params.centered})


@steps.register(
    "blur_background",
    params=BlurBackground,
    on="planes",
    keeps_equation=True,
    reach=_box_reach,
    draw=draw_blur_background,
)
def blur_background(scene: Scene, params: BlurBackground, rng: np.random.Generator) -> dict[str, Any]:
    """Box blur of the background: the foreground's photo had a blurred background too."""
    drawn = draw_blur_background(scene, params, rng)
    side = drawn.values["side"]
    levels: Array = scene.levels("background")
    count = side * side
    if params.centered and side % 2 == 0:
        # A box of even side has no middle pixel: the mean of the four boxes about the middle is centred.
        levels, count = cv2.boxFilter(levels, cv2.CV_16U, (2, 2), anchor=(0, 0), normalize=False), 4 * count
    # Sums of levels are exact, and so the same in a window as in the whole.
    sums = cv2.boxFilter(levels, cv2.CV_32F, (side, side), normalize=False)
    scene.background = cv2.addWeighted(sums, 1 / count, sums, 0, 0, dtype=cv2.CV_8U)
    return drawn.record


class SharedNoise(StepBlock):
    """Attributes:
    sigma: Standard deviation in grey levels of 255, drawn from [low, high].
    """

    sigma: Range = (10.0, 10.0)


def draw_shared_noise(scene: Scene, params: SharedNoise, rng: np.random.Generator) -> Drawn:
    """Standard deviation in [0, 1], and starts of the noise."""
    sigma = float(rng.uniform(*params.sigma))
    return Drawn({"sigma": round(sigma, 3)}, {"sigma": np.float32(sigma / 255), "starts": fields.draw_starts(rng)})


@steps.register(
    "shared_noise", params=SharedNoise, on="planes", keeps_equation=True, reach=no_reach, draw=draw_shared_noise
)
def shared_noise(scene: Scene, params: SharedNoise, rng: np.random.Generator) -> dict[str, Any]:
    """The same Gaussian noise on F and B, and so on the composite.

    Added before blending and clipped there, so that the equation holds to the last level: I = aF + (1-a)B.
    """
    drawn = draw_shared_noise(scene, params, rng)
    planes = scene.levels("foreground"), scene.levels("background")
    sigma = drawn.values["sigma"] * np.float32(255)
    scene.foreground, scene.background = fields.add_noise(planes, _view(scene), drawn.values["starts"], sigma)
    return drawn.record


class WrappedNoise(SharedNoise):
    """As shared_noise."""


@steps.register("wrapped_noise", params=WrappedNoise, on="image", keeps_equation=False, reach=no_reach)
def wrapped_noise(scene: Scene, params: WrappedNoise, rng: np.random.Generator) -> dict[str, Any]:
    """The reference's noise, with its flaw: levels over 255 wrap round to black, levels under 0 to white."""
    drawn = draw_shared_noise(scene, params, rng)
    noise = _noise(scene, drawn)
    for name in ("image", "foreground", "background"):
        levels = np.trunc(scene.levels(name).astype(np.float32) + noise).astype(np.int32)
        setattr(scene, name, (levels % 256).astype(np.uint8))
    return drawn.record


class Denoise(StepBlock):
    """Attributes:
    strength: Filter strength in grey levels (OpenCV's ``h``), drawn from [low, high].
    on_planes: Which planes are denoised.
    """

    strength: Range = (3.0, 3.0)
    on_planes: Literal["both", "foreground", "background"] = "both"


@steps.register("denoise", params=Denoise, on="planes", keeps_equation=True)
def denoise(scene: Scene, params: Denoise, rng: np.random.Generator) -> dict[str, Any]:
    """Non-local means on F and B (Buades et al., 2005), the other way to make their noise alike. Slow."""
    strength = float(rng.uniform(*params.strength))
    for name in ("foreground", "background"):
        if params.on_planes in ("both", name):
            levels = to_uint8(getattr(scene, name))
            clean: Array = cv2.fastNlMeansDenoisingColored(levels, None, strength, strength, 7, 21)
            setattr(scene, name, to_float(clean))
    return {"strength": round(strength, 3), "on_planes": params.on_planes}


def _noise(scene: Scene, drawn: Drawn) -> Float:
    """In grey levels of 255."""
    noise: Float = fields.noise_from(_view(scene), drawn.values["starts"])
    noise *= drawn.values["sigma"] * np.float32(255)
    return noise


def _view(scene: Scene) -> View:
    height, width = scene.kept["alpha"].shape
    return scene.view or View.whole((height, width))
