"""Stretched: the background takes the foreground's size."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from aimkit.synth.placement import Placement, PlacementMode, placements
from aimkit.synth.pyramid import ImagePyramid
from aimkit.types import Array, ImageType


@placements.register("stretch")
class Stretch(PlacementMode):
    """The foreground as it is; the background is stretched to its size (the reference).

    ``height`` and ``width`` matter only to sources that draw their foregrounds.
    """

    keeps_foreground_size: ClassVar[bool] = True

    mode: Literal["stretch"] = "stretch"

    def place_foreground(
        self,
        pixels: ImagePyramid,
        image_type: ImageType,
        size: tuple[int, int],
        rng: np.random.Generator,
        front: Placement | None = None,
        floats: bool = False,
    ) -> Placement:
        """Stretch the foreground to the canvas, which the first one fits as it is."""
        height, width = pixels.size
        resized = {} if pixels.size == size else {"resized_from": [height, width]}
        return Placement(_stretched(pixels.size, size), "auto", resized)

    def place_background(self, extent: tuple[int, int], size: tuple[int, int], rng: np.random.Generator) -> Placement:
        """Stretch the background to the canvas."""
        return Placement(_stretched(extent, size), "linear", {})


def _stretched(extent: tuple[int, int], size: tuple[int, int]) -> Array:
    return np.array([[size[1] / extent[1], 0, 0], [0, size[0] / extent[0], 0]])
