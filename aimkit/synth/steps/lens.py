"""What a lens and a shutter do: defocus and motion blur. Colour and alpha are blurred together, premultiplied."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np

from aimkit.bounds import Within
from aimkit.recipe import Range
from aimkit.synth.geometry import filter_premultiplied
from aimkit.synth.steps import Scene, Stage, Step, StepParams, steps
from aimkit.types import Float


@steps.register("defocus")
class Defocus(Step):
    """Disc blur of the background or the foreground, like that of a thin lens out of focus.

    Attributes:
        radius: Radius of the disc in thousandths of the short side, drawn from [low, high].
        target: What is out of focus; "either" draws one of the two.
    """

    stage: ClassVar[Stage] = "planes"
    keeps_equation: ClassVar[bool] = True

    radius: Annotated[Range, Within(0, 100)] = (1.0, 6.0)
    target: Literal["background", "foreground", "either"] = "background"

    def margin(self, short_side: float) -> int:
        """The largest radius."""
        return int(np.ceil(self.radius[1] * short_side / 1000))

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the disc, and whether the foreground is out of focus."""
        radius = float(rng.uniform(*self.radius)) * scene.short_side / 1000
        target = str(rng.choice(["background", "foreground"])) if self.target == "either" else self.target
        values = {"kernel": disc(radius), "foreground": target == "foreground"}
        return StepParams({"target": target, "radius": round(radius, 3)}, values)

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Convolve B, or F with its matte."""
        kernel = params.values["kernel"]
        if params.values["foreground"]:
            scene.foreground, scene.alpha = filter_premultiplied(scene.foreground, scene.alpha, kernel)
        else:
            scene.background = cv2.filter2D(scene.background, -1, kernel, borderType=cv2.BORDER_REFLECT_101)


@steps.register("motion_blur")
class MotionBlur(Step):
    """Straight motion of the foreground in front of a still background.

    Attributes:
        length: Path of the foreground while the shutter is open, in thousandths of the short side.
    """

    stage: ClassVar[Stage] = "planes"
    keeps_equation: ClassVar[bool] = True

    length: Annotated[Range, Within(0, 300)] = (4.0, 30.0)

    def margin(self, short_side: float) -> int:
        """Half of the longest path."""
        return int(np.ceil(self.length[1] * short_side / 2000)) + 1

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw length and direction of the path."""
        length = float(rng.uniform(*self.length)) * scene.short_side / 1000
        degrees = float(rng.uniform(0, 180))
        record = {"length": round(length, 3), "degrees": round(degrees, 2)}
        return StepParams(record, {"kernel": streak(length, degrees)})

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Convolve F with its matte along the path."""
        scene.foreground, scene.alpha = filter_premultiplied(scene.foreground, scene.alpha, params.values["kernel"])


def disc(radius: float) -> Float:
    """Kernel of a disc with that radius in pixels; its edge is covered by area."""
    half = int(np.ceil(radius))
    fine = 8
    axis = (np.arange((2 * half + 1) * fine) + 0.5) / fine - half - 0.5
    inside = (axis[:, None] ** 2 + axis[None, :] ** 2 <= max(radius, 0.5) ** 2).astype(np.float32)
    kernel = inside.reshape(2 * half + 1, fine, 2 * half + 1, fine).mean(axis=(1, 3))
    return kernel / kernel.sum()


def streak(length: float, degrees: float) -> Float:
    """Kernel of a straight line one pixel wide, with that length in pixels and that angle."""
    half = int(np.ceil(length / 2)) + 1
    side, fine = 2 * half + 1, 8
    axis = (np.arange(side * fine) + 0.5) / fine - half - 0.5
    x, y = np.meshgrid(axis, axis)
    angle = np.deg2rad(degrees)
    along, across = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    inside = ((np.abs(along) <= max(length, 1) / 2) & (np.abs(across) <= 0.5)).astype(np.float32)
    kernel = inside.reshape(side, fine, side, fine).mean(axis=(1, 3))
    return kernel / kernel.sum()
