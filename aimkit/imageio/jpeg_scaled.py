"""JPEG, decoded whole or, where that is near enough, at half, a quarter or an eighth of its size."""

from __future__ import annotations

import numpy as np

from aimkit.imageio.pillow import opened
from aimkit.types import UInt8

#: The smallest scale that the decoder offers is one eighth: the mean of a block of the compression.
SCALES = 3


class JpegScaled:
    """The pixels of a JPEG of one or three channels.

    Attributes:
        size: (height, width) in pixels.
        channels: 1 grey, 3 RGB.
    """

    def __init__(self, data: bytes, size: tuple[int, int], channels: int) -> None:
        self.size, self.channels = size, channels
        self._data = data
        self._levels: dict[int, UInt8] = {}

    def pixels(self, bottom: int, right: int) -> UInt8:
        """All pixels, (H, W) or (H, W, 3): the decoder can't leave out any.

        Raises:
            ValueError: OpenCV can't decode it.
        """
        return self.scaled(0)

    def scaled(self, number: int) -> UInt8:
        """The picture with its sides divided by ``2**number``, 0 to 3, and rounded up.

        The inverse cosine transform leaves out the high frequencies, so pixels are nearly the means of those that they
        stand for.

        Raises:
            ValueError: OpenCV can't decode it.
        """
        if number not in self._levels:
            self._levels[number] = self._decoded(number)
        return self._levels[number]

    def _decoded(self, number: int) -> UInt8:
        import cv2

        grey = self.channels == 1
        scales = (
            (cv2.IMREAD_GRAYSCALE, cv2.IMREAD_REDUCED_GRAYSCALE_2, cv2.IMREAD_REDUCED_GRAYSCALE_4,
             cv2.IMREAD_REDUCED_GRAYSCALE_8)
            if grey
            else (cv2.IMREAD_COLOR, cv2.IMREAD_REDUCED_COLOR_2, cv2.IMREAD_REDUCED_COLOR_4, cv2.IMREAD_REDUCED_COLOR_8)
        )  # fmt: skip
        pixels = cv2.imdecode(np.frombuffer(self._data, np.uint8), scales[number] | cv2.IMREAD_IGNORE_ORIENTATION)
        size = tuple((side + (1 << number) - 1) >> number for side in self.size)
        if pixels is None or pixels.shape[:2] != size:
            raise ValueError("OpenCV can't decode it")
        return np.asarray(pixels if grey else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels), np.uint8)


def open_jpeg(data: bytes, limit: int) -> JpegScaled | None:
    """Open a JPEG; None when it is of a rarer kind, or to be turned.

    Raises:
        AimkitError, or any class of error that decoders have: The header is damaged, or over the pixel limit.
    """
    with opened(data, limit, "JPEG") as image:
        if image.mode not in ("L", "RGB") or image.getexif().get(0x0112, 1) not in (0, 1):
            return None
        return JpegScaled(data, (image.height, image.width), len(image.getbands()))
