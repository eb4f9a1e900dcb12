"""One decision for all mattes of a folder: which channel they are in, and which level means opaque."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aimkit.errors import AimkitError
from aimkit.imageio import (
    LOSSY_TOLERANCE,
    MatteScale,
    MatteStatistics,
    decide_matte_scale,
    decode,
    matte_levels,
    matte_statistics,
    scale_matte,
    snap_lossy,
)
from aimkit.imageio.mattes import MatteChannel, opacity_of
from aimkit.skips import Skips
from aimkit.types import Array


@dataclass(frozen=True)
class EvaluationMattes:
    """How the mattes of one folder are read.

    Attributes:
        channel: "alpha" for a folder of cut-outs; else "auto": the alpha channel of files where it is not opaque
            everywhere, grey of the others.
        scales: Scale by (dtype, whether levels are indices of a colour table, "alpha" or "grey").
        lossy: Some come from lossy compression.
        notes: What was doubted, a sentence each.
    """

    channel: MatteChannel = "auto"
    scales: Mapping[tuple[str, bool, str], MatteScale] = field(default_factory=dict)
    lossy: bool = False
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The decision in a few words, for the protocol."""
        names = {"alpha": "alpha channel", "grey": "grey"}
        ranges = " and ".join(sorted({f"{names[key[2]]} {scale.alpha_range}" for key, scale in self.scales.items()}))
        snapped = f", lossy: up to {LOSSY_TOLERANCE} is 0, from {255 - LOSSY_TOLERANCE} on is 255" if self.lossy else ""
        return (ranges or "unread") + snapped

    def read(self, source: Any, where: str = "") -> Array:
        """Read a matte of the folder.

        Returns:
            Matte, (H, W): uint8 if that is exact, since it is faster, else float32 in [0, 1].

        Raises:
            AimkitError: It can't be read, is coloured, has no alpha channel although the others are cut-outs, holds
                NaN, or goes beyond the folder's scale.
        """
        image = decode(source, where)
        matte = matte_levels(image, where, self.channel)
        found = matte_statistics(matte, where)
        scale = self.scales.get((found.dtype, found.is_index, found.channel)) or decide_matte_scale(
            [found], where=where
        )
        alpha = scale_matte(matte, scale, where)
        if alpha.dtype == np.uint8:
            return snap_lossy(alpha) if matte.lossy else alpha
        scaled = alpha * np.float32(255)
        levels = np.rint(scaled)
        return levels.astype(np.uint8) if np.abs(scaled - levels).max() < 1e-3 else alpha


def decide_mattes(
    sources: Iterable[tuple[str, Callable[[], Any]]], alpha_range: str, where: str, key: str
) -> EvaluationMattes:
    """Look at all mattes of a folder and decide how they are read.

    When all files have an alpha channel, and one is not opaque everywhere, the folder holds cut-outs. Mattes that can't
    be read take no part: reading them says why.

    Args:
        sources: Name of every matte, and what gives its source; two at a time are read.
        alpha_range: The scale as the user states it: "0-1", "0-100", "0-255", "0-65535"; "" has it decided.
        where: The folder, for errors.
        key: Option that states the scale, for errors.

    Raises:
        AimkitError: The levels leave the scale open, or are beyond what ``alpha_range`` says.
    """
    with ThreadPoolExecutor(2) as pool:
        found = [looks for looks in pool.map(_look, sources) if looks]
    cutouts = any(one.soft for looks in found for one in looks) and all(looks[0].channel == "alpha" for looks in found)
    groups: dict[tuple[str, bool, str], list[MatteStatistics]] = {}
    for looks in found:
        # The first is the alpha channel, if there is one.
        one = looks[0] if cutouts or looks[0].soft else looks[-1]
        if cutouts or one.soft or one.channel == "grey":
            known = one.statistics
            groups.setdefault((known.dtype, known.is_index, one.channel), []).append(known)
    try:
        scales = {group: _scale(members, alpha_range, where) for group, members in sorted(groups.items())}
    except AimkitError as error:
        raise AimkitError(error.what, error.where, error.hint.replace("alpha_range =", key)) from None
    lossy = any(one.lossy for members in groups.values() for one in members)
    notes = tuple(scale.note for scale in scales.values() if scale.note)
    return EvaluationMattes("alpha" if cutouts else "auto", scales, lossy, notes)


@dataclass(frozen=True)
class _MatteLook:
    """A channel of a picture as a matte; ``soft`` if it is an alpha channel that is not opaque everywhere."""

    statistics: MatteStatistics
    soft: bool = False

    @property
    def channel(self) -> str:
        return self.statistics.channel


def _look(item: tuple[str, Callable[[], Any]]) -> list[_MatteLook]:
    """Every channel that may be the matte, the alpha channel first; none if the picture can't be read."""
    name, source = item
    looks: list[_MatteLook] = []
    # Reading the matte later says what is wrong with it.
    unread = Skips("matte")
    with unread.guard(name):
        image = decode(source(), name)
        if image.alpha is not None:
            alpha = matte_statistics(matte_levels(image, name, "alpha"), name)
            looks.append(_MatteLook(alpha, opacity_of(image.pixels) is not None))
        looks.append(_MatteLook(matte_statistics(matte_levels(image, name, "grey"), name)))
    return looks


def _scale(members: list[MatteStatistics], alpha_range: str, where: str) -> MatteScale:
    dtype = np.dtype(members[0].dtype)
    if members[0].channel == "alpha" and dtype.kind == "u":
        # The alpha channel of a cut-out always has its type's range.
        return MatteScale(float(np.iinfo(dtype).max))
    return decide_matte_scale(members, alpha_range, where)
