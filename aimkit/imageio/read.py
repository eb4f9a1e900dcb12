"""Reading a file in a role: as colours, as a matte, as a cut-out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from aimkit.imageio.colors import rgb_of
from aimkit.imageio.decode import decode
from aimkit.imageio.matte_scale import MatteScale, matte_statistics, scale_alone, scale_matte
from aimkit.imageio.mattes import MatteChannel, MatteLevels, matte_levels, snap_lossy
from aimkit.imageio.picture import DecodedImage
from aimkit.types import Array, Float, UInt8, to_float, to_uint8

if TYPE_CHECKING:
    from aimkit.imageio.source import Source


def read_rgb(source: Source, where: str = "") -> UInt8:
    """Read colour; an alpha channel is dropped, not applied.

    Args:
        source: A file, its bytes, or a PIL image; grey, palette and CMYK images become RGB; EXIF orientation is
            applied; colours that the file says are multiplied by alpha are divided by it.
        where: Name of the image in errors; the path when empty.

    Returns:
        RGB, uint8, (H, W, 3); deeper values are rounded to 8 bit.

    Raises:
        AimkitError: It is missing, truncated, not an image, or its levels have no known scale.
    """
    return rgb_of(decode(source, where), _name(source, where))


def read_alpha(source: Source, where: str = "") -> Float:
    """Read an alpha matte with all the precision that the file has.

    The alpha channel is the matte when there is one that is not opaque everywhere; otherwise the grey value is.

    Args:
        source: As for :func:`read_rgb`.
        where: As for :func:`read_rgb`.

    Returns:
        Matte, float32 in [0, 1], (H, W). Lossy mattes are snapped: what is nearly 0 or 1 is 0 or 1.

    Raises:
        AimkitError: As for :func:`read_rgb`, or a coloured picture is given as a matte.
    """
    return to_float(read_matte(source, where))


def read_matte(source: Source, where: str = "", scale: MatteScale | None = None) -> Array:
    """As :func:`read_alpha`, but 8-bit mattes stay uint8.

    Args:
        source: As for :func:`read_rgb`.
        where: As for :func:`read_rgb`.
        scale: The scale of its folder, see :mod:`aimkit.imageio.matte_scale`; by default, what the matte alone tells.
    """
    return matte_of(decode(source, where), _name(source, where), scale)


def matte_of(
    image: DecodedImage, where: str = "", scale: MatteScale | None = None, channel: MatteChannel = "auto"
) -> Array:
    """The matte of a decoded picture; as :func:`read_matte`, with ``channel`` as for ``matte_levels``."""
    return alpha_of(matte_levels(image, where, channel), where, scale)


def read_grey(source: Source, where: str = "") -> UInt8:
    """Read a label or matte as 8-bit levels, (H, W); chosen and checked as in :func:`read_alpha`."""
    matte = read_matte(source, where)
    return matte if matte.dtype == np.uint8 else to_uint8(matte)


def read_rgba(source: Source, where: str = "") -> tuple[UInt8, Array]:
    """Read a cut-out.

    Returns:
        Straight RGB, uint8, (H, W, 3), and its alpha channel, (H, W), uint8 or, where the file has more bits, float32
        in [0, 1].

    Raises:
        AimkitError: As for :func:`read_rgb`, or the image has no alpha channel.
    """
    image, name = decode(source, where), _name(source, where)
    matte = matte_levels(image, name, channel="alpha")
    return rgb_of(image, name), alpha_of(matte, name)


def alpha_of(matte: MatteLevels, where: str = "", scale: MatteScale | None = None) -> Array:
    """Alpha of levels: scaled, and snapped where they are lossy; ``scale`` as for :func:`read_matte`."""
    statistics = matte_statistics(matte, where)
    alpha = scale_matte(matte, scale or scale_alone(statistics, where), where)
    return snap_lossy(alpha) if matte.lossy and alpha.dtype == np.uint8 else alpha


def _name(source: Source, where: str) -> str:
    return where or (os.fspath(source) if isinstance(source, str | os.PathLike) else "")
