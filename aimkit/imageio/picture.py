"""The result of a decoder: pixels as stored, and what the file says about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aimkit.types import Array, UInt8


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """A picture as its file stores it.

    Attributes:
        pixels: Grey (H, W), grey and alpha (H, W, 2), RGB (H, W, 3) or RGBA (H, W, 4), upright. The dtype is the
            file's: uint8, uint16, uint32, uint64, int8 to int64, float16, float32 or float64. Integers of other depths
            are spread over the next larger of uint8 and uint16 (a 1-bit picture has the levels 0 and 255). White and
            opaque are the largest level of an unsigned type; the scale of signed and float types is not known.
        associated: The colours are multiplied by alpha, as the file says.
        indices: Of a picture with a colour table: the index of every pixel, uint8, (H, W); ``pixels`` has the table's
            colours. None for all others.
        linear: The levels are amounts of light, not sRGB: they serve as mattes, not as colours.
        lossy: The compression changes colours and grey levels (JPEG, most of WebP, AVIF and JPEG 2000).
        lossy_alpha: It changes the alpha channel too.
        format: "PNG", "TIFF", ...; a PIL image that was not read from a file has "PIL".
        notes: What was doubted, ignored or converted, a sentence each.
    """

    pixels: Array
    associated: bool = False
    indices: UInt8 | None = None
    linear: bool = False
    lossy: bool = False
    lossy_alpha: bool = False
    format: str = ""
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return (self.pixels.shape[0], self.pixels.shape[1])

    @property
    def alpha(self) -> Array | None:
        """The alpha channel, (H, W), or None."""
        return self.pixels[..., -1] if self.pixels.ndim == 3 and self.pixels.shape[2] in (2, 4) else None

    @property
    def color(self) -> Array:
        """Grey (H, W) or RGB (H, W, 3), without the alpha channel."""
        if self.pixels.ndim == 2:
            return self.pixels
        return self.pixels[..., 0] if self.pixels.shape[2] <= 2 else self.pixels[..., :3]


def upright(pixels: Array, orientation: Any) -> Array:
    """Apply an EXIF orientation, 1 to 8; anything else is 1."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
