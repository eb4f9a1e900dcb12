"""What metrics are computed on: mattes and trimaps of one size, checked."""

from __future__ import annotations

import cv2
import numpy as np

from aimkit.errors import AimkitError
from aimkit.types import Array, UInt8, to_float, to_uint8

#: How far a float may leave [0, 1] before it is taken for a mistake: resizing and half precision overshoot a little.
_SLACK = 1e-3


def matte_pair(prediction: Array, alpha: Array) -> tuple[Array, Array]:
    """Check a prediction and its truth and bring them to one dtype.

    Args:
        prediction: uint8, uint16, bool, or float in [0, 1], (H, W).
        alpha: The truth, likewise.

    Returns:
        Both as uint8 when both were, else both as float32 in [0, 1]; contiguous.

    Raises:
        AimkitError: Not a plane, empty, another dtype, NaN or infinite, outside [0, 1], or of different sizes.
    """
    prediction, alpha = _matte(prediction, "prediction"), _matte(alpha, "alpha")
    _same_size(prediction, "prediction", alpha)
    if prediction.dtype != alpha.dtype:
        prediction, alpha = to_float(prediction), to_float(alpha)
    return prediction, alpha


def label_plane(trimap: Array, alpha: Array) -> UInt8:
    """Check a trimap: uint8, or float with 0, 0.5 and 1, of the size of ``alpha``.

    Raises:
        AimkitError: As for :func:`matte_pair`.
    """
    trimap = _matte(trimap, "trimap")
    _same_size(trimap, "trimap", alpha)
    return trimap if trimap.dtype == np.uint8 else to_uint8(trimap)


def equals(plane: Array, value: float) -> UInt8:
    """Where a plane has a value; 0 or 255, uint8, (H, W)."""
    return (plane == value).view(np.uint8) * np.uint8(255)


def reaches(plane: Array, value: float) -> UInt8:
    """Where a plane is at least a value; 0 or 255, uint8, (H, W)."""
    return (plane >= value).view(np.uint8) * np.uint8(255)


def window_of_difference(first: Array, second: Array, reach: int = 0) -> tuple[slice, slice] | None:
    """Rows and columns of the box around all pixels that differ, ``reach`` pixels wider; None when none differ."""
    x, y, width, height = cv2.boundingRect(cv2.compare(first, second, cv2.CMP_NE))
    if width == 0:
        return None
    return slice(max(0, y - reach), y + height + reach), slice(max(0, x - reach), x + width + reach)


def _matte(array: Array, name: str) -> Array:
    if not isinstance(array, np.ndarray):
        raise AimkitError(f"the {name} is no NumPy array but {type(array).__name__}", name, "numpy.asarray(...)")
    if array.ndim != 2:
        hint = "take one channel, for example array[..., 0]" if array.ndim == 3 else "give a plane"
        raise AimkitError(f"the {name} must be (height, width), this one is {array.shape}", name, hint)
    if array.size == 0:
        raise AimkitError(f"the {name} is empty: {array.shape}", name)
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        return np.ascontiguousarray(to_float(array))
    if array.dtype.kind != "f":
        raise AimkitError(f"the {name} has dtype {array.dtype}", name, "use uint8 in 0..255, or float in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise AimkitError(f"the {name} holds NaN or infinity", name, "a model that gives NaN has diverged")
    if low < -_SLACK or high > 1 + _SLACK:
        raise AimkitError(
            f"the {name} holds values from {low:g} to {high:g}", name, "floats are in [0, 1]: divide levels by 255"
        )
    return np.ascontiguousarray(np.clip(array, 0, 1), np.float32)


def _same_size(array: Array, name: str, alpha: Array) -> None:
    if array.shape != alpha.shape:
        raise AimkitError(
            f"the {name} is {array.shape[1]}x{array.shape[0]}, the truth {alpha.shape[1]}x{alpha.shape[0]}",
            name,
            "resize it to the truth's size, and say how in the protocol",
        )
