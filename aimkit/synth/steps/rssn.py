"""RSSN: what separates a composite from a photo, and how to hide it (Li et al., GFM, IJCV 2021; AIM, IJCAI 2021).

Resolution and semantics depend on the backgrounds that one takes; sharpness and noise are steps.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np
from pydantic import Field

from aimkit.bounds import BoxSides, Within
from aimkit.recipe import Range
from aimkit.synth import noise
from aimkit.synth.steps import PointwiseStep, Scene, Stage, Step, StepParams, steps
from aimkit.synth.view import View
from aimkit.types import Array, to_float, to_uint8


@steps.register("blur_background")
class BlurBackground(Step):
    """Box blur of the background, like the blurred background in the foreground's own photo.

    Attributes:
        kernels: Sides of the box in pixels of the canvas; one is drawn.
        centered: Whether a box of even side is centred. False shifts the background by half a pixel, as the reference
            does.
    """

    stage: ClassVar[Stage] = "planes"
    keeps_equation: ClassVar[bool] = True

    kernels: BoxSides = Field((20, 30, 40, 50, 60), min_length=1)
    centered: bool = True

    def margin(self, short_side: float) -> int:
        """Half of the largest box."""
        return max(self.kernels) // 2 + 1

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the side of the box; the value is in pixels of the view."""
        kernel = int(rng.choice(self.kernels))
        side = kernel if scene.view is None else max(1, round(kernel * scene.view.scale))
        return StepParams({"kernel": kernel}, {"side": side, "centered": self.centered})

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Blur B."""
        from aimkit.matting.box_blur import box_blur

        scene.background = box_blur(scene.uint8("background"), params.values["side"], params.values["centered"])


@steps.register("shared_noise")
class SharedNoise(PointwiseStep):
    """The same Gaussian noise on F and B, and so on the composite.

    Added before blending and clipped there, so that the equation holds to the last level: I = aF + (1-a)B.

    Attributes:
        sigma: Standard deviation in grey levels of 255, drawn from [low, high].
    """

    stage: ClassVar[Stage] = "planes"
    keeps_equation: ClassVar[bool] = True

    sigma: Annotated[Range, Within(0, 255)] = (10.0, 10.0)

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the standard deviation, and where the noise starts."""
        sigma = float(rng.uniform(*self.sigma))
        values = {"sigma": np.float32(sigma / 255), "starts": noise.draw_starts(rng)}
        return StepParams({"sigma": round(sigma, 3)}, values)

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Add the noise to the levels of F and B."""
        planes = scene.uint8("foreground"), scene.uint8("background")
        sigma = params.values["sigma"] * np.float32(255)
        scene.foreground, scene.background = noise.add_noise(planes, _view(scene), params.values["starts"], sigma)


@steps.register("wrapped_noise")
class WrappedNoise(SharedNoise):
    """The reference's noise, with its flaw: levels over 255 wrap round to black, levels under 0 to white.

    Attributes:
        sigma: As for shared_noise.
    """

    stage: ClassVar[Stage] = "image"
    keeps_equation: ClassVar[bool] = False

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Add the noise to the levels of all three planes, without clipping."""
        added = noise.noise_from(_view(scene), params.values["starts"])
        added *= params.values["sigma"] * np.float32(255)
        for name in ("image", "foreground", "background"):
            levels = np.trunc(scene.uint8(name).astype(np.float32) + added).astype(np.int32)
            setattr(scene, name, (levels % 256).astype(np.uint8))


@steps.register("denoise")
class Denoise(Step):
    """Non-local means on F and B (Buades et al., 2005), the other way to make their noise alike. Slow.

    Attributes:
        strength: Filter strength in grey levels (OpenCV's ``h``), drawn from [low, high].
        on_planes: Which planes are denoised.
    """

    stage: ClassVar[Stage] = "planes"
    keeps_equation: ClassVar[bool] = True

    strength: Annotated[Range, Within(0, 100)] = (3.0, 3.0)
    on_planes: Literal["both", "foreground", "background"] = "both"

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the strength."""
        strength = float(rng.uniform(*self.strength))
        return StepParams({"strength": round(strength, 3), "on_planes": self.on_planes}, {"strength": strength})

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Filter the planes."""
        strength = params.values["strength"]
        for name in ("foreground", "background"):
            if self.on_planes in ("both", name):
                levels = to_uint8(getattr(scene, name))
                clean: Array = cv2.fastNlMeansDenoisingColored(levels, None, strength, strength, 7, 21)
                setattr(scene, name, to_float(clean))


def _view(scene: Scene) -> View:
    height, width = scene.planes["alpha"].shape
    return scene.view or View.whole((height, width))
