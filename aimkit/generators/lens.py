"""What a lens does to a layer: defocus of premultiplied planes."""

from __future__ import annotations

import cv2
import numpy as np

from aimkit.types import Float


def disc(radius: float) -> Float:
    """The circle of confusion: a disc of that radius in pixels, float32 that sums to 1, (2n+1, 2n+1).

    Its spread along an axis is that of the ideal disc, radius / 2, at every radius, so that a large rendering, reduced,
    is as soft as a small one.
    """
    variance = radius**2 / 4
    if radius < 1.5:
        taps = np.array([variance / 2, 1 - variance, variance / 2], np.float32)
        return np.outer(taps, taps).astype(np.float32)
    # Sampling the rim by area adds 1/8 to the variance; the disc is drawn that much smaller.
    inner = np.sqrt(4 * (variance - 0.125))
    reach = int(np.ceil(inner + 0.5)) - 1
    steps = np.arange(-reach, reach + 1, dtype=np.float32)
    kernel = np.clip(inner + 0.5 - np.hypot(steps[:, None], steps[None, :]), 0, 1)
    return (kernel / kernel.sum()).astype(np.float32)


def defocus(planes: Float, radius: float) -> Float:
    """Blur planes with a disc of that radius in pixels.

    Args:
        planes: float32, (H, W) or (H, W, C). Colours must be premultiplied, or they leak into each other.
        radius: Radius of the disc in pixels.

    Returns:
        Planes of the same shape. Sums are conserved up to what crosses the border, which is reflected.
    """
    if radius < 0.1:
        return planes
    return np.asarray(cv2.filter2D(planes, -1, disc(radius), borderType=cv2.BORDER_REFLECT_101), np.float32)
