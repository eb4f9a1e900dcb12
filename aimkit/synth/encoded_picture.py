"""A picture in its file: only the pixels that a window needs are decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from aimkit.errors import AimkitError
from aimkit.imageio import OpenedImage
from aimkit.imageio.jpeg_scaled import SCALES, JpegScaled
from aimkit.synth.pyramid import ImagePyramid, Level, halved
from aimkit.types import Array, UInt8


class EncodedPicture(ImagePyramid):
    """An image pyramid that is decoded on demand, and only as far as needed.

    Its pixels are those of the decoded picture; but for backgrounds in JPEG of which an approximation will do, they
    come from the decoder's own reduced scales.

    Args:
        color: Colours, uint8; an alpha channel is dropped.
        matte: Matte of one channel and the same size; None for backgrounds.
        where: Name of the picture in errors.
    """

    def __init__(self, color: OpenedImage, matte: OpenedImage | None = None, where: str = "") -> None:
        self._color, self._matte, self._where = color, matte, where
        self._levels: list[Level] = []
        self._known = None
        self._mattes: list[Array] = []

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of level 0."""
        return self._color.size

    @property
    def nbytes(self) -> int:
        """Bytes of level 0, once it is decoded."""
        return self.size[0] * self.size[1] * (3 if self._matte is None else 4)

    def level(self, number: int) -> Level:
        """A level of the whole picture."""
        if not self._levels:
            height, width = self.size
            self._levels.append(self.part(0, slice(0, height), slice(0, width)))
        return super().level(number)

    def matte(self, number: int) -> Array:
        """The matte of a level, without decoding the colours."""
        if not self._mattes and self._matte is not None:
            height, width = self.size
            self._mattes.append(self._pixels(self._matte, slice(0, height), slice(0, width)))
        return super().matte(number)

    def part(self, number: int, rows: slice, columns: slice, approximate: bool = False) -> Level:
        """A part of a level; levels are halved from no more than it needs."""
        if approximate and number and self._matte is None and isinstance(self._color, JpegScaled):
            return self._scaled(self._color, number, rows, columns), None
        if len(self._levels) > number:
            return super().part(number, rows, columns)
        if number:
            finer = self._doubled(number, rows, columns)
            return halved(*self.part(number - 1, *finer))
        color = _rgb(self._pixels(self._color, rows, columns))
        return color, None if self._matte is None else self._pixels(self._matte, rows, columns)

    def _scaled(self, image: JpegScaled, number: int, rows: slice, columns: slice) -> UInt8:
        """A part of a level as the decoder reduces it; beyond its smallest scale, halved."""
        if number > SCALES:
            finer = self._scaled(image, number - 1, *self._doubled(number, rows, columns))
            return halved(finer, None)[0]
        with self._named():
            return _rgb(image.scaled(number)[rows, columns])

    def _doubled(self, number: int, rows: slice, columns: slice) -> tuple[slice, slice]:
        """The part of the level before that a part of a level is halved from."""
        height, width = self.extent(number - 1)
        return (
            slice(2 * rows.start, min(2 * rows.stop, height)),
            slice(2 * columns.start, min(2 * columns.stop, width)),
        )

    def _pixels(self, image: OpenedImage, rows: slice, columns: slice) -> UInt8:
        with self._named():
            return image.pixels(rows.stop, columns.stop)[rows, columns]

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name the picture in errors. There are none as long as its bytes are those that a scan has read."""
        try:
            yield
        except Exception as error:
            raise AimkitError(f"can't read the image: {error}", self._where) from None


def _rgb(pixels: UInt8) -> UInt8:
    """Colours of grey, grey and alpha, RGB or RGBA."""
    if pixels.ndim == 3 and pixels.shape[2] >= 3:
        return np.ascontiguousarray(pixels[..., :3])
    return np.repeat((pixels if pixels.ndim == 2 else pixels[..., 0])[..., None], 3, axis=2)
