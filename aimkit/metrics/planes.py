"""Checks of the mattes and trimaps that metrics are computed on."""

from __future__ import annotations

import cv2
import numpy as np

from aimkit.errors import AimkitError
from aimkit.types import Array, UInt8, to_float, to_uint8

#: How far floats may lie outside [0, 1] without an error: resizing and half precision overshoot a little.
_SLACK = 1e-3


def matte_pair(prediction: Array, alpha: Array) -> tuple[Array, Array]:
    """Check a prediction and its truth and bring them to one dtype.

    Args:
        prediction: Predicted alpha, uint8, uint16, bool or float in [0, 1], (H, W).
        alpha: True alpha, in any of these dtypes, (H, W).

    Returns:
        Both as uint8 if both were uint8 or bool, else both as float32 in [0, 1]; contiguous.

    Raises:
        AimkitError: One is not (H, W), is empty, has another dtype, holds NaN, infinity or values outside [0, 1], or
            the sizes differ.
    """
    prediction, alpha = _matte(prediction, "prediction"), _matte(alpha, "alpha")
    _same_size(prediction, "prediction", alpha)
    if prediction.dtype != alpha.dtype:
        prediction, alpha = to_float(prediction), to_float(alpha)
    return prediction, alpha


def label_plane(trimap: Array, alpha: Array) -> UInt8:
    """Check a trimap: uint8, or float with 0, 0.5 and 1, of the size of ``alpha``.

    Raises:
        AimkitError: In the cases of :func:`matte_pair`.
    """
    trimap = _matte(trimap, "trimap")
    _same_size(trimap, "trimap", alpha)
    return trimap if trimap.dtype == np.uint8 else to_uint8(trimap)


def equals(plane: Array, value: float) -> UInt8:
    """Return where a plane has a value: 0 or 255, uint8, (H, W)."""
    return (plane == value).view(np.uint8) * np.uint8(255)


def reaches(plane: Array, value: float) -> UInt8:
    """Return where a plane is at least a value: 0 or 255, uint8, (H, W)."""
    return (plane >= value).view(np.uint8) * np.uint8(255)


def window_of_difference(first: Array, second: Array, reach: int = 0) -> tuple[slice, slice] | None:
    """Return rows and columns of the box around all pixels that differ, grown by ``reach``; None when none differ."""
    x, y, width, height = cv2.boundingRect(cv2.compare(first, second, cv2.CMP_NE))
    if width == 0:
        return None
    return slice(max(0, y - reach), y + height + reach), slice(max(0, x - reach), x + width + reach)


def _matte(array: Array, name: str) -> Array:
    if not isinstance(array, np.ndarray):
        raise AimkitError(
            f"the {name} must be a NumPy array, not {type(array).__name__}", name, "use numpy.asarray(...)"
        )
    if array.ndim != 2:
        hint = "take one channel, for example array[..., 0]" if array.ndim == 3 else "pass a plane"
        raise AimkitError(f"the {name} must be (height, width), not {array.shape}", name, hint)
    if array.size == 0:
        raise AimkitError(f"the {name} is empty: {array.shape}", name)
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        return np.ascontiguousarray(to_float(array))
    if array.dtype.kind != "f":
        raise AimkitError(
            f"the {name} has the unsupported dtype {array.dtype}", name, "use uint8 in 0..255, or float in [0, 1]"
        )
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise AimkitError(f"the {name} contains NaN or infinity", name, "a model that predicts NaN has diverged")
    if low < -_SLACK or high > 1 + _SLACK:
        raise AimkitError(
            f"the {name} has values from {low:g} to {high:g}", name, "floats must be in [0, 1]: divide levels by 255"
        )
    return np.ascontiguousarray(np.clip(array, 0, 1), np.float32)


def _same_size(array: Array, name: str, alpha: Array) -> None:
    if array.shape != alpha.shape:
        raise AimkitError(
            f"size mismatch: {name} is {array.shape[1]}x{array.shape[0]}, truth {alpha.shape[1]}x{alpha.shape[0]}",
            name,
            "resize it to the size of the truth, and record how in the protocol",
        )
