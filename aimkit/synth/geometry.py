"""Resizing and warping of colour with alpha.

Colour and alpha are moved together, premultiplied: moving straight colour mixes in the colour of pixels that are not
there, and leaves fringes. Where nothing is left of the alpha, the straight colour is moved instead, so that colours
stay bled outwards.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from aimkit.synth.pyramid import ImagePyramid
from aimkit.synth.view import View
from aimkit.types import Array, Float, to_float

#: Resampling kernels by name; "auto" is area averaging when shrinking and cubic when enlarging.
KERNELS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
    "area": cv2.INTER_AREA,
}

#: Pixels beyond a point that a kernel reads.
_SUPPORT = {"nearest": 1, "linear": 1, "cubic": 2, "lanczos": 4}

#: Kernels with negative weights.
_OVERSHOOT = ("cubic", "lanczos")

#: Keeps points from lying half-way between two pixels, where the nearest would depend on where a window begins.
_OFF_THE_MIDDLE = 1 / 4096


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
    result = np.asarray(cv2.resize(image, (width, height), interpolation=KERNELS[kernel]), np.float32)
    return np.clip(result, 0, 1) if kernel in ("cubic", "lanczos") else result


def resize(color: Float, alpha: Float, size: tuple[int, int], kernel: str = "auto") -> tuple[Float, Float]:
    """Resize straight colour (h, w, 3) and alpha (h, w) together; arguments as for :func:`resize_image`."""
    if alpha.shape == size:
        return color, alpha
    from aimkit.matting.premultiplied import premultiply

    moved = resize_image(premultiply(color, alpha), size, kernel)
    return _straighten(moved, lambda: resize_image(color, size, "linear"))


def render(picture: ImagePyramid, matrix: Array, view: View, kernel: str = "auto") -> tuple[Array, Array | None]:
    """What a view shows of a picture that lies on a canvas; only the pixels that it needs are touched.

    A view of the whole canvas and one of a window agree in every bit where they overlap, since maps are rounded to
    where floating point is exact (see :func:`_grid`).

    Args:
        picture: Colour, and a matte or none.
        matrix: (2, 3), from picture to canvas, in pixels whose corners (not centres) are at integers.
        view: The part of the canvas to render.
        kernel: One of ``KERNELS`` or "auto" (also "area"): bilinear from the level of the pyramid that is nearest to
            the scale. The others sample the picture as it is: their artefacts are what one chooses them for.

    Returns:
        Straight colour (h, w, 3) and, when the picture has one, the matte (h, w), float32 in [0, 1]; or as the picture
        has them where no pixel had to be moved, or where there is no matte. Outside the picture the matte is 0 and
        colours are repeated.
    """
    # Numba is imported only where its loops run.
    from aimkit.matting.premultiplied import premultiply
    from aimkit.matting.stretch import stretch

    linear = np.asarray(matrix, np.float64)
    averaged = kernel in ("auto", "area")
    number = picture.depth(_nearest_level(linear if averaged else np.eye(2), view))
    extent = picture.extent(number)
    back, shift = _grid(linear, view, 2**number)
    if kernel == "nearest":
        shift += _OFF_THE_MIDDLE
    if np.array_equal(back, np.eye(2)) and not (shift % 1).any():
        left, top = (int(n) for n in shift)
        bottom, right = top + view.size[0], left + view.size[1]
        if min(left, top) >= 0 and bottom <= extent[0] and right <= extent[1]:
            return picture.part(number, slice(top, bottom), slice(left, right), view.approximate)
    name = "linear" if averaged else kernel
    part, shift = _needed(back, shift, view.size, extent, _SUPPORT[name])
    color, alpha = picture.part(number, *part, view.approximate)
    flags = KERNELS[name] | cv2.WARP_INVERSE_MAP
    move, size = np.column_stack([back, shift]), (view.size[1], view.size[0])
    if alpha is None and name == "linear" and color.dtype == np.uint8 and not (back[0, 1] or back[1, 0]):
        return stretch(color, (back[0, 0], back[1, 1]), (shift[0], shift[1]), view.size), None
    if alpha is None and name == "linear":
        # Levels are interpolated as floats are and rounded to levels, as they would be next anyway.
        return cv2.warpAffine(color, move, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), None
    if alpha is None:
        source = to_float(color)
        moved = np.asarray(cv2.warpAffine(source, move, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32)
        return np.clip(moved, 0, 1, out=moved) if name in _OVERSHOOT else moved, None
    layer = premultiply(color, alpha)
    moved = np.asarray(cv2.warpAffine(layer, move, size, flags=flags, borderMode=cv2.BORDER_CONSTANT), np.float32)

    def straight() -> Array:
        # These colours are not visible; the nearest pixel will do.
        repeated, nearby = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, np.column_stack([back, shift + _OFF_THE_MIDDLE])
        return cv2.warpAffine(color, nearby, size, flags=repeated, borderMode=cv2.BORDER_REPLICATE)

    return _straighten(moved, straight)


def warp(color: Float, alpha: Float, matrix: Array, size: tuple[int, int], kernel: str = "auto") -> tuple[Float, Float]:
    """Move straight colour and alpha by an affine map onto a canvas of that (height, width); see :func:`render`."""
    moved, coverage = render(ImagePyramid(color, alpha), matrix, View.whole(size), kernel)
    assert coverage is not None
    return to_float(moved), to_float(coverage)


def render_matte(picture: ImagePyramid, matrix: Array, view: View) -> Float:
    """The matte alone, bilinearly from the nearest level, as float32; arguments as for :func:`render`."""
    number = picture.depth(_nearest_level(matrix, view))
    alpha = picture.matte(number)
    return warp_plane(
        to_float(alpha), np.asarray(matrix, np.float64) * 2.0**number @ np.diag([1, 1, 2.0**-number]), view
    )


def _nearest_level(matrix: Array, view: View) -> int:
    scale = view.scale * float(np.sqrt(abs(np.linalg.det(np.asarray(matrix)[:, :2]))))
    return max(0, round(-np.log2(scale)))


def warp_plane(plane: Float, matrix: Array, view: View) -> Float:
    """What a view shows of a smooth field, (h, w) or (h, w, C); bilinear, 0 outside of it."""
    back, shift = _grid(np.asarray(matrix, np.float64), view, 1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    move, size = np.column_stack([back, shift]), (view.size[1], view.size[0])
    return np.asarray(cv2.warpAffine(plane, move, size, flags=flags), np.float32)


def spread(overview: Float, view: View) -> Float:
    """A smooth plane of a canvas's overview, enlarged bilinearly to a view."""
    (height, width), (h, w) = view.canvas, overview.shape[:2]
    back, shift = _grid(np.array([[width / w, 0, 0], [0, height / h, 0]]), view, 1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    move, size = np.column_stack([back, shift]), (view.size[1], view.size[0])
    return np.asarray(cv2.warpAffine(overview, move, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32)


def displace(image: Float, field: Float) -> Float:
    """What is seen through a field of displacements: ``image(p + field(p))``, bilinearly, mirrored at the borders.

    Args:
        image: Float32, (H, W, 3).
        field: Displacements (x, y) in pixels, float32, (H, W, 2).
    """
    height, width = image.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = x + field[..., 0], y + field[..., 1]
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.float32)


def filter_premultiplied(color: Float, alpha: Float, kernel: Array) -> tuple[Float, Float]:
    """Convolve colour and alpha with a kernel that sums to 1, as a lens or a movement does.

    Args:
        color: Straight RGB, (H, W, 3).
        alpha: (H, W).
        kernel: Float32, (k, k).
    """

    def filtered(plane: Float) -> Float:
        return np.asarray(cv2.filter2D(plane, -1, kernel, borderType=cv2.BORDER_REPLICATE), np.float32)

    from aimkit.matting.premultiplied import premultiply

    moved = filtered(premultiply(color, alpha))
    return _straighten(moved, lambda: filtered(color))


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
        center: Point (x, y) to turn about, in pixels.
        scale: Factor of both axes.
        degrees: Rotation in degrees, counter-clockwise.
        shear: Horizontal shear in degrees.
        flip: Mirror left and right.
        to: (x, y) where the centre goes; stays in place by default.

    Returns:
        (2, 3), float64.
    """
    angle, lean = np.deg2rad(degrees), np.tan(np.deg2rad(shear))
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    linear = scale * rotation @ np.array([[1.0, lean], [0.0, 1.0]]) @ np.diag([-1.0 if flip else 1.0, 1.0])
    return np.column_stack([linear, np.asarray(to or center, float) - linear @ np.asarray(center, float)])


def _grid(matrix: Array, view: View, reduction: int) -> tuple[Array, Array]:
    """From pixels of a view to pixels of a level of the picture, as OpenCV counts them (centres at integers).

    Entries are rounded to 1/1024. Products with pixel numbers are then exact in single precision, and a window's
    pixels fall on the very same points as the whole canvas's; the price is at most half a pixel in a thousand.
    """
    back = np.linalg.inv(matrix[:, :2]) / view.scale / reduction
    shift = -back @ matrix[:, 2] * view.scale + back @ (0.5, 0.5) - 0.5
    back, shift = np.round(back * 1024) / 1024, np.round(shift * 1024) / 1024
    return back, shift + back @ (view.offset[1], view.offset[0])


def _needed(
    back: Array, shift: Array, size: tuple[int, int], shape: tuple[int, ...], support: int
) -> tuple[tuple[slice, slice], Array]:
    """The rows and columns of a picture that a map reads, and the map's shift relative to that part."""
    corners = np.array([(x, y) for x in (0, size[1] - 1) for y in (0, size[0] - 1)], float) @ back.T + shift
    low = np.floor(corners.min(axis=0)).astype(int) - support
    high = np.ceil(corners.max(axis=0)).astype(int) + support + 1
    width_height = np.array([shape[1], shape[0]])
    low, high = np.clip(low, 0, width_height - 1), np.clip(high, 1, width_height)
    high = np.maximum(high, low + 1)
    return (slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))), shift - low


def _straighten(layer: Float, straight: Callable[[], Array]) -> tuple[Float, Float]:
    """Colour and alpha of what was moved premultiplied; ``straight`` gives the colour where alpha leaves none."""
    from aimkit.matting.premultiplied import fill_thin, straighten

    color, alpha, thin = straighten(layer)
    if thin:
        fill_thin(color, alpha, straight())
    return color, alpha
