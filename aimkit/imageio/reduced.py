"""Pictures for people, reduced to what a page shows."""

from __future__ import annotations

import cv2
import numpy as np

from aimkit.types import UInt8


def reduced(picture: UInt8, side: int) -> UInt8:
    """A picture whose longer side is at most ``side``, by area averaging; a smaller one as it is.

    Args:
        picture: uint8, (H, W) or (H, W, C).
        side: In pixels.
    """
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
