"""How foregrounds and backgrounds are placed on a canvas; one file per placement mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from aimkit.bounds import CANVAS_PIXELS, CanvasSides, Name, Weight
from aimkit.recipe import Block
from aimkit.registry import Registry
from aimkit.synth.pyramid import ImagePyramid
from aimkit.types import Array, ImageType


@dataclass(frozen=True)
class Placement:
    """Where a picture lies on a canvas.

    Attributes:
        matrix: Map from picture to canvas, (2, 3), in pixels whose corners are at integers; None when nothing shows.
        kernel: Name of the resampling kernel.
        record: The drawn parameters as plain JSON values, for provenance.
        scale: Size of a foreground's bounding box, relative to the largest that fits into the canvas; 0 if it has none.
        foot: Row of the bounding box's lower end, as a share of the canvas's height.
        stands: Whether it stands on the ground, so that further foregrounds may stand next to it.
    """

    matrix: Array | None
    kernel: str
    record: dict[str, Any]
    scale: float = 0.0
    foot: float = 0.0
    stands: bool = False


class PlacementMode(Block):
    """A way to place foregrounds and backgrounds. Its fields are the keys of the recipe's ``placement``.

    Attributes:
        mode: Registered name.
        height: Height of the canvas in pixels, drawn from [low, high].
        width: Width of the canvas in pixels, drawn from [low, high].
        layers: Relative weights of one, two, ... foregrounds stacked in a sample.
        weight: Share of the samples in a mixture of placements, relative to the others of it; 1 when left out.
        keeps_foreground_size: Whether the canvas takes the size of the first foreground (class variable).
    """

    keeps_foreground_size: ClassVar[bool] = False

    mode: Name
    height: CanvasSides = (512, 512)
    width: CanvasSides = (512, 512)
    layers: Annotated[tuple[Weight, ...], Field(max_length=16)] = (1.0,)
    weight: Weight | None = None

    @model_validator(mode="after")
    def _possible(self) -> PlacementMode:
        if self.height[1] * self.width[1] > CANVAS_PIXELS:
            raise ValueError(f"a canvas may have up to {CANVAS_PIXELS:,} pixels: lower height or width")
        if not self.layers or min(self.layers) < 0 or not sum(self.layers):
            raise ValueError("layers are relative weights: none negative, at least one above 0")
        return self

    def canvas_size(self, rng: np.random.Generator) -> tuple[int, int]:
        """Draw (height, width) of a canvas."""
        height, width = (int(rng.integers(low, high + 1)) for low, high in (self.height, self.width))
        return height, width

    def chosen(self, rng: np.random.Generator) -> tuple[PlacementMode, dict[str, Any]]:
        """The mode that places what a sample shows, this one or one of a mixture, and what was drawn to choose it."""
        return self, {}

    def place_foreground(
        self,
        pixels: ImagePyramid,
        image_type: ImageType,
        size: tuple[int, int],
        rng: np.random.Generator,
        front: Placement | None = None,
        floats: bool = False,
    ) -> Placement:
        """Find a foreground's place.

        Args:
            pixels: The foreground.
            image_type: Its type.
            size: (height, width) of the canvas.
            rng: Stream of this placement.
            front: Where the sample's first foreground lies; None for that one itself.
            floats: Whether it hangs in the air by nature, as smoke does.
        """
        raise NotImplementedError

    def place_background(self, extent: tuple[int, int], size: tuple[int, int], rng: np.random.Generator) -> Placement:
        """Find a background's place.

        Args:
            extent: (height, width) of the background.
            size: (height, width) of the canvas.
            rng: Stream of this placement.
        """
        raise NotImplementedError


#: The placement modes; recipes choose by ``mode``.
placements: Registry[type[PlacementMode]] = Registry("placement", ["aimkit.synth.placement"])
