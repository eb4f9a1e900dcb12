"""The types that all parts share, and the legend of array shapes and units.

| name | dtype | shape | meaning |
|---|---|---|---|
| image, foreground, background | uint8 at the edges, float32 in [0, 1] inside | (H, W, 3) | RGB, gamma-encoded (sRGB) |
| alpha | uint8 at the edges, float32 in [0, 1] inside | (H, W) | opacity of the foreground |
| trimap, label | uint8, values 0, 128, 255 | (H, W) | background, unknown, foreground |

Foreground colours are straight, never premultiplied. "Edges" are files, ``Sample`` and public functions that take
uint8; "inside" is everything between reading a source and finishing a sample.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimkit.errors import AimkitError

#: An array of any dtype. mypy tells the two below apart.
Array = NDArray[Any]
UInt8 = NDArray[np.uint8]
Float = NDArray[np.float32]


class ImageType(StrEnum):
    """What kind of foreground an image shows; it decides the label (Li et al., IJCAI 2021).

    SO: salient opaque (animal, person, toy); its label is a trimap.
    STM: salient transparent or meticulous (glass, fire, net, smoke, plant); its label is a duomap.
    NS: non-salient (fog, grid, lace over the whole frame); its label is a unimap.
    """

    SO = "SO"
    STM = "STM"
    NS = "NS"

    @classmethod
    def parse(cls, value: str, where: str = "") -> ImageType:
        """Read a type from text, in upper or lower case.

        Raises:
            AimkitError: The text is not the name of a type.
        """
        try:
            return cls(str(value).strip().upper())
        except ValueError:
            raise AimkitError(
                f"'{value}' is not an image type", where, "use SO (opaque), STM (transparent) or NS (non-salient)"
            ) from None


@dataclass(frozen=True)
class Foreground:
    """A foreground to be composited.

    Attributes:
        color: Straight RGB, float32 in [0, 1], (H, W, 3); bled outwards where alpha is 0.
        alpha: Alpha matte, float32 in [0, 1], (H, W).
        type: Image type.
        category: What it shows (animal, portrait, ...), or "".
        valid: False when the colour already assumes a background, so that I = aF + (1-a)B cannot hold.
        refraction: Displacement of the background behind a clear foreground, in pixels as (x, y), float32,
            (H, W, 2): at p one sees B(p + refraction(p)). None when there is none. The equation holds with B so
            displaced; with B itself the foreground is seen without refraction.
        floats: Whether it hangs in the air by nature, as smoke and bubbles do; other foregrounds stand on the ground.
    """

    color: Float
    alpha: Float
    type: ImageType
    category: str = ""
    valid: bool = True
    refraction: Float | None = None
    floats: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return (self.alpha.shape[0], self.alpha.shape[1])


@dataclass(frozen=True)
class Sample:
    """One training sample; all arrays have one size.

    Attributes:
        image: Composite, RGB, uint8, (H, W, 3).
        alpha: Alpha matte, uint8, (H, W).
        trimap: Plain trimap of alpha, uint8, {0, 128, 255}, (H, W).
        label: Generalized trimap by type, uint8, {0, 128, 255}, (H, W): trimap (SO), duomap (STM) or unimap (NS).
        foreground: Straight RGB, uint8, (H, W, 3).
        background: RGB, uint8, (H, W, 3).
        type: Image type of the foreground.
        category: Category of the foreground, or "".
        meta: Provenance as plain JSON values: recipe digest, index, sources, operations, composition_valid.
    """

    image: UInt8
    alpha: UInt8
    trimap: UInt8
    label: UInt8
    foreground: UInt8
    background: UInt8
    type: ImageType
    category: str = ""
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return (self.alpha.shape[0], self.alpha.shape[1])


def to_uint8(array: Array) -> UInt8:
    """Convert floats in [0, 1] to uint8, rounded to the nearest level and clipped, never wrapped; any shape."""
    if array.dtype == np.float32 and array.ndim in (2, 3) and array.size:
        import cv2

        # One pass multiplies, rounds and clips.
        return np.asarray(cv2.addWeighted(array, 255, array, 0, 0, dtype=cv2.CV_8U), np.uint8).reshape(array.shape)
    levels = array * np.float32(255)
    np.rint(levels, out=levels)
    return np.clip(levels, 0, 255, out=levels).astype(np.uint8)


def to_float(array: Array) -> Float:
    """Convert uint8 or uint16 levels to float32 in [0, 1]; floats are only cast; any shape."""
    if array.dtype == np.uint8:
        return np.divide(array, np.float32(255), dtype=np.float32)
    if array.dtype == np.uint16:
        return array.astype(np.float32) / np.float32(65535)
    return array.astype(np.float32, copy=False)
