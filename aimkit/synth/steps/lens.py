"""What a lens and a shutter do: defocus and motion blur. Colour and alpha are blurred together, premultiplied."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np

from aimkit.recipe import Range
from aimkit.synth.geometry import filter_premultiplied
from aimkit.synth.steps import Drawn, Scene, StepBlock, steps
from aimkit.types import Float


class Defocus(StepBlock):
    """Attributes:
    radius: Radius of the disc in thousandths of the short side, drawn from [low, high].
    target: What is out of focus; "either" draws one of the two.
    """

    radius: Range = (1.0, 6.0)
    target: Literal["background", "foreground", "either"] = "background"


def _disc_reach(params: Defocus, short: float) -> int:
    return int(np.ceil(params.radius[1] * short / 1000))


def draw_defocus(scene: Scene, params: Defocus, rng: np.random.Generator) -> Drawn:
    """Kernel of the disc, and whether it is the foreground that is out of focus."""
    radius = float(rng.uniform(*params.radius)) * scene.short / 1000
    target = str(rng.choice(["background", "foreground"])) if params.target == "either" else params.target
    values = {"kernel": disc(radius), "foreground": target == "foreground"}
    return Drawn({"target": target, "radius": round(radius, 3)}, values)


@steps.register("defocus", params=Defocus, on="planes", keeps_equation=True, reach=_disc_reach, draw=draw_defocus)
def defocus(scene: Scene, params: Defocus, rng: np.random.Generator) -> dict[str, Any]:
    """Disc blur of the background or the foreground, as a thin lens blurs what it isn't focused on."""
    drawn = draw_defocus(scene, params, rng)
    kernel = drawn.values["kernel"]
    if drawn.values["foreground"]:
        scene.foreground, scene.alpha = filter_premultiplied(scene.foreground, scene.alpha, kernel)
    else:
        scene.background = cv2.filter2D(scene.background, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return drawn.record


class MotionBlur(StepBlock):
    """Attributes:
    length: Path of the foreground while the shutter is open, in thousandths of the short side.
    """

    length: Range = (4.0, 30.0)


def _streak_reach(params: MotionBlur, short: float) -> int:
    return int(np.ceil(params.length[1] * short / 2000)) + 1


def draw_motion_blur(scene: Scene, params: MotionBlur, rng: np.random.Generator) -> Drawn:
    """Kernel of the path."""
    length = float(rng.uniform(*params.length)) * scene.short / 1000
    degrees = float(rng.uniform(0, 180))
    return Drawn({"length": round(length, 3), "degrees": round(degrees, 2)}, {"kernel": streak(length, degrees)})


@steps.register(
    "motion_blur", params=MotionBlur, on="planes", keeps_equation=True, reach=_streak_reach, draw=draw_motion_blur
)
def motion_blur(scene: Scene, params: MotionBlur, rng: np.random.Generator) -> dict[str, Any]:
    """Straight motion of the foreground before a still background."""
    drawn = draw_motion_blur(scene, params, rng)
    scene.foreground, scene.alpha = filter_premultiplied(scene.foreground, scene.alpha, drawn.values["kernel"])
    return drawn.record


def disc(radius: float) -> Float:
    """Kernel of a disc with that radius in pixels; its edge is covered by area."""
    reach = int(np.ceil(radius))
    fine = 8
    axis = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    inside = (axis[:, None] ** 2 + axis[None, :] ** 2 <= max(radius, 0.5) ** 2).astype(np.float32)
    kernel = inside.reshape(2 * reach + 1, fine, 2 * reach + 1, fine).mean(axis=(1, 3))
    return kernel / kernel.sum()


def streak(length: float, degrees: float) -> Float:
    """Kernel of a straight line one pixel wide, with that length in pixels and that angle."""
    reach = int(np.ceil(length / 2)) + 1
    side, fine = 2 * reach + 1, 8
    axis = (np.arange(side * fine) + 0.5) / fine - reach - 0.5
    x, y = np.meshgrid(axis, axis)
    angle = np.deg2rad(degrees)
    along, across = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    inside = ((np.abs(along) <= max(length, 1) / 2) & (np.abs(across) <= 0.5)).astype(np.float32)
    kernel = inside.reshape(side, fine, side, fine).mean(axis=(1, 3))
    return kernel / kernel.sum()
