"""Reading and writing images: any common format, 8 or 16 bit, upright, and never half an image.

Files are decoded by Pillow, which notices when one is cut short; colour deeper than 8 bit, which Pillow can't hold,
is decoded once more by OpenCV. Embedded colour profiles are ignored: values are taken as sRGB.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.types import Array, Float, UInt8, to_float, to_uint8

if TYPE_CHECKING:
    from PIL import Image

#: A file, or the bytes of one.
Source = str | os.PathLike[str] | bytes

#: Suffixes of the files that are taken for images, in lower case.
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm", ".jp2"})


def read_rgb(source: Source, where: str = "") -> UInt8:
    """Read colour; an alpha channel is dropped, not applied.

    Args:
        source: A file or its bytes; grey, palette and CMYK images become RGB; EXIF orientation is applied.
        where: Name of the image in errors; the path when empty.

    Returns:
        RGB, uint8, (H, W, 3); 16-bit values are rounded to 8 bit.

    Raises:
        AimkitError: It is missing, truncated, or no image.
    """
    pixels = _decode(source, where)
    return np.ascontiguousarray(_to_eight_bit(_spread(pixels)[..., :3]))


def read_alpha(source: Source, where: str = "") -> Float:
    """Read an alpha matte with all the precision that the file has.

    The alpha channel is the matte when there is one that is not opaque everywhere; otherwise the grey value is.

    Returns:
        Matte, float32 in [0, 1], (H, W). Arguments and errors as for :func:`read_rgb`.
    """
    return to_float(read_matte(source, where))


def read_matte(source: Source, where: str = "") -> Array:
    """As :func:`read_alpha`, but 8-bit mattes stay uint8."""
    matte = _matte(_decode(source, where))
    return matte if matte.dtype == np.uint8 else to_float(matte)


def read_grey(source: Source, where: str = "") -> UInt8:
    """Read a label or matte as 8-bit levels, (H, W); chosen and checked as in :func:`read_alpha`."""
    return _to_eight_bit(_matte(_decode(source, where)))


def read_rgba(source: Source, where: str = "") -> tuple[UInt8, Array]:
    """Read a cut-out.

    Returns:
        RGB as stored, uint8, (H, W, 3), and its alpha channel, (H, W), uint8 or, where the file has more bits,
        float32 in [0, 1].

    Raises:
        AimkitError: As for :func:`read_rgb`, or the image has no alpha channel.
    """
    pixels = _decode(source, where)
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        raise AimkitError("the image has no alpha channel", _name(source, where), "save it as RGBA PNG, WebP or TIFF")
    pixels = _spread(pixels)
    alpha = np.ascontiguousarray(pixels[..., 3])
    colors = np.ascontiguousarray(_to_eight_bit(pixels[..., :3]))
    return colors, alpha if alpha.dtype == np.uint8 else to_float(alpha)


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


def _decode(source: Source, where: str) -> Array:
    """Pixels as stored: uint8, uint16 or float32, (H, W) grey or (H, W, 2..4) with the alpha channel last."""
    from PIL import Image

    name = _name(source, where)
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise AimkitError(f"can't read the image: {error.strerror}", name) from None
    if not data:
        raise AimkitError("can't read the image: the file is empty", name)
    try:
        with Image.open(io.BytesIO(data)) as image:
            deep = any(";16" in str(tile[3]) for tile in image.tile) and image.mode in ("RGB", "RGBA", "LA")
            image.load()
            orientation = image.getexif().get(0x0112, 1)
            pixels = _deep(data) if deep else _shallow(image)
    except Exception as error:
        # Decoders meet broken files with errors of nearly every class; all of them mean the same to the user.
        raise AimkitError(f"can't read the image: {_reason(error)}", name, "replace or remove the file") from None
    return _upright(pixels, orientation)


def _shallow(image: Image.Image) -> Array:
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        # Formats without an alpha channel can still name one colour that is transparent.
        return np.asarray(image.convert("RGBA") if "transparency" in image.info else image)
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if image.mode.startswith("I"):
        # Pillow's 32-bit integers come from 16-bit files, with few exceptions that no matte has.
        return np.clip(np.asarray(image, np.int64), 0, 65535).astype(np.uint16)
    if image.mode == "F":
        return np.clip(np.nan_to_num(np.asarray(image, np.float32)), 0, 1)
    clear = image.mode in ("PA", "La", "RGBa") or "transparency" in image.info
    return np.asarray(image.convert("RGBA" if clear else "RGB"))


def _deep(data: bytes) -> Array:
    import cv2

    pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("OpenCV can't decode it")
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return np.asarray(pixels)


def _upright(pixels: Array, orientation: Any) -> Array:
    """Apply an EXIF orientation, 1 to 8."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _spread(pixels: Array) -> Array:
    """Grey, with or without alpha, as RGB, with or without alpha."""
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    return pixels[..., [0, 0, 0, 1]] if pixels.shape[2] == 2 else pixels


def _matte(pixels: Array) -> Array:
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] in (2, 4):
        alpha = np.ascontiguousarray(pixels[..., -1])
        if alpha.min() < (np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" else 1):
            return alpha
        pixels = pixels[..., :-1]
    if pixels.shape[2] == 1 or (np.ptp(pixels, axis=2) == 0).all():
        return np.ascontiguousarray(pixels[..., 0])
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    return grey if pixels.dtype.kind == "f" else np.rint(grey).astype(pixels.dtype)


def _to_eight_bit(pixels: Array) -> UInt8:
    return pixels.astype(np.uint8, copy=False) if pixels.dtype == np.uint8 else to_uint8(to_float(pixels))


def _encode(suffix: str, array: Array, options: list[int]) -> bytes:
    import cv2

    if array.ndim == 3:
        array = array[..., [2, 1, 0, 3][: array.shape[2]]]
    done, data = cv2.imencode(suffix, np.ascontiguousarray(array), options)
    if not done:
        raise AimkitError(f"can't encode an array of {array.dtype} {array.shape} as {suffix[1:]}", exit_code=1)
    return bytes(data.tobytes())


def _name(source: Source, where: str) -> str:
    return where or ("" if isinstance(source, bytes) else os.fspath(source))


def _reason(error: Exception) -> str:
    if type(error).__name__ == "UnidentifiedImageError":
        return "not an image, or an unknown format"
    return str(error).split("\n")[0][:200] or type(error).__name__
