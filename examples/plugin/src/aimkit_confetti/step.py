"""Sepia: an old photo's colours, on foreground and background alike."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np

from aimkit.bounds import Within
from aimkit.recipe import Range
from aimkit.synth.steps import PointwiseStep, Scene, Stage, StepParams, steps
from aimkit.types import Float

_SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]], np.float32)


@steps.register("sepia")
class Sepia(PointwiseStep):
    """Mix the colours with their sepia tone, before blending.

    Attributes:
        amount: Share of the sepia tone, drawn from [low, high].
    """

    stage: ClassVar[Stage] = "planes"
    keeps_equation: ClassVar[bool] = True

    amount: Annotated[Range, Within(0, 1)] = (0.3, 0.9)

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the amount."""
        amount = float(rng.uniform(*self.amount))
        return StepParams({"amount": round(amount, 4)}, {"amount": amount})

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Tone foreground and background."""
        scene.foreground = _toned(scene.foreground, params.values["amount"])
        scene.background = _toned(scene.background, params.values["amount"])


def _toned(color: Float, amount: float) -> Float:
    toned = np.clip(color @ _SEPIA.T, 0, 1)
    return np.asarray(color + amount * (toned - color), np.float32)
