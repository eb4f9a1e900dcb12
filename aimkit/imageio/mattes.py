"""Where a picture stores its matte: in its alpha channel, its grey levels, or the indices of its colour table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from aimkit.errors import AimkitError
from aimkit.imageio.picture import DecodedImage
from aimkit.types import Array, Float, UInt8, to_float

#: Levels of lossy mattes within as much of 0 and 255 become 0 and 255. Measured on 24 mattes as JPEG: at quality 85, a
#: tolerance of 8 leaves 4 % too much unknown area, 10 leaves none; what it takes is soft hair of less than 4 %.
LOSSY_TOLERANCE = 10

#: Channels of a grey picture differ by as much after conversions of colour, and after lossy compression.
_GREY_TOLERANCE, _LOSSY_GREY_TOLERANCE = 3, 16


#: Which part of a picture is its matte.
MatteChannel = Literal["auto", "alpha", "grey"]


@dataclass(frozen=True, eq=False)
class MatteLevels:
    """A matte as stored, before its scale is known.

    Attributes:
        levels: (H, W), in the file's dtype.
        channel: "alpha" or "grey": where it was found.
        is_index: The levels are indices of a colour table whose colours mean nothing.
        lossy: The levels come from lossy compression.
    """

    levels: Array
    channel: Literal["alpha", "grey"] = "grey"
    is_index: bool = False
    lossy: bool = False


def matte_levels(
    image: DecodedImage, where: str = "", channel: Literal["auto", "alpha", "grey"] = "auto"
) -> MatteLevels:
    """The matte in a picture.

    Args:
        image: What was decoded.
        where: The file, for errors.
        channel: "auto": the alpha channel where there is one that is not opaque everywhere, else grey. "alpha" and
            "grey" insist: a folder of cut-outs may hold one that is opaque.

    Raises:
        AimkitError: The picture is coloured, or has no alpha channel though one is asked for.
    """
    alpha = image.alpha
    if channel == "alpha" and alpha is None:
        raise AimkitError("the image has no alpha channel", where, "save it as RGBA PNG, WebP or TIFF")
    if alpha is not None and channel != "grey" and (channel == "alpha" or _is_soft(alpha)):
        return MatteLevels(np.ascontiguousarray(alpha), "alpha", False, image.lossy_alpha)
    if image.indices is not None and not _is_grey(image.color, 0):
        return MatteLevels(image.indices, "grey", True)
    return MatteLevels(_grey(image, where), "grey", False, image.lossy)


def snap_lossy(levels: UInt8, tolerance: int = LOSSY_TOLERANCE) -> UInt8:
    """Set what lies within ``tolerance`` of 0 and 255 to 0 and 255.

    Lossy compression surrounds every edge by levels such as 2 and 251, which a trimap takes for unknown.
    """
    table = np.arange(256)
    table[: tolerance + 1] = 0
    table[255 - tolerance :] = 255
    return table.astype(np.uint8)[levels]


def opacity_of(pixels: Array) -> Float | None:
    """The alpha channel of pixels (H, W, 2) or (H, W, 4), float32 in [0, 1]; None where it hides nothing."""
    if pixels.ndim != 3 or pixels.shape[2] not in (2, 4) or not _is_soft(pixels[..., -1]):
        return None
    return np.clip(to_float(np.ascontiguousarray(pixels[..., -1])), 0, 1)


def _is_soft(alpha: Array) -> bool:
    """Whether an alpha channel is not opaque everywhere."""
    return bool(alpha.min() < (1 if alpha.dtype.kind == "f" else np.iinfo(alpha.dtype).max))


def _is_grey(color: Array, tolerance: float) -> bool:
    return color.ndim == 2 or bool((color.max(axis=2) - color.min(axis=2) <= tolerance).all())


def _grey(image: DecodedImage, where: str) -> Array:
    color = image.color
    if color.ndim == 2 or _is_grey(color, 0):
        return np.ascontiguousarray(color if color.ndim == 2 else color[..., 0])
    tolerance = _LOSSY_GREY_TOLERANCE if image.lossy else _GREY_TOLERANCE
    scale = 1 / 255 if color.dtype.kind == "f" else np.iinfo(color.dtype).max / 255
    if not _is_grey(color, tolerance * scale):
        hint = "give a grey matte, or a cut-out with an alpha channel"
        raise AimkitError("a coloured picture was given as a matte", where, hint)
    grey = color @ np.array([0.299, 0.587, 0.114], np.float32)
    return grey if color.dtype.kind == "f" else np.rint(grey).astype(color.dtype)
