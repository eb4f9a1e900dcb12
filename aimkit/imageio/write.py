"""Writing pictures: PNG and JPEG bytes."""

from __future__ import annotations

import os

import numpy as np

from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.types import Array


def encode_png(array: Array, compression: int = 3) -> bytes:
    """PNG bytes; the same array gives the same bytes with the same OpenCV.

    Args:
        array: uint8 or uint16; grey (H, W), RGB (H, W, 3) or RGBA (H, W, 4).
        compression: zlib level, 0 (fast) to 9 (small).
    """
    import cv2

    return _encode(".png", array, [cv2.IMWRITE_PNG_COMPRESSION, compression])


def encode_jpeg(array: Array, quality: int = 95) -> bytes:
    """JPEG bytes of uint8 grey (H, W) or RGB (H, W, 3); quality 1 to 100."""
    import cv2

    return _encode(".jpg", array, [cv2.IMWRITE_JPEG_QUALITY, quality])


def write_png(path: str | os.PathLike[str], array: Array, compression: int = 3) -> None:
    """Write a PNG atomically; arguments as for :func:`encode_png`."""
    write_bytes(path, encode_png(array, compression))


def _encode(suffix: str, array: Array, options: list[int]) -> bytes:
    import cv2

    if array.ndim == 3:
        array = array[..., [2, 1, 0, 3][: array.shape[2]]]
    done, data = cv2.imencode(suffix, np.ascontiguousarray(array), options)
    if not done:
        raise AimkitError(f"can't encode an array of {array.dtype} {array.shape} as {suffix[1:]}", exit_code=1)
    return bytes(data.tobytes())
