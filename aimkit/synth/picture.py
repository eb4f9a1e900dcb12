"""A foreground or background on its way into a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimkit.synth.geometry import warp_plane
from aimkit.synth.placement import Place
from aimkit.synth.pyramid import Pyramid
from aimkit.synth.view import View
from aimkit.types import Array, Float, ImageType


@dataclass(frozen=True)
class Picture:
    """A foreground or background, and where it lies.

    Attributes:
        picture: Its colours, and the matte of a foreground, with their halvings.
        type: Of a foreground.
        category: Of a foreground, or "".
        refraction: Of glass: where it looks to, in its own pixels, (h, w, 2).
        place: Where it lies on the canvas, once that was drawn.
        borrowed: What a foreground shows within its outline in place of its own colours, and to what share.
    """

    picture: Pyramid
    type: ImageType = ImageType.SO
    category: str = ""
    refraction: Float | None = None
    place: Place | None = None
    borrowed: tuple[Picture, float] | None = None

    @property
    def matrix(self) -> Array:
        """From its own pixels to those of the canvas, (2, 3)."""
        assert self.place is not None
        assert self.place.matrix is not None
        return self.place.matrix

    @property
    def kernel(self) -> str:
        """Kernel that it is resampled with."""
        assert self.place is not None
        return self.place.kernel

    def bend(self, view: View) -> Float:
        """The field of refraction that a view shows, its vectors turned and scaled with the foreground."""
        assert self.refraction is not None
        if self.place is None or self.place.matrix is None:
            return np.zeros((*view.size, 2), np.float32)
        moved = warp_plane(self.refraction, self.matrix, view)
        bent = moved @ (self.matrix[:, :2].T * view.scale).astype(np.float32)
        # Sums with pixel numbers are exact then, and a window is bent as the whole is.
        return np.round(bent * 1024) / np.float32(1024)

    def largest_bend(self, view: View) -> float:
        """An upper bound of the lengths of the field of refraction."""
        assert self.refraction is not None
        if self.place is None or self.place.matrix is None:
            return 0.0
        longest = float(np.linalg.norm(self.refraction, axis=2).max(initial=0))
        return longest * float(np.linalg.norm(self.matrix[:, :2], 2)) * view.scale
