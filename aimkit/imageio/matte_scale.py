"""Which level of a matte means opaque: decided from all the mattes of a folder, or refused.

A mask of 0 and 1, a matte in per cent, and 8-bit levels kept in 16 bits or in floats look alike to a decoder. One matte
can be dark by chance; of a folder of mattes, some are opaque somewhere. So the largest level of a folder tells the
scale, or nearly tells it, and then the user must.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aimkit.errors import AimkitError
from aimkit.imageio.mattes import MatteLevels
from aimkit.types import Array, to_float

#: What ``alpha_range`` may say.
RANGES = {"0-1": 1, "0-100": 100, "0-255": 255, "0-65535": 65535}

#: Resampled floats go beyond their range by as much, relatively.
OVERSHOOT = 0.01


@dataclass(frozen=True)
class MatteStatistics:
    """What the scale of a matte is decided from.

    Attributes:
        dtype: NumPy's name of its type, such as "uint8".
        maximum: Its largest level.
        binary: All levels are 0 or 1.
        is_index: The levels are indices of a colour table.
        lossy: They come from lossy compression.
        channel: "alpha" or "grey": where the matte was found.
        minimum: Its smallest level; below 0 only as far as resampling goes.
    """

    dtype: str
    maximum: float
    binary: bool
    is_index: bool = False
    lossy: bool = False
    channel: str = "grey"
    minimum: float = 0.0


@dataclass(frozen=True)
class MatteScale:
    """The level that means opaque.

    Attributes:
        top: That level; 0 is clear.
        note: What was doubted, for a warning; or "".
    """

    top: float
    note: str = ""

    @property
    def alpha_range(self) -> str:
        """The scale as the key ``alpha_range`` says it, such as "0-255"."""
        return f"0-{self.top:.12g}"


def matte_statistics(matte: MatteLevels, where: str = "") -> MatteStatistics:
    """Look at a matte.

    Raises:
        AimkitError: It has NaN, infinite or negative levels, beyond what resampling makes of floats.
    """
    levels = matte.levels
    if levels.dtype.kind == "f" and not np.isfinite(levels).all():
        raise AimkitError("the matte has NaN or infinite levels", where, "replace them, or remove the file")
    minimum, maximum = float(levels.min()), float(levels.max())
    if minimum < -OVERSHOOT * maximum * (levels.dtype.kind == "f"):
        raise AimkitError(f"the matte has negative levels, down to {minimum:g}", where, "save levels of 0 and above")
    binary = maximum <= 1 and bool(((levels == 0) | (levels == 1)).all())
    return MatteStatistics(levels.dtype.name, maximum, binary, matte.is_index, matte.lossy, matte.channel, minimum)


def decide_matte_scale(statistics: Sequence[MatteStatistics], alpha_range: str = "", where: str = "") -> MatteScale:
    """The scale of the mattes of one folder that are of one type.

    Args:
        statistics: Of each of them.
        alpha_range: What the user says: a key of ``RANGES``, or "" to have it decided.
        where: The folder, for errors.

    Raises:
        AimkitError: The levels leave it open, or are beyond what ``alpha_range`` says.
    """
    if not statistics:
        raise ValueError("no mattes to decide from")
    dtype = np.dtype(statistics[0].dtype)
    maximum = max(one.maximum for one in statistics)
    if alpha_range:
        return _stated(alpha_range, maximum, dtype, where)
    full = 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)
    if maximum == 0:
        return MatteScale(full, f"all mattes are empty; the scale is taken to be 0-{full:.12g}")
    if all(one.binary for one in statistics):
        return MatteScale(1)
    if any(one.is_index for one in statistics):
        what = f"the masks hold labels up to {maximum:g}, not alpha"
        raise AimkitError(
            what, where, "convert them to masks of 0 and 1, or state alpha_range if the labels are levels"
        )
    top = _likely(maximum, dtype)
    if top is None:
        raise _ambiguous(f"{dtype} mattes whose largest level is {maximum:g}", where)
    return MatteScale(top)


def decide_matte_scales(
    statistics: Iterable[MatteStatistics], alpha_range: str = "", where: str = ""
) -> dict[tuple[str, bool], MatteScale]:
    """The scales of all mattes of one folder, by (dtype, is_index); arguments and errors as for one."""
    groups: dict[tuple[str, bool], list[MatteStatistics]] = {}
    for one in statistics:
        groups.setdefault((one.dtype, one.is_index), []).append(one)
    return {key: decide_matte_scale(group, alpha_range, where) for key, group in groups.items()}


def scale_alone(one: MatteStatistics, where: str = "") -> MatteScale:
    """The scale of a matte of which no folder is known.

    A dark matte alone proves nothing, so unsigned levels are taken as their type says, unless they are indices, or
    more bits than 8 hold levels that only 8 bits explain.

    Raises:
        AimkitError: As for :func:`decide_matte_scale`, but for unsigned levels.
    """
    dtype = np.dtype(one.dtype)
    wide = 100 < one.maximum <= (255 if dtype.itemsize == 2 else np.inf) and dtype.itemsize > 1
    if dtype.kind == "u" and not one.is_index and not wide:
        return MatteScale(float(np.iinfo(dtype).max))
    return decide_matte_scale([one], where=where)


def scale_matte(matte: MatteLevels, scale: MatteScale, where: str = "") -> Array:
    """Alpha of levels.

    Returns:
        uint8 where that is exact (masks of 0 and 1, and 8-bit levels, in whatever type), else float32 in [0, 1].

    Raises:
        AimkitError: A level is beyond the scale.
    """
    levels, top = matte.levels, scale.top
    maximum = levels.max()
    if maximum > top * (1 + OVERSHOOT * (levels.dtype.kind == "f")):
        hint = 'state another alpha_range: "' + '", "'.join(RANGES) + '"'
        raise AimkitError(f"the matte has the level {maximum:g}, beyond {scale.alpha_range}", where, hint)
    if levels.dtype.kind == "f":
        if top == 255 and (levels == np.rint(levels)).all():
            return np.clip(levels, 0, 255).astype(np.uint8)
        return np.clip(levels.astype(np.float32) / np.float32(top), np.float32(0), np.float32(1))
    if top == 255:
        return levels.astype(np.uint8, copy=False)
    if top == 1:
        return levels.astype(np.uint8) * np.uint8(255)
    if top == 65535:
        return to_float(levels.astype(np.uint16, copy=False))
    return (levels / top).astype(np.float32)


def _likely(maximum: float, dtype: np.dtype[Any]) -> float | None:
    """The scale that the largest level of a folder tells, or None."""
    room = 1.0
    if dtype.kind == "f":
        room += OVERSHOOT
        if maximum <= room:
            return 1
    if 100 * room < maximum <= 255 * room:
        return 255
    # As with 8 bits, what is never half opaque may be on another scale, such as the 10 or 12 bits of cameras.
    if 65535 * 100 / 255 < maximum <= 65535 * room and dtype.kind != "i":
        return 65535
    # Beyond 16 bits, and for signed types, only levels near the largest possible one tell the scale.
    full = 65535.0 if dtype.kind == "f" or (dtype.kind == "i" and dtype.itemsize > 2) else float(np.iinfo(dtype).max)
    return full if 0.99 * full < maximum <= full else None


def _stated(alpha_range: str, maximum: float, dtype: np.dtype[Any], where: str) -> MatteScale:
    if alpha_range not in RANGES:
        raise AimkitError(f"'{alpha_range}' is not a scale of mattes", "alpha_range", f"use one of {', '.join(RANGES)}")
    top = RANGES[alpha_range]
    if maximum > top * (1 + OVERSHOOT * (dtype.kind == "f")):
        raise AimkitError(f"the mattes reach the level {maximum:g}, beyond alpha_range = {alpha_range}", where)
    return MatteScale(top)


def _ambiguous(what: str, where: str) -> AimkitError:
    choices = '", "'.join(RANGES)
    return AimkitError(f"can't tell the scale of {what}", where, f'state it: alpha_range = "{choices}"')
