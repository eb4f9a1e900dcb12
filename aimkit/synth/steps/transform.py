"""Moves of the foreground within its own frame: the geometric half of the GCA bundle (GCA matting, AAAI 2020)."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np

from aimkit.bounds import Angles, CanvasSide, Resampling, Share, Shears, Within
from aimkit.recipe import Range
from aimkit.synth import geometry
from aimkit.synth.steps import Scene, Stage, Step, StepParams, steps


@steps.register("affine")
class Affine(Step):
    """Rotate, scale, shear and flip the foreground about its middle; what leaves the frame is cut off.

    Attributes:
        rotation: Rotation in degrees, drawn from [low, high].
        scale: Factor of both sides, drawn log-uniformly.
        shear: Horizontal shear in degrees.
        flip: Probability of mirroring left and right.
        kernels: Resampling kernels, one is drawn: a network that sees only one learns its artefacts.
    """

    stage: ClassVar[Stage] = "foreground"
    keeps_equation: ClassVar[bool] = True

    rotation: Angles = (-30.0, 30.0)
    scale: Annotated[Range, Within(0.05, 20)] = (0.8, 1.25)
    shear: Shears = (-10.0, 10.0)
    flip: Share = 0.5
    kernels: Resampling = ("nearest", "linear", "cubic", "lanczos")

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the map and the kernel."""
        drawn = {
            "rotation": float(rng.uniform(*self.rotation)),
            "scale": float(np.exp(rng.uniform(*np.log(self.scale)))),
            "shear": float(rng.uniform(*self.shear)),
        }
        choices = {"flip": bool(rng.random() < self.flip), "kernel": str(rng.choice(self.kernels))}
        return StepParams({**{name: round(value, 4) for name, value in drawn.items()}, **choices}, {**drawn, **choices})

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Warp F and its matte."""
        values, (height, width) = params.values, scene.alpha.shape
        matrix = geometry.affine(
            (width / 2, height / 2),
            scale=values["scale"],
            degrees=values["rotation"],
            shear=values["shear"],
            flip=values["flip"],
        )
        scene.foreground, scene.alpha = geometry.warp(
            scene.foreground, scene.alpha, matrix, (height, width), values["kernel"]
        )


@steps.register("resize_foreground")
class ResizeForeground(Step):
    """Resize the foreground to one size, whatever its shape, for hair and nets at a scale that crops do not give.

    Attributes:
        height: Height of the result in pixels.
        width: Width of the result in pixels.
        kernels: Resampling kernels, one is drawn.
    """

    stage: ClassVar[Stage] = "foreground"
    keeps_equation: ClassVar[bool] = True

    height: CanvasSide = 640
    width: CanvasSide = 640
    kernels: Resampling = ("nearest", "linear", "cubic", "lanczos", "area")

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the kernel."""
        kernel = str(rng.choice(self.kernels))
        return StepParams({"size": [self.height, self.width], "kernel": kernel}, {"kernel": kernel})

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Resize F and its matte."""
        size, kernel = (self.height, self.width), params.values["kernel"]
        scene.foreground, scene.alpha = geometry.resize(scene.foreground, scene.alpha, size, kernel)
