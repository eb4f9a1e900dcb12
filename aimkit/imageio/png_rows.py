"""The common kind of PNG (8 bits, not interlaced, no colour table), decoded only as far as its pixels are needed.

A row depends on the row above it and a pixel on those to its left. So the pixels of a window need the stream up to the
window's last row, and the filters undone up to its last column. OpenCV and Pillow decode the whole, pixel by pixel, and
have no shortcut for areas of one level, of which mattes mostly consist.
"""

from __future__ import annotations

import zlib
from importlib import import_module
from typing import Any

import numpy as np

from aimkit.imageio.png import PngFile, parse_png
from aimkit.types import UInt8

_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}

#: Texts that may hold an orientation start with these words; others, such as the name of a program, don't matter.
_MAY_TURN = (b"Raw profile type", b"XML:com.adobe.xmp")


class PngRows:
    """The pixels of a PNG, decoded as far as they were asked for.

    Attributes:
        size: (height, width) in pixels.
        channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
    """

    def __init__(self, file: PngFile) -> None:
        self.size = (file.height, file.width)
        self.channels = _CHANNELS[file.kind]
        self._stream = b"".join(chunk[8:-4] for chunk in file.pixels if chunk[4:8] == b"IDAT")
        self._pixels: UInt8 = np.empty((0, 0, self.channels), np.uint8)

    def pixels(self, bottom: int, right: int) -> UInt8:
        """The pixels above row ``bottom`` and left of column ``right``, at least: (h, w) or (h, w, channels).

        Raises:
            ValueError, zlib.error: The stream is damaged or cut short.
        """
        if bottom > self._pixels.shape[0] or right > self._pixels.shape[1]:
            # Numba is imported only where its loops run.
            from aimkit.imageio.png_filters import undo_filters

            stride = 1 + self.size[1] * self.channels
            rows = np.frombuffer(_inflated(self._stream, bottom * stride), np.uint8)
            if len(rows) < bottom * stride:
                raise ValueError("the file is cut short")
            flat = np.empty((bottom, right * self.channels), np.uint8)
            if not undo_filters(rows.reshape(bottom, stride), self.channels, flat):
                raise ValueError("the file is damaged: a row has an unknown filter")
            self._pixels = flat.reshape(bottom, right, self.channels)
        return self._pixels[..., 0] if self.channels == 1 else self._pixels


def open_png(data: bytes, limit: int) -> PngRows | None:
    """Open a PNG; None when it is of a rarer kind, damaged, or perhaps to be turned.

    Raises:
        AimkitError, ValueError: The header is wrong, or over the pixel limit.
    """
    file = parse_png(data, limit)
    if file.depth != 8 or file.kind not in _CHANNELS or file.interlaced or file.transparent or file.notes:
        return None
    if any(chunk[4:8] == b"eXIf" or bytes(chunk[8:]).startswith(_MAY_TURN) for chunk in file.texts):
        return None
    return PngRows(file)


def _inflated(stream: bytes, size: int) -> bytes:
    """The first bytes of a zlib stream, decompressed."""
    try:
        # Intel's library needs half the time of zlib.
        inflate: Any = import_module("isal.isal_zlib")
    except ImportError:
        inflate = zlib
    found: bytes = inflate.decompressobj().decompress(stream, size)
    return found
