"""A foreground or background on its way into a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimkit.synth.chosen_steps import ChosenStep
from aimkit.synth.geometry import render_matte, warp_plane
from aimkit.synth.placement import Placement
from aimkit.synth.pyramid import ImagePyramid, ShadowPyramid
from aimkit.synth.view import View
from aimkit.types import Array, Float, ImageType


@dataclass(frozen=True)
class Layer:
    """A foreground or background, and where it lies.

    Attributes:
        pixels: Colours, and the matte of a foreground, with their halvings.
        type: Image type of a foreground; without meaning for a background.
        category: Category of a foreground, or "".
        refraction: Displacement behind a glass foreground, in its own pixels as (x, y), float32, (h, w, 2), or None.
        shadow: Share of the light on the ground that a foreground takes, with its scale and centre, or None.
        floats: Whether a foreground hangs in the air by nature, as smoke does.
        placement: Where it lies on the canvas; None until that is drawn.
        texture: Layer that a foreground shows within its outline, and its share in [0, 1]; None for its own colours.
        steps: Steps on the foreground as placed.
        blur: Radius of the disc that the lens makes of its points, in pixels of the canvas.
        light: Factor of its light, in [0, 1].
        saturation: Factor of its saturation, in [0, 1].
        valid: False when its colour already assumes a background, see :class:`aimkit.types.Foreground`.
    """

    pixels: ImagePyramid
    type: ImageType = ImageType.SO
    category: str = ""
    refraction: Float | None = None
    shadow: ShadowPyramid | None = None
    floats: bool = False
    placement: Placement | None = None
    texture: tuple[Layer, float] | None = None
    steps: tuple[ChosenStep, ...] = ()
    blur: float = 0.0
    light: float = 1.0
    saturation: float = 1.0
    valid: bool = True

    @property
    def visible(self) -> bool:
        """Whether anything of it lies on the canvas."""
        return self.placement is not None and self.placement.matrix is not None

    @property
    def matrix(self) -> Array:
        """Map from its own pixels to those of the canvas, (2, 3)."""
        assert self.placement is not None
        assert self.placement.matrix is not None
        return self.placement.matrix

    @property
    def kernel(self) -> str:
        """Kernel that it is resampled with."""
        assert self.placement is not None
        return self.placement.kernel

    def darkness(self, view: View) -> Float:
        """The shadow that a view shows, moved, turned and scaled with the foreground, float32 in [0, 1], (H, W)."""
        assert self.shadow is not None
        if not self.visible:
            return np.zeros(view.size, np.float32)
        (rows, columns), (height, width) = self.shadow.size, self.pixels.size
        own = self.matrix.astype(np.float64)
        own[:, 2] += own[:, :2] @ ((width - columns) / 2, (height - rows) / 2)
        return render_matte(self.shadow, own, view)

    def refraction_field(self, view: View) -> Float:
        """Displacements that a view shows, turned and scaled with the foreground, float32, (H, W, 2)."""
        assert self.refraction is not None
        if not self.visible:
            return np.zeros((*view.size, 2), np.float32)
        moved = warp_plane(self.refraction, self.matrix, view)
        bent = moved @ (self.matrix[:, :2].T * view.scale).astype(np.float32)
        # Sums with pixel numbers are exact then, and a window is bent as the whole is.
        return np.round(bent * 1024) / np.float32(1024)

    def largest_refraction(self, view: View) -> float:
        """An upper bound of the lengths in :meth:`refraction_field`, in pixels of the view."""
        assert self.refraction is not None
        if not self.visible:
            return 0.0
        longest = float(np.linalg.norm(self.refraction, axis=2).max(initial=0))
        return longest * float(np.linalg.norm(self.matrix[:, :2], 2)) * view.scale
