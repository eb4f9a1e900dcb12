"""Trimaps from files: what is sure, and what is unknown."""

from __future__ import annotations

from typing import Any

import numpy as np

from aimkit.errors import AimkitError
from aimkit.imageio import LOSSY_TOLERANCE, decode, matte_levels
from aimkit.matting.trimap import BACKGROUND, FOREGROUND, UNKNOWN
from aimkit.types import Array, UInt8

#: The rule, for the protocol.
RULE = (
    f"0 is background, 255 foreground, all between unknown; lossy files: up to {LOSSY_TOLERANCE}, "
    f"from {255 - LOSSY_TOLERANCE} on"
)

#: More levels than this between 0 and 255 are those of a matte, or of a trimap that was resized.
_MOST_LEVELS = 8

#: Levels as near to 0 and 255 aren't meant as unknown; those of lossy files vary as much around theirs.
_NEAR, _SPREAD = 10, 32

_HINT = "save it without loss, with 0 for background, 128 for unknown and 255 for foreground"


def read_trimap(source: Any, where: str = "") -> UInt8:
    """Read a trimap: grey, of any depth; all between sure background and sure foreground is unknown.

    Args:
        source: A file, its bytes, or a PIL image.
        where: Name of the image in errors.

    Returns:
        Trimap {0, 128, 255}, uint8, (H, W).

    Raises:
        AimkitError: It can't be read, is coloured, holds labels such as 0, 1 and 2, or has the levels of a matte.
    """
    image = decode(source, where)
    found = matte_levels(image, where, "grey")
    levels = found.levels if found.is_index else _in_255(found.levels, where)
    slack = LOSSY_TOLERANCE if found.lossy else 0
    trimap = np.full(levels.shape, UNKNOWN, np.uint8)
    trimap[levels <= slack] = BACKGROUND
    trimap[levels >= 255 - slack] = FOREGROUND
    unknown = levels[trimap == UNKNOWN]
    if unknown.size:
        _check(unknown, bool((trimap == FOREGROUND).any()), found.lossy, where)
    return trimap


def _in_255(levels: Array, where: str) -> Array:
    """Levels of any type in 0 to 255."""
    if levels.dtype == np.uint8:
        return levels
    if levels.dtype.kind == "f" and not np.isfinite(levels).all():
        raise AimkitError("the trimap has NaN or infinite levels", where, _HINT)
    top = float(levels.max())
    if levels.dtype == np.uint16 and top > 255:
        return levels / 257.0
    return levels * 255.0 if levels.dtype.kind == "f" and top <= 1 else levels.astype(np.float64)


def _check(unknown: Array, has_foreground: bool, lossy: bool, where: str) -> None:
    """Refuse levels that are not those of a trimap."""
    middle = float(np.median(unknown))
    if lossy:
        if (np.abs(unknown - middle) > _SPREAD).mean() > 0.5:
            raise AimkitError("the trimap has many levels, like a matte", where, _HINT)
    else:
        distinct = np.unique(unknown)
        if len(distinct) > _MOST_LEVELS:
            what = f"the trimap has {len(distinct)} levels between 0 and 255, like a matte or a resized trimap"
            raise AimkitError(what, where, _HINT)
        labels = distinct[(distinct < _NEAR) | (distinct > 255 - _NEAR)]
        if len(labels):
            shown = ", ".join(f"{level:g}" for level in distinct)
            end = "" if has_foreground else " and no 255"
            raise AimkitError(f"the trimap has the labels {shown}{end}; they don't say what is unknown", where, _HINT)
    # Pictures of smoke have no sure foreground; then only a level in the middle is surely meant as unknown.
    if not has_foreground and abs(middle - UNKNOWN) > (_SPREAD if lossy else 1):
        raise AimkitError(f"the trimap has no 255 (foreground), and {middle:g} is not a usual unknown", where, _HINT)
