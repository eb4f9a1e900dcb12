"""The layout of a picture in a file: its levels from the largest on, each with colour, then matte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from aimkit.synth.pyramid import ImagePyramid, Level, ShadowPyramid
from aimkit.types import Array

#: Arrays start at multiples of this number of bytes, the size of a cache line.
ALIGNMENT = 64

#: Instead of a matte's dtype, for shadow layers: planes of darkness, uint8.
SHADOW = "shadow"

#: (first byte, shape, dtype) of an array.
_Place = tuple[int, tuple[int, ...], np.dtype[Any]]


@dataclass(frozen=True)
class Stored:
    """A stored picture and its location.

    Attributes:
        key: Digest (hex) of its originals and of the options it was made with.
        shard: Number of the file.
        offset: Offset of its first byte in the file.
        height: Height of level 0 in pixels.
        width: Width of level 0 in pixels.
        matte: dtype of the matte, "uint8" or "float32"; "" for backgrounds, "shadow" for shadow layers.
        digest: SHA-256 (hex) of its bytes.
        box: Bounding box of the foreground in pixels, (left, top, right, bottom), or None.
        contact: Whether the foreground reaches the (left, top, right, bottom) border.
    """

    key: str
    shard: int
    offset: int
    height: int
    width: int
    matte: str
    digest: str
    box: tuple[int, int, int, int] | None = None
    contact: tuple[bool, bool, bool, bool] = (False, False, False, False)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Stored:
        """Inverse of :meth:`to_json`."""
        box, contact = row["box"], row["contact"]
        return cls(**(row | {"box": None if box is None else tuple(box), "contact": tuple(contact)}))

    def to_json(self) -> dict[str, Any]:
        """All fields as plain JSON values."""
        return asdict(self)

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return _arrays(self.height, self.width, self.matte)[1]

    def open(self, buffer: Any) -> ImagePyramid:
        """Open the picture as views of a buffer; nothing is copied.

        Args:
            buffer: The file's bytes or memory map.
        """
        arrays, _ = _arrays(self.height, self.width, self.matte)
        views = [np.ndarray(shape, dtype, buffer, self.offset + start) for start, shape, dtype in arrays]
        if self.matte == SHADOW:
            return ShadowPyramid(views[0], views[1:])
        if not self.matte:
            return ImagePyramid(views[0], None, [(view, None) for view in views[1:]])
        others = list(zip(views[2::2], views[3::2], strict=True))
        return ImagePyramid(views[0], views[1], others, lambda: (self.box, self.contact))


def aligned(position: int) -> int:
    """Round a position up to the next multiple of :data:`ALIGNMENT`."""
    return position + -position % ALIGNMENT


def sizes(height: int, width: int) -> list[tuple[int, int]]:
    """(height, width) of all levels of a picture, down to one pixel."""
    found = [(height, width)]
    while max(found[-1]) > 1:
        height, width = found[-1]
        found.append(((height + 1) // 2, (width + 1) // 2))
    return found


@lru_cache(maxsize=1024)
def _arrays(height: int, width: int, matte: str) -> tuple[list[_Place], int]:
    """Offsets, shapes and dtypes of a picture's arrays, and the end of the last one, relative to its first byte."""
    found: list[_Place] = []
    end = 0
    for size in sizes(height, width):
        planes = [((*size, 3), "uint8"), *([(size, matte)] if matte else [])]
        for shape, name in planes if matte != SHADOW else [(size, "uint8")]:
            start, dtype = aligned(end), np.dtype(name).newbyteorder("<")
            found.append((start, shape, dtype))
            end = start + prod(shape) * dtype.itemsize
    return found, end


def levels(picture: ImagePyramid) -> Sequence[Level]:
    """All levels of a picture, down to one pixel."""
    return [picture.level(number) for number in range(len(sizes(*picture.size)))]


def pieces(picture: ImagePyramid) -> Iterator[bytes | memoryview]:
    """Yield the bytes of a picture, including the gaps between its arrays."""
    position = 0
    for level in levels(picture):
        for plane in level:
            if plane is not None:
                yield bytes(-position % ALIGNMENT)
                data = _plain(plane)
                yield data.data.cast("B")
                position = aligned(position) + data.nbytes


def _plain(plane: Array) -> Array:
    return np.ascontiguousarray(plane, plane.dtype.newbyteorder("<"))
