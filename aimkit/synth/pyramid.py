"""A picture with its halvings, so that a small view of a large picture costs what the view costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import cv2
import numpy as np

from aimkit.types import Array, UInt8

#: Below this alpha the un-premultiplied colour is noise.
_THIN = np.float32(1 / 512)

#: Straight colour (h, w, 3) and matte (h, w) or None, uint8 or float32 in [0, 1].
Level = tuple[Array, Array | None]


class ImagePyramid:
    """Straight colour and its matte, at full size and halved again and again.

    A pixel of level k is the mean of the 2 x 2 pixels that it covers in level k - 1, colours weighted by alpha; where a
    side is odd, the last row or column counts twice. Levels have the dtype of the picture.

    Args:
        color: RGB, uint8 or float32 in [0, 1], (h, w, 3).
        alpha: Matte, uint8 or float32, (h, w); None for backgrounds.
        levels: Levels from 1 on, as far as they are already known.
        outline: Returns bounding box and border contact where these are already known; by default they are measured.
    """

    def __init__(
        self,
        color: Array,
        alpha: Array | None = None,
        levels: Sequence[Level] = (),
        outline: Callable[[], tuple[Box | None, Contact]] | None = None,
    ) -> None:
        self._levels: list[Level] = [(color, alpha), *levels]
        self._known = outline
        self._mattes: list[Array] = []

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of level 0."""
        height, width = self._levels[0][0].shape[:2]
        return height, width

    def level(self, number: int) -> Level:
        """A level; behind the last one that makes sense, that one."""
        while len(self._levels) <= number and max(self._levels[-1][0].shape[:2]) > 1:
            self._levels.append(halved(*self._levels[-1]))
        return self._levels[min(number, len(self._levels) - 1)]

    def part(self, number: int, rows: slice, columns: slice, approximate: bool = False) -> Level:
        """A part of a level.

        Args:
            number: The level, as :meth:`depth` gives it.
            rows: Rows of the part, within the level.
            columns: Its columns.
            approximate: Whether pixels may differ from those of :meth:`level` by what a decoder saves by it.
        """
        color, alpha = self.level(number)
        return color[rows, columns], None if alpha is None else alpha[rows, columns]

    def extent(self, number: int) -> tuple[int, int]:
        """(height, width) of a level, without making it."""
        height, width = ((n + (1 << number) - 1) >> number for n in self.size)
        return height, width

    @property
    def nbytes(self) -> int:
        """Bytes of level 0."""
        return sum(plane.nbytes for plane in self._levels[0] if plane is not None)

    def depth(self, number: int) -> int:
        """The number of the level that :meth:`level` gives for a number."""
        return min(number, (max(self.size) - 1).bit_length())

    def matte(self, number: int) -> Array:
        """The matte of a level, without making its colours."""
        number = self.depth(number)
        for known in range(len(self._mattes), number + 1):
            stored = self._levels[known][1] if known < len(self._levels) else None
            self._mattes.append(_halved_matte(_even(self._mattes[-1])) if stored is None else stored)
        return self._mattes[number]

    @cached_property
    def outline(self) -> tuple[Box | None, Contact]:
        """Bounding box of the foreground, and which borders it reaches."""
        if self._known is not None:
            return self._known()
        alpha = self.matte(0)
        return bounding_box(alpha), border_contact(alpha)


class ShadowPyramid(ImagePyramid):
    """A shadow layer and its halvings: its levels are (darkness, None).

    Args:
        darkness: Share of the light that the shadow takes, uint8, (h, w).
        levels: Levels from 1 on, as far as they are already known.
    """

    def __init__(self, darkness: UInt8, levels: Sequence[UInt8] = ()) -> None:
        super().__init__(darkness, darkness, [(level, level) for level in levels])

    def level(self, number: int) -> Level:
        """A level; behind the last one that makes sense, that one."""
        return self.matte(number), None


#: (left, top, right, bottom).
Box = tuple[int, int, int, int]
Contact = tuple[bool, bool, bool, bool]

#: A foreground reaches the border where more than this share of the border's pixels belong to it.
_CONTACT = 0.01


def halved(color: Array, alpha: Array | None) -> Level:
    """The next level of a pyramid; dtypes stay."""
    color = _even(color)
    if alpha is not None and color.dtype == alpha.dtype == np.uint8:
        # Numba is imported only where its loops run.
        from aimkit.matting.halving import halve

        return halve(color, _even(alpha))
    size = (color.shape[1] // 2, color.shape[0] // 2)
    straight = cv2.resize(color, size, interpolation=cv2.INTER_AREA)
    if alpha is None:
        return straight, None
    alpha = _even(alpha)
    small = _halved_matte(alpha)
    weight = cv2.resize(alpha.astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None]
    matte = cv2.merge([alpha, alpha, alpha])
    sums = cv2.resize(cv2.multiply(color, matte, dtype=cv2.CV_32F), size, interpolation=cv2.INTER_AREA)
    floor = _THIN * (255 if alpha.dtype == np.uint8 else 1)
    mean = sums / np.maximum(weight, floor)
    if color.dtype == np.uint8:
        mean = np.rint(np.minimum(mean, 255)).astype(np.uint8)
    return np.where(weight > floor, mean, straight), small


def _halved_matte(alpha: Array) -> Array:
    return cv2.resize(alpha, (alpha.shape[1] // 2, alpha.shape[0] // 2), interpolation=cv2.INTER_AREA)


def _even(plane: Array) -> Array:
    """The plane with its last row and column twice where their number is odd."""
    below, beside = plane.shape[0] % 2, plane.shape[1] % 2
    if not below and not beside:
        return plane
    return cv2.copyMakeBorder(np.asarray(plane), 0, below, 0, beside, cv2.BORDER_REPLICATE)


def bounding_box(alpha: Array, floor: float = 0.02) -> Box | None:
    """(left, top, right, bottom) of the pixels above the floor, or None when there are none."""
    seen = alpha > (floor * 255 if alpha.dtype == np.uint8 else floor)
    columns, rows = np.flatnonzero(seen.any(axis=0)), np.flatnonzero(seen.any(axis=1))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def border_contact(alpha: Array) -> Contact:
    """Whether the foreground reaches the (left, top, right, bottom) border of its own image."""
    floor = 0.1 * (255 if alpha.dtype == np.uint8 else 1)
    left, top, right, bottom = (
        bool((side > floor).mean() > _CONTACT) for side in (alpha[:, 0], alpha[0], alpha[:, -1], alpha[-1])
    )
    return left, top, right, bottom
