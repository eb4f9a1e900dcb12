"""From pixels as stored to the colours that all of aimkit works with: straight RGB in 8 bits."""

from __future__ import annotations

from functools import cache

import numpy as np

from aimkit.errors import AimkitError
from aimkit.imageio.picture import DecodedImage
from aimkit.types import Array, UInt8, to_uint8

#: Pixels that are converted at a time, to keep what is temporary small.
_BLOCK = 1 << 22


def rgb_of(image: DecodedImage, where: str = "") -> UInt8:
    """Colours: RGB, uint8, (H, W, 3); alpha is dropped, after colours that it multiplies are divided by it.

    Raises:
        AimkitError: The levels have no known scale.
    """
    if image.linear:
        what = f"{image.format} holds linear light, which has no white level"
        raise AimkitError(f"can't read the image: {what}", where, "tone-map it and save it as PNG, JPEG or TIFF")
    color = eight_bit(straight(image), where)
    return np.repeat(color[..., None], 3, axis=2) if color.ndim == 2 else np.ascontiguousarray(color)


def straight(image: DecodedImage) -> Array:
    """Colours, (H, W) or (H, W, 3), in their own dtype; never multiplied by alpha. They are 0 where alpha is 0."""
    color, alpha = image.color, image.alpha
    if not image.associated or alpha is None:
        return color
    alpha = alpha if color.ndim == 2 else alpha[..., None]
    if color.dtype.kind == "f":
        return np.divide(color, alpha, out=np.zeros_like(color), where=alpha > 0)
    top = int(np.iinfo(color.dtype).max)
    wide = np.uint64 if color.dtype.itemsize > 2 else np.uint32
    result = np.empty_like(color)
    for rows in _blocks(color):
        divisor = np.maximum(alpha[rows], 1).astype(wide)
        quotient = (color[rows].astype(wide) * np.array(top, wide) + divisor // 2) // divisor
        result[rows] = np.where(alpha[rows] > 0, np.minimum(quotient, top), 0)
    return result


def eight_bit(color: Array, where: str = "") -> UInt8:
    """Levels in 8 bits, rounded to the nearest.

    uint16, uint32 and uint64 have their whole range. Floats in [0, 1], and whole numbers up to 255 in any other type,
    are what they seem to be.

    Raises:
        AimkitError: The scale is not known: negative levels, light beyond white, NaN.
    """
    if color.dtype == np.uint8:
        return color
    if color.dtype == np.uint16:
        return _from_sixteen()[color]
    if not np.isfinite(color).all():
        raise AimkitError("can't read the image: it has NaN or infinite colours", where, "replace them")
    low, high = color.min(), color.max()
    if low >= 0 and color.dtype.kind == "f" and high <= 1:
        return np.concatenate([to_uint8(color[rows].astype(np.float32)) for rows in _blocks(color)])
    if low >= 0 and high <= 255 and (color.dtype.kind != "f" or (color == np.rint(color)).all()):
        return color.astype(np.uint8)
    if low >= 0 and color.dtype.kind != "f" and high <= 65535:
        return _from_sixteen()[color.astype(np.uint16)]
    if color.dtype.kind == "u":
        full = float(np.iinfo(color.dtype).max)
        return np.concatenate([np.rint(color[rows] / full * 255).astype(np.uint8) for rows in _blocks(color)])
    what = f"its colours go from {low:g} to {high:g}, a scale that is not known"
    raise AimkitError(f"can't read the image: {what}", where, "save it as 8-bit or 16-bit RGB, or as float in 0..1")


@cache
def _from_sixteen() -> UInt8:
    # 65535 is 257 times 255, and 257 is odd: there are no ties.
    return ((np.arange(65536) + 128) // 257).astype(np.uint8)


def _blocks(array: Array) -> list[slice]:
    rows = max(1, _BLOCK // max(1, array[:1].size))
    return [slice(top, top + rows) for top in range(0, len(array), rows)]
