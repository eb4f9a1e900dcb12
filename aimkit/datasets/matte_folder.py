"""One decision for all mattes of a folder: which channel they are in, and which level means opaque.

Every reader of mattes goes this way: look at each matte (:func:`matte_facts`), decide for the folder
(:func:`decide_mattes`), then read each with what was decided (:meth:`MatteFolder.alpha`). :func:`scan_mattes` does the
first two for files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from aimkit.datasets.scan import Candidate, ScanRecord, candidate, read_place, scan
from aimkit.errors import AimkitError
from aimkit.imageio import (
    LOSSY_TOLERANCE,
    DecodedImage,
    MatteChannel,
    MatteScale,
    MatteStatistics,
    alpha_of,
    decide_matte_scale,
    decode,
    matte_levels,
    matte_statistics,
    scale_alone,
)
from aimkit.storage import Place
from aimkit.types import Array


@dataclass(frozen=True)
class MatteFacts:
    """What the decision for a folder needs of one matte.

    Attributes:
        found: Statistics of its levels: of the alpha channel where that is not opaque everywhere, else of the grey.
        opaque: It also has an alpha channel, which is opaque everywhere.
        coloured: Its colours are not grey, so that only its alpha channel can be a matte; ``found`` is of that channel.
    """

    found: MatteStatistics
    opaque: bool = False
    coloured: bool = False

    @property
    def from_alpha(self) -> bool:
        """Whether its alpha channel is a matte beyond doubt."""
        return self.found.channel == "alpha" and not self.opaque

    @property
    def scale_alone(self) -> MatteScale | None:
        """The scale that it has on its own; None where only its folder can tell."""
        if self.found.channel == "alpha":
            return _of_alpha([self.found], "")
        try:
            return scale_alone(self.found)
        except AimkitError:
            return None

    def plain(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> MatteFacts:
        """From what :meth:`plain` made."""
        return cls(MatteStatistics(**plain["found"]), plain["opaque"], plain["coloured"])


@dataclass(frozen=True)
class MatteFolder:
    """How the mattes of a folder are read.

    Attributes:
        channel: Where the mattes are: "alpha" when the folder holds cut-outs, "auto" when each file tells.
        scales: Scale by (dtype, whether levels are indices, channel).
        unclear: Why the mattes of such a key can't be read, where the rest of the folder can.
        notes: What was decided although it is not what the files' types say, for people.
        lossy: Number of mattes that come from lossy compression.
    """

    channel: MatteChannel = "auto"
    scales: Mapping[tuple[str, bool, str], MatteScale] = field(default_factory=dict)
    unclear: Mapping[tuple[str, bool, str], AimkitError] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    lossy: int = 0

    @property
    def alpha_range(self) -> str:
        """The scales, for the record, such as "0-255"."""
        return ", ".join(sorted({scale.alpha_range for scale in self.scales.values()}))

    @property
    def unusual(self) -> str:
        """The scales that are not those of the files' types, for the record; "" when there are none."""
        return ", ".join(
            f"{dtype} {scale.alpha_range}"
            for (dtype, index, channel), scale in sorted(self.scales.items())
            if channel == "grey" and (index or scale.top != _full(dtype))
        )

    def alpha(self, image: DecodedImage, where: str = "") -> Array:
        """The matte of a decoded picture of the folder, (H, W): uint8 where that is exact, else float32 in [0, 1].

        Raises:
            AimkitError: It has no matte where the folder's are, or levels beyond the folder's.
        """
        matte = matte_levels(image, where, self.channel)
        key = (matte.levels.dtype.name, matte.is_index, matte.channel)
        if key in self.unclear:
            error = self.unclear[key]
            raise AimkitError(error.what, where, error.hint)
        # A matte that came after the decision has its own scale.
        return alpha_of(matte, where, self.scales.get(key))

    def read(self, path: Place, where: str = "") -> Array:
        """The matte of a file of the folder, as :meth:`alpha`."""
        return self.alpha(decode(read_place(path), where or str(path)), where or str(path))

    def top(self, facts: MatteFacts) -> float:
        """The level of a matte that means opaque; 0 when that is not known."""
        scale = self.scales.get(_key(facts.found, self.channel == "alpha"))
        return scale.top if scale else 0.0

    def fault(self, facts: MatteFacts) -> str:
        """Why a matte is not one of the folder's, or ""."""
        if facts.coloured and self.channel != "alpha":
            return "a coloured picture was given as a matte"
        error = self.unclear.get(_key(facts.found, self.channel == "alpha"))
        if error is not None:
            return f"{error.what}; {error.hint}"
        return faint(facts.found.maximum, self.top(facts))


def matte_facts(image: DecodedImage, where: str = "", channel: MatteChannel = "auto") -> MatteFacts:
    """Look at the matte of a picture.

    Args:
        image: What was decoded.
        where: The file, for errors.
        channel: "alpha" for pictures that are cut-outs by definition, else "auto".

    Raises:
        AimkitError: There is no matte in it, or it has NaN, infinite or negative levels.
    """
    try:
        matte = matte_levels(image, where, channel)
    except AimkitError:
        if image.alpha is None or channel == "alpha":
            raise
        return MatteFacts(matte_statistics(matte_levels(image, where, "alpha"), where), opaque=True, coloured=True)
    opaque = image.alpha is not None and matte.channel == "grey"
    return MatteFacts(matte_statistics(matte, where), opaque)


