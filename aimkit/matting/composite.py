"""The compositing equation, and the over operator for a foreground on a foreground."""

from __future__ import annotations

import cv2
import numpy as np

from aimkit.errors import AimkitError
from aimkit.types import Array, Float, UInt8, to_float


def composite(foreground: Array, alpha: Array, background: Array) -> Array:
    """Blend a foreground over a background: I = a F + (1 - a) B.

    Args:
        foreground: Straight RGB, uint8 or float in [0, 1], (H, W, 3).
        alpha: Alpha matte of the same dtype, (H, W).
        background: RGB of the same dtype, (h, w, 3); resized bilinearly to (H, W) when the sizes differ.

    Returns:
        The composite, RGB, with dtype and size of the foreground. uint8 results are rounded and clipped.

    Raises:
        AimkitError: Alpha and foreground differ in size, dtypes are mixed, or a plane has the wrong shape.
    """
    _check_colour(foreground, "foreground")
    _check_colour(background, "background")
    if alpha.ndim != 2:
        raise AimkitError(f"alpha must be (H, W), not {alpha.shape}", "composite, alpha")
    if alpha.shape != foreground.shape[:2]:
        raise AimkitError(
            f"size mismatch: foreground is {_size(foreground)}, alpha {_size(alpha)}", "composite", "resize one of them"
        )
    integer = [array.dtype == np.uint8 for array in (foreground, alpha, background)]
    if any(integer) and not all(integer):
        kinds = ", ".join(str(array.dtype) for array in (foreground, alpha, background))
        raise AimkitError(f"mixed dtypes: {kinds}", "composite", "convert all to uint8, or all to float in [0, 1]")
    if background.shape[:2] != alpha.shape:
        background = cv2.resize(background, (alpha.shape[1], alpha.shape[0]), interpolation=cv2.INTER_LINEAR)
    if all(integer):
        return blend_levels(foreground, alpha, background)
    blended = blend(to_float(foreground), to_float(alpha), to_float(background))
    return blended.astype(foreground.dtype, copy=False)


def blend_levels(foreground: UInt8, alpha: UInt8, background: UInt8) -> UInt8:
    """Blend uint8 planes of one size; the result is exactly that of :func:`blend`, rounded to levels.

    Args:
        foreground: RGB, uint8, (H, W, 3).
        alpha: Alpha matte, uint8, (H, W).
        background: RGB, uint8, (H, W, 3).

    Returns:
        RGB, uint8, (H, W, 3).
    """
    # Numba is imported only where its loops run: a cut-out needs the module, but not them.
    from aimkit.matting import kernels

    return kernels.blend(foreground, alpha, background)


def blend(foreground: Float, alpha: Float, background: Float, *, linear: bool = False) -> Float:
    """Blend float32 planes of one size: I = a F + (1 - a) B.

    Args:
        foreground: RGB, float32 in [0, 1], (H, W, 3).
        alpha: Alpha matte, float32 in [0, 1], (H, W).
        background: RGB, float32 in [0, 1], (H, W, 3).
        linear: Blend in linear light (sRGB decoded, blended, encoded). Light adds up like this in a camera, but the
            equation then does not hold between the stored, gamma-encoded planes.

    Returns:
        RGB, float32 in [0, 1], (H, W, 3).
    """
    if linear:
        foreground, background = srgb_to_linear(foreground), srgb_to_linear(background)
    image: Float = foreground - background
    image *= cv2.merge([alpha, alpha, alpha])
    image += background
    return linear_to_srgb(image) if linear else image


def over(front: tuple[Float, Float], back: tuple[Float, Float]) -> tuple[Float, Float]:
    """Put one foreground over another: a = 1 - (1-a1)(1-a2), F = (a1 F1 + (1-a1) a2 F2) / a.

    This is Porter and Duff's over operator on straight colours. It is associative. Where both are empty, the colour is
    that of the front.

    Args:
        front: Colour (H, W, 3) and alpha (H, W), float32 in [0, 1].
        back: Colour and alpha of the same size and dtype.

    Returns:
        Colour and alpha of both together, float32 in [0, 1].
    """
    (color1, alpha1), (color2, alpha2) = front, back
    share = (1 - alpha1) * alpha2
    alpha = alpha1 + share
    weight1 = np.divide(alpha1, alpha, out=np.ones_like(alpha), where=alpha > 0)[..., None]
    return color2 + weight1 * (color1 - color2), alpha


def srgb_to_linear(color: Float) -> Float:
    """Decode sRGB values in [0, 1] to linear light (IEC 61966-2-1); float32, any shape."""
    low = color / np.float32(12.92)
    high = np.power((np.maximum(color, 0) + np.float32(0.055)) / np.float32(1.055), np.float32(2.4))
    return np.where(color <= 0.04045, low, high).astype(np.float32)


def linear_to_srgb(light: Float) -> Float:
    """Encode linear light in [0, 1] as sRGB values (IEC 61966-2-1); float32, any shape."""
    low = light * np.float32(12.92)
    high = np.float32(1.055) * np.power(np.maximum(light, 0), np.float32(1 / 2.4)) - np.float32(0.055)
    return np.where(light <= 0.0031308, low, high).astype(np.float32)


def _check_colour(array: Array, name: str) -> None:
    if array.ndim != 3 or array.shape[2] != 3:
        raise AimkitError(f"the {name} must be RGB (H, W, 3), not {array.shape}", f"composite, {name}")
    if array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
        raise AimkitError(f"the {name} must be uint8 or float in [0, 1], not {array.dtype}", f"composite, {name}")


def _size(array: Array) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"
