"""Pictures that were read before: the same pixels with fewer checks, and only those that are needed.

What a scan of its folder has read without complaint, and what still has the scan's digest, is neither damaged nor cut
short. Common PNG and JPEG files take a faster way then; all others go through :func:`aimkit.imageio.decode.decode`.
"""

from __future__ import annotations

from typing import Protocol

from aimkit.imageio.decode import decode
from aimkit.imageio.formats import sniff
from aimkit.imageio.jpeg_scaled import JpegScaled, open_jpeg
from aimkit.imageio.picture import DecodedImage
from aimkit.imageio.png_rows import open_png
from aimkit.imageio.source import max_pixels
from aimkit.types import UInt8


class OpenedImage(Protocol):
    """A picture of 8 bits, upright, of which parts can be decoded.

    Attributes:
        size: (height, width) in pixels.
        channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
    """

    size: tuple[int, int]
    channels: int

    def pixels(self, bottom: int, right: int) -> UInt8:
        """The pixels above row ``bottom`` and left of column ``right``, at least: (h, w) or (h, w, channels)."""
        ...


def open_again(data: bytes) -> OpenedImage | None:
    """Open a picture that was read before, to decode parts of it; None where that is not possible."""
    try:
        form = sniff(data).name
        if form == "PNG":
            return open_png(data, max_pixels())
        return open_jpeg(data, max_pixels()) if form == "JPEG" else None
    except Exception:  # Decoders meet odd files with errors of nearly every class; the thorough way names them.
        return None


def decode_again(data: bytes, where: str = "") -> DecodedImage:
    """Decode a picture that was read before, as :func:`aimkit.imageio.decode.decode` does.

    Raises:
        AimkitError: As there.
    """
    image = open_again(data)
    if image is None:
        return decode(data, where)
    try:
        pixels = image.pixels(*image.size)
    except Exception:
        return decode(data, where)
    lossy = isinstance(image, JpegScaled)
    return DecodedImage(pixels, lossy=lossy, format="JPEG" if lossy else "PNG")