def decide_mattes(facts: Sequence[MatteFacts], alpha_range: str = "", where: str = "") -> MatteFolder:
    """Decide how the mattes of one folder are read.

    When some files have their matte in an alpha channel and all others at least have an opaque one, the folder holds
    cut-outs. An alpha channel of whole numbers always has its type's whole range.

    Args:
        facts: Of each matte of the folder.
        alpha_range: The scale of the grey mattes as the user states it ("0-1", "0-100", "0-255", "0-65535"), or "".
        where: The folder, for errors.

    Raises:
        AimkitError: The scale can't be told from the levels, or is not what ``alpha_range`` says.
    """
    cutouts = any(one.from_alpha for one in facts) and all(one.opaque or one.from_alpha for one in facts)
    groups: dict[tuple[str, bool, str], list[MatteStatistics]] = {}
    for one in facts:
        if one.coloured and not cutouts:
            continue
        found = one.found
        groups.setdefault(_key(found, cutouts), []).append(found)
    scales: dict[tuple[str, bool, str], MatteScale] = {}
    unclear: dict[tuple[str, bool, str], AimkitError] = {}
    for key, group in groups.items():
        try:
            is_alpha = key[2] == "alpha"
            scales[key] = _of_alpha(group, where) if is_alpha else decide_matte_scale(group, alpha_range, where)
        except AimkitError as error:
            # A few odd files must not keep a folder from being read; they are left out with this reason.
            if alpha_range or 2 * len(group) >= len(facts):
                raise
            unclear[key] = error
    notes = [note for key, scale in scales.items() for note in _notes(key, groups[key], scale)]
    lossy = Counter(one.found.lossy for one in facts)[True]
    if lossy:
        low, high = LOSSY_TOLERANCE, 255 - LOSSY_TOLERANCE
        notes.append(
            f"{_mattes(lossy)} lossy (JPEG or alike): levels up to {low} are taken as 0, from {high} on as 255"
        )
    return MatteFolder("alpha" if cutouts else "auto", scales, unclear, tuple(notes), lossy)


def faint(maximum: float, top: float) -> str:
    """What is wrong with a matte that is nowhere more than one 255th opaque, though not empty; else ""."""
    if 0 < maximum < 1.5 / 255 * top:
        return f"empty alpha: its largest level is {maximum:g} of {top:g}; is it on another scale than its folder?"
    return ""


def scan_mattes(files: Mapping[str, Place], title: str, alpha_range: str = "", where: str = "") -> MatteFolder:
    """Look at all mattes of a folder, with the results cached, and decide how they are read.

    Files that can't be read don't take part; reading them says why.

    Args:
        files: Path by name.
        title: Title of the progress bar.
        alpha_range: As for :func:`decide_mattes`.
        where: The folder, for errors.
    """
    found = []
    for name, path in files.items():
        try:
            found.append(candidate(name, path))
        except AimkitError:
            continue
    records = scan(found, _look, f"mattes {where}", title)
    return decide_mattes([MatteFacts.of(r.matte) for r in records if r.matte], alpha_range, where)


def _look(one: Candidate) -> ScanRecord:
    return ScanRecord(matte=matte_facts(decode(read_place(one.files[0]), one.where), one.where).plain())


def _key(found: MatteStatistics, cutouts: bool) -> tuple[str, bool, str]:
    channel = "alpha" if cutouts else found.channel
    return (found.dtype, found.is_index and channel == "grey", channel)


def _of_alpha(group: Sequence[MatteStatistics], where: str) -> MatteScale:
    dtype = group[0].dtype
    if np.dtype(dtype).kind == "u":
        return MatteScale(_full(dtype))
    return decide_matte_scale(group, where=where)


def _full(dtype: str) -> float:
    """The level that means opaque as the type says."""
    kind = np.dtype(dtype)
    return 1.0 if kind.kind == "f" else float(np.iinfo(kind).max)


def _notes(key: tuple[str, bool, str], group: Sequence[MatteStatistics], scale: MatteScale) -> list[str]:
    dtype, is_index, channel = key
    notes = [scale.note] if scale.note else []
    count = len(group)
    beyond = sum(one.minimum < 0 or one.maximum > scale.top for one in group)
    if beyond:
        notes.append(f"{_mattes(beyond)} a little beyond {scale.alpha_range}, as after resampling, and clipped to it")
    if channel == "grey" and (is_index or scale.top != _full(dtype)):
        what = "palette indices" if is_index else dtype
        notes.append(f"{_mattes(count)} stored as {what}, and read on the scale {scale.alpha_range}")
    return notes


def _mattes(count: int) -> str:
    return "1 matte is" if count == 1 else f"{count} mattes are"
