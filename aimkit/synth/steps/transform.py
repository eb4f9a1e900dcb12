"""Moves of the foreground within its own frame: the geometric half of the GCA bundle (GCA matting, AAAI 2020)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field

from aimkit.recipe import Range
from aimkit.synth import geometry
from aimkit.synth.steps import Scene, StepBlock, steps

Kernels = tuple[Literal["auto", "nearest", "linear", "cubic", "lanczos", "area"], ...]
ALL_KERNELS: Kernels = ("nearest", "linear", "cubic", "lanczos", "area")


class Affine(StepBlock):
    """Attributes:
    rotation: Degrees.
    scale: Factor.
    shear: Degrees.
    flip: Chance of mirroring.
    kernels: Resampling kernels, one is drawn: a network that sees only one learns its artefacts.
    """

    rotation: Range = (-30.0, 30.0)
    scale: Range = (0.8, 1.25)
    shear: Range = (-10.0, 10.0)
    flip: float = Field(0.5, ge=0, le=1)
    kernels: Kernels = ("nearest", "linear", "cubic", "lanczos")


@steps.register("affine", params=Affine, on="foreground", keeps_equation=True)
def affine(scene: Scene, params: Affine, rng: np.random.Generator) -> dict[str, Any]:
    """Rotate, scale, shear and flip the foreground about its middle; what leaves the frame is cut off."""
    drawn = {
        "rotation": float(rng.uniform(*params.rotation)),
        "scale": float(np.exp(rng.uniform(*np.log(params.scale)))),
        "shear": float(rng.uniform(*params.shear)),
    }
    flip = bool(rng.random() < params.flip)
    kernel = str(rng.choice(params.kernels))
    height, width = scene.alpha.shape
    matrix = geometry.affine(
        (width / 2, height / 2), scale=drawn["scale"], degrees=drawn["rotation"], shear=drawn["shear"], flip=flip
    )
    scene.foreground, scene.alpha = geometry.warp(scene.foreground, scene.alpha, matrix, (height, width), kernel)
    return {**{name: round(value, 4) for name, value in drawn.items()}, "flip": flip, "kernel": kernel}


class ResizeForeground(StepBlock):
    """Attributes:
    height: Pixels.
    width: Pixels.
    kernels: Resampling kernels, one is drawn.
    """

    height: int = Field(640, ge=1)
    width: int = Field(640, ge=1)
    kernels: Kernels = ALL_KERNELS


@steps.register("resize_foreground", params=ResizeForeground, on="foreground", keeps_equation=True)
def resize_foreground(scene: Scene, params: ResizeForeground, rng: np.random.Generator) -> dict[str, Any]:
    """Resize the foreground to one size, whatever its shape: hair and nets at a scale that crops do not give."""
    kernel = str(rng.choice(params.kernels))
    size = (params.height, params.width)
    scene.foreground, scene.alpha = geometry.resize(scene.foreground, scene.alpha, size, kernel)
    return {"size": list(size), "kernel": kernel}
