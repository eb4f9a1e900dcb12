"""How a picture lies in a file: its levels from the largest on, of each the colour and then the matte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from aimkit.synth.pyramid import ImagePyramid, Level
from aimkit.types import Array

#: Arrays begin at multiples of this: a line of the processor's cache.
ALIGNMENT = 64

#: (first byte, shape, dtype) of an array.
_Place = tuple[int, tuple[int, ...], np.dtype[Any]]


@dataclass(frozen=True)
class Stored:
    """Where a picture lies, and what else is known of it.

    Attributes:
        key: Digest (hex) of what it was made from, and how.
        shard: Number of the file.
        offset: Its first byte there.
        height: Pixels of level 0.
        width: Pixels of level 0.
        matte: dtype of the matte, "uint8" or "float32"; "" for backgrounds.
        digest: SHA-256 (hex) of its bytes.
        box: Bounding box of the foreground, (left, top, right, bottom), or None.
        contact: Which borders the foreground reaches.
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
        """Of the form that :meth:`to_json` gives."""
        box, contact = row["box"], row["contact"]
        return cls(**(row | {"box": None if box is None else tuple(box), "contact": tuple(contact)}))

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @property
    def nbytes(self) -> int:
        """Bytes from its first to its last."""
        return _arrays(self.height, self.width, self.matte)[1]

    def open(self, buffer: Any) -> ImagePyramid:
        """The picture as views of a buffer that holds its file; nothing is copied.

        Args:
            buffer: Bytes or a memory map.
        """
        arrays, _ = _arrays(self.height, self.width, self.matte)
        views = [np.ndarray(shape, dtype, buffer, self.offset + start) for start, shape, dtype in arrays]
        if not self.matte:
            return ImagePyramid(views[0], None, [(view, None) for view in views[1:]])
        others = list(zip(views[2::2], views[3::2], strict=True))
        return ImagePyramid(views[0], views[1], others, lambda: (self.box, self.contact))


def aligned(position: int) -> int:
    """The next position where an array may begin."""
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
    """Where the arrays of a picture lie, from its first byte on, and the end of the last."""
    found: list[_Place] = []
    end = 0
    for size in sizes(height, width):
        for shape, name in [((*size, 3), "uint8"), *([(size, matte)] if matte else [])]:
            start, dtype = aligned(end), np.dtype(name).newbyteorder("<")
            found.append((start, shape, dtype))
            end = start + prod(shape) * dtype.itemsize
    return found, end


def levels(picture: ImagePyramid) -> Sequence[Level]:
    """All levels of a picture, down to one pixel."""
    return [picture.level(number) for number in range(len(sizes(*picture.size)))]


def pieces(picture: ImagePyramid) -> Iterator[bytes | memoryview]:
    """The bytes of a picture, with the gaps between its arrays."""
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
