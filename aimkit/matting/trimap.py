"""Labels made from an alpha matte: trimap, duomap, unimap, and their union, the generalized trimap.

Values are 0 (background), 128 (unknown) and 255 (foreground). Definitions after "Deep Automatic Natural Image
Matting" (Li, Zhang and Tao, IJCAI 2021), section 3.1.
"""

from __future__ import annotations

import cv2
import numpy as np

from aimkit.errors import AimkitError
from aimkit.matting import morphology
from aimkit.types import Array, ImageType, UInt8, to_uint8

BACKGROUND, UNKNOWN, FOREGROUND = 0, 128, 255

#: How the transition area is widened; "random" differs from "fixed" only in where its kernels come from.
SCHEDULES = ("fixed", "random", "distance")


def trimap(alpha: Array, kernel: int | tuple[int, int] = 30) -> UInt8:
    """Make the trimap of an opaque foreground: ``dilate(alpha > 0)`` minus ``erode(alpha = 1)`` is unknown.

    Args:
        alpha: Alpha matte, uint8 or float in [0, 1], (H, W).
        kernel: Side in pixels of the elliptical structuring element; a pair gives the dilation and the erosion
            their own. 0 leaves the transition area unchanged.

    Returns:
        Labels {0, 128, 255}, uint8, (H, W).

    Raises:
        AimkitError: Alpha is not (H, W), or the kernel is negative.
    """
    dilate, erode = _kernels(kernel)
    alpha = _levels(alpha)
    label = morphology.dilate(alpha != 0, dilate) * np.uint8(UNKNOWN)
    # The eroded solid part always lies inside the dilated whole, so the two can be added.
    label += ~morphology.dilate(alpha != 255, erode) * np.uint8(FOREGROUND - UNKNOWN)
    return label


def distance_trimap(alpha: Array, kernel: int | tuple[int, int] = 30) -> UInt8:
    """Make a trimap whose transition area reaches ``kernel / 2`` pixels (Euclidean distance) into both sides.

    Arguments, result and errors are those of :func:`trimap`. Unlike OpenCV's ellipse, the shape is a true disc.
    """
    dilate, erode = _kernels(kernel)
    alpha = _levels(alpha)
    label = np.full(alpha.shape, UNKNOWN, np.uint8)
    label[_distance_to(alpha != 0) > dilate / 2] = BACKGROUND
    label[_distance_to(alpha != 255) > erode / 2] = FOREGROUND
    return label


def generalized_trimap(alpha: Array, image_type: ImageType | str, kernel: int | tuple[int, int] = 30) -> UInt8:
    """Make the label of an image type: trimap (SO), duomap (STM) or unimap (NS).

    Args:
        alpha: Alpha matte, uint8 or float in [0, 1], (H, W).
        image_type: SO, STM or NS.
        kernel: Side of the structuring element in pixels, see :func:`trimap`.

    Returns:
        Labels {0, 128, 255}, uint8, (H, W).
    """
    return restrict(trimap(alpha, kernel), image_type)


def restrict(label: UInt8, image_type: ImageType | str) -> UInt8:
    """Turn a trimap into the label of a type: a duomap (STM) has no foreground, a unimap (NS) is unknown everywhere."""
    image_type = ImageType.parse(image_type)
    if image_type is ImageType.NS:
        return np.full_like(label, UNKNOWN)
    if image_type is ImageType.STM:
        return np.minimum(label, np.uint8(UNKNOWN))
    return label


def make_trimap(alpha: Array, schedule: str, kernel: int | tuple[int, int]) -> UInt8:
    """Make a trimap by the name of its schedule; :func:`restrict` turns it into the label of a type.

    Args:
        alpha: Alpha matte, uint8 or float in [0, 1], (H, W).
        schedule: One of ``SCHEDULES``.
        kernel: Side of the structuring element in pixels, see :func:`trimap`.

    Raises:
        AimkitError: The schedule is unknown.
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


def _distance_to(mask: Array) -> Array:
    """Distance of every pixel to the nearest True; infinite when there is none."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
