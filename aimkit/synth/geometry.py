"""Resizing and warping of colour with alpha.

Colour and alpha are moved together, premultiplied: moving straight colour mixes in the colour of pixels that are not
there, and leaves fringes. Where nothing is left of the alpha, the straight colour is moved instead, so that colours
stay bled outwards.
"""

from __future__ import annotations

import cv2
import numpy as np

from aimkit.types import Array, Float

#: Resampling kernels by name; "auto" is area averaging when shrinking and cubic when enlarging.
KERNELS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
    "area": cv2.INTER_AREA,
}

#: Below this alpha the un-premultiplied colour is noise.
_THIN = np.float32(1 / 512)


def resize_image(image: Float, size: tuple[int, int], kernel: str = "auto") -> Float:
    """Resize a plane or RGB image; cubic and Lanczos overshoot is clipped.

    Args:
        image: Float32 in [0, 1], (h, w) or (h, w, 3).
        size: (height, width) wanted.
        kernel: One of ``KERNELS`` or "auto".
    """
    height, width = size
    if image.shape[:2] == (height, width):
        return image
    if kernel == "auto":
        kernel = "area" if height <= image.shape[0] and width <= image.shape[1] else "cubic"
    result = cv2.resize(image, (width, height), interpolation=KERNELS[kernel])
    return np.clip(result, 0, 1) if kernel in ("cubic", "lanczos") else result


def resize(color: Float, alpha: Float, size: tuple[int, int], kernel: str = "auto") -> tuple[Float, Float]:
    """Resize straight colour (h, w, 3) and alpha (h, w) together; arguments as for :func:`resize_image`."""
    if alpha.shape == size:
        return color, alpha
    moved = resize_image(_premultiply(color, alpha), size, kernel)
    return _straighten(moved, resize_image(color, size, "linear"))


def warp(color: Float, alpha: Float, matrix: Array, size: tuple[int, int], kernel: str = "auto") -> tuple[Float, Float]:
    """Move straight colour and alpha by an affine map; outside the source, alpha is 0 and colour is repeated.

    Args:
        color: Float32 in [0, 1], (h, w, 3).
        alpha: Float32 in [0, 1], (h, w).
        matrix: (2, 3), from source to result, in pixels whose corners (not centres) are at integers.
        size: (height, width) of the result.
        kernel: One of ``KERNELS`` or "auto", which averages areas first when the map shrinks.

    Returns:
        Colour and alpha of that size.
    """
    matrix = np.asarray(matrix, np.float64)
    shrink = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if kernel == "auto" and shrink < 0.8:
        reduced = (max(1, round(alpha.shape[0] * shrink)), max(1, round(alpha.shape[1] * shrink)))
        factor = np.array([alpha.shape[1] / reduced[1], alpha.shape[0] / reduced[0], 1.0])
        color, alpha = resize(color, alpha, reduced, "area")
        matrix = matrix * factor
    flags = KERNELS["linear" if kernel in ("auto", "area") else kernel]
    shifted, target = _at_centers(matrix), (size[1], size[0])
    moved = cv2.warpAffine(_premultiply(color, alpha), shifted, target, flags=flags, borderMode=cv2.BORDER_CONSTANT)
    straight = cv2.warpAffine(color, shifted, target, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _straighten(np.clip(moved, 0, 1), straight)


def warp_plane(plane: Float, matrix: Array, size: tuple[int, int]) -> Float:
    """Move a smooth field, (h, w) or (h, w, C), by an affine map, bilinearly; outside the source it is 0."""
    return cv2.warpAffine(plane, _at_centers(np.asarray(matrix, np.float64)), (size[1], size[0]))


def displace(image: Float, field: Float) -> Float:
    """What is seen through a field of displacements: ``image(p + field(p))``, bilinearly, mirrored at the borders.

    Args:
        image: Float32, (H, W, 3).
        field: Displacements (x, y) in pixels, float32, (H, W, 2).
    """
    height, width = image.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(image, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def filter_premultiplied(color: Float, alpha: Float, kernel: Array) -> tuple[Float, Float]:
    """Convolve colour and alpha with a kernel that sums to 1, as a lens or a movement does.

    Args:
        color: Straight RGB, (H, W, 3).
        alpha: (H, W).
        kernel: Float32, (k, k).
    """
    moved = cv2.filter2D(_premultiply(color, alpha), -1, kernel, borderType=cv2.BORDER_REPLICATE)
    straight = cv2.filter2D(color, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return _straighten(np.clip(moved, 0, 1), straight)


def affine(
    center: tuple[float, float],
    *,
    scale: float = 1.0,
    degrees: float = 0.0,
    shear: float = 0.0,
    flip: bool = False,
    to: tuple[float, float] | None = None,
) -> Array:
    """The map that flips, shears, scales and rotates (counter-clockwise) about a point and carries it to another.

    Args:
        center: (x, y) that is turned about.
        scale: Factor of both axes.
        degrees: Rotation.
        shear: Horizontal shear, degrees.
        flip: Mirror left and right.
        to: (x, y) where the centre goes; stays in place by default.

    Returns:
        (2, 3), float64.
    """
    angle, lean = np.deg2rad(degrees), np.tan(np.deg2rad(shear))
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    linear = scale * rotation @ np.array([[1.0, lean], [0.0, 1.0]]) @ np.diag([-1.0 if flip else 1.0, 1.0])
    return np.column_stack([linear, np.asarray(to or center, float) - linear @ np.asarray(center, float)])


def bounding_box(alpha: Float, floor: float = 0.02) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) of the pixels above the floor, or None when there are none."""
    columns = np.flatnonzero((alpha > floor).any(axis=0))
    rows = np.flatnonzero((alpha > floor).any(axis=1))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _at_centers(matrix: Array) -> Array:
    """The same map for OpenCV, which puts integers at pixel centres."""
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return shifted


def _premultiply(color: Float, alpha: Float) -> Float:
    return np.dstack([color * alpha[..., None], alpha])


def _straighten(moved: Float, straight: Float) -> tuple[Float, Float]:
    alpha = np.ascontiguousarray(moved[..., 3])
    solid = (alpha > _THIN)[..., None]
    color = np.where(solid, moved[..., :3] / np.maximum(alpha, _THIN)[..., None], straight)
    return np.clip(color, 0, 1), alpha
