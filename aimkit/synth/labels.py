"""Labels made from an alpha matte: trimap, duomap, unimap, and their union, the generalized trimap.

Values are 0 (background), 128 (unknown) and 255 (foreground). Definitions after "Deep Automatic Natural Image
Matting" (Li, Zhang and Tao, IJCAI 2021), section 3.1.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from aimkit.errors import AimkitError
from aimkit.types import Array, ImageType, UInt8, to_uint8

BACKGROUND, UNKNOWN, FOREGROUND = 0, 128, 255

#: From this kernel on, morphology by rows is faster.
_WIDE = 16

#: How the transition area is widened; "random" differs from "fixed" only in where its kernels come from.
SCHEDULES = ("fixed", "random", "distance")


def trimap(alpha: Array, kernel: int | tuple[int, int] = 30) -> UInt8:
    """Trimap of an opaque foreground: ``dilate(alpha > 0)`` without ``erode(alpha = 1)`` is unknown.

    Args:
        alpha: Alpha matte, uint8 or float in [0, 1], (H, W).
        kernel: Side in pixels of the elliptical structuring element; a pair gives the dilation and the erosion
            their own. 0 leaves the area as it is.

    Returns:
        Labels {0, 128, 255}, uint8, (H, W).

    Raises:
        AimkitError: alpha is not a plane, or the kernel is negative.
    """
    dilate, erode = _kernels(kernel)
    alpha = _levels(alpha)
    label = np.full(alpha.shape, UNKNOWN, np.uint8)
    label[_morph(cv2.MORPH_DILATE, alpha != 0, dilate) == 0] = BACKGROUND
    label[_morph(cv2.MORPH_ERODE, alpha == 255, erode) != 0] = FOREGROUND
    return label


def distance_trimap(alpha: Array, kernel: int | tuple[int, int] = 30) -> UInt8:
    """Trimap whose transition area reaches ``kernel / 2`` pixels (Euclidean distance) into both sides.

    Arguments, result and errors as for :func:`trimap`; unlike OpenCV's ellipse, the shape is a true disc.
    """
    dilate, erode = _kernels(kernel)
    alpha = _levels(alpha)
    label = np.full(alpha.shape, UNKNOWN, np.uint8)
    label[_distance_to(alpha != 0) > dilate / 2] = BACKGROUND
    label[_distance_to(alpha != 255) > erode / 2] = FOREGROUND
    return label


def generalized_trimap(alpha: Array, image_type: ImageType | str, kernel: int | tuple[int, int] = 30) -> UInt8:
    """The label of an image type: trimap (SO), duomap (STM) or unimap (NS).

    Args:
        alpha: Alpha matte, uint8 or float in [0, 1], (H, W).
        image_type: SO, STM or NS.
        kernel: As for :func:`trimap`.

    Returns:
        Labels {0, 128, 255}, uint8, (H, W).
    """
    return restrict(trimap(alpha, kernel), image_type)


def restrict(label: UInt8, image_type: ImageType | str) -> UInt8:
    """Take from a trimap what the type does not have: STM no foreground, NS neither foreground nor background."""
    image_type = ImageType.parse(image_type)
    if image_type is ImageType.NS:
        return np.full_like(label, UNKNOWN)
    if image_type is ImageType.STM:
        return np.minimum(label, np.uint8(UNKNOWN))
    return label


def make(alpha: Array, schedule: str, kernel: int | tuple[int, int]) -> UInt8:
    """Trimap by the name of its schedule; :func:`restrict` then makes it the label of a type.

    Raises:
        AimkitError: Unknown schedule.
    """
    if schedule not in SCHEDULES:
        raise AimkitError(f"unknown trimap schedule '{schedule}'", hint="known: " + ", ".join(SCHEDULES))
    return distance_trimap(alpha, kernel) if schedule == "distance" else trimap(alpha, kernel)


def _kernels(kernel: int | tuple[int, int]) -> tuple[int, int]:
    dilate, erode = (kernel, kernel) if isinstance(kernel, int | np.integer) else kernel
    if dilate < 0 or erode < 0:
        raise AimkitError(f"a trimap kernel can't be negative: {kernel}", hint="give pixels, for example 30")
    return int(dilate), int(erode)


def _levels(alpha: Array) -> UInt8:
    if alpha.ndim != 2:
        raise AimkitError(f"an alpha matte is (H, W), this one is {alpha.shape}")
    return alpha if alpha.dtype == np.uint8 else to_uint8(alpha)


def _morph(operation: int, mask: Array, kernel: int) -> UInt8:
    mask = mask.astype(np.uint8)
    if kernel < 2:
        return mask
    if kernel < _WIDE:
        return cv2.morphologyEx(mask, operation, _ellipse(kernel))  # type: ignore[return-value]
    return _by_rows(mask, kernel, dilate=operation == cv2.MORPH_DILATE)


def _by_rows(mask: UInt8, kernel: int, *, dilate: bool) -> UInt8:
    """Morphology with an ellipse, one of its rows after the other.

    A row of the ellipse is a segment, which OpenCV runs along an image fast; rows of one length share that run. The
    result is that of the whole ellipse, in a half of the time and less.
    """
    morph, join = (cv2.dilate, np.maximum) if dilate else (cv2.erode, np.minimum)
    height, middle = len(mask), kernel // 2
    result = np.full_like(mask, 0 if dilate else 1)
    runs: dict[tuple[int, int], Array] = {}
    for row, (start, stop) in enumerate(segments(kernel)):
        if (start, stop) not in runs:
            segment = np.ones((1, stop - start), np.uint8)
            runs[start, stop] = morph(mask, segment, anchor=(middle - start, 0))
        down = row - middle
        if abs(down) >= height:
            continue
        seen, part = (
            runs[start, stop][max(down, 0) : height + min(down, 0)],
            result[max(-down, 0) : height - max(down, 0)],
        )
        join(part, seen, out=part)
    return result


def _distance_to(mask: Array) -> Array:
    """Distance of every pixel to the nearest True; infinite when there is none."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


@lru_cache(maxsize=64)
def _ellipse(kernel: int) -> Array:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (kernel, kernel))


@lru_cache(maxsize=64)
def segments(kernel: int) -> list[tuple[int, int]]:
    """First column and last column + 1 of every row of OpenCV's ellipse; its middle is at ``kernel // 2``."""
    columns = [np.flatnonzero(row) for row in _ellipse(kernel)]
    return [(int(c[0]), int(c[-1]) + 1) for c in columns]
