"""Pictures that occur twice: in one split, in several, or in a known test set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np

from aimkit.lint.record import LintFolder, LintLook, LintRecord
from aimkit.lint.registry import LintFault, folder_checks
from aimkit.synth.sources.split import alike
from aimkit.types import Float

#: Correlation of two pictures of 24 x 24 pixels from which they are one picture.
_SAME = 0.97

Plane = Literal["whole", "subject"]


@folder_checks.register(
    "duplicate", severity="warning", advice="Keep one of them: --fix leaves the second out.", fix="second copy left out"
)
def duplicate(folder: LintFolder) -> Iterable[LintFault]:
    """Files with the same bytes within a split."""
    for first, second in _equal(folder.records):
        # Two mattes of one photo are two foregrounds, not one twice.
        if second.item.role != "photo" and not _divided(first, second):
            yield _fault(second, first, "the same file twice")


@folder_checks.register(
    "near-duplicate",
    severity="note",
    advice="Keep one of them, unless both are wanted; training sees the picture twice as often.",
)
def near_duplicate(folder: LintFolder) -> Iterable[LintFault]:
    """Pictures within a split that show one picture in another size or format, mirrored or cropped."""
    for first, second, how in _similar(folder):
        if not _divided(first, second):
            yield _fault(second, first, f"nearly the same picture{how}")


@folder_checks.register(
    "split-leak",
    severity="error",
    advice="Move both to one side: validation on training pictures is meaningless.",
    fix="the copy for training left out",
)
def split_leak(folder: LintFolder) -> Iterable[LintFault]:
    """The same picture, or nearly the same, in two splits."""
    for first, second, how in [*((a, b, "") for a, b in _equal(folder.records)), *_similar(folder)]:
        if _divided(first, second):
            trained, held = (first, second) if first.item.split == "train" else (second, first)
            yield _fault(trained, held, f"the same picture{how} in '{first.item.split}' and '{second.item.split}'")


@folder_checks.register(
    "test-leak",
    severity="error",
    advice="Remove it from the training data, or never report figures on that test set.",
    fix="left out",
)
def test_leak(folder: LintFolder) -> Iterable[LintFault]:
    """A picture that is in a set named by ``--against``, exactly or nearly."""
    known = {record.digest: record for record in folder.against if record.digest}
    for record in folder.records:
        if record.digest in known:
            yield _fault(record, known[record.digest], "the same file as in a test set")
    for record, other, how in _similar(folder, to_known=True):
        yield _fault(record, other, f"nearly the same picture{how} as in a test set")


def _fault(one: LintRecord, other: LintRecord, what: str) -> LintFault:
    return LintFault((one.item.files[0], other.item.files[0]), what)


def _divided(first: LintRecord, second: LintRecord) -> bool:
    """Whether two records lie in two named splits."""
    splits = {first.item.split, second.item.split}
    return len(splits) == 2 and "" not in splits


def _equal(records: Sequence[LintRecord]) -> Iterator[tuple[LintRecord, LintRecord]]:
    """Pairs of the first file of some bytes and each later one of the same."""
    first: dict[str, LintRecord] = {}
    for record in records:
        if record.digest:
            if record.digest in first:
                yield first[record.digest], record
            first.setdefault(record.digest, record)


def _similar(folder: LintFolder, *, to_known: bool = False) -> Iterator[tuple[LintRecord, LintRecord, str]]:
    """Pairs that look alike but are not equal, and how: of two own records, or of an own one and a known one."""
    own = len(folder.records)
    records = [*folder.records, *folder.against] if to_known else folder.records
    told: set[tuple[int, int]] = set()
    planes: tuple[Plane, ...] = ("whole", "subject")
    for plane in planes:
        kept = [(i, seen) for i, record in enumerate(records) if (seen := getattr(record, plane)) and not seen.flat]
        bits = [seen.bits for _, seen in kept] + [seen.mirrored for _, seen in kept]
        for a, b in alike(bits):
            (i, first), (j, second) = kept[a % len(kept)], kept[b % len(kept)]
            mirrored = (a < len(kept)) != (b < len(kept))
            # Mirror images match in both orders, and a symmetrical picture matches itself.
            if i >= j or (i, j) in told or (to_known and not i < own <= j):
                continue
            one, other = records[i], records[j]
            if one.digest != other.digest and _correlation(first, second, mirrored) > _SAME:
                told.add((i, j))
                yield one, other, _how(one, other, mirrored)
    for i, j in folder.crops:
        wanted = i < own <= j if to_known else j < own
        if wanted and (i, j) not in told and records[i].digest != records[j].digest:
            yield records[i], records[j], " (cropped)"


def _how(one: LintRecord, other: LintRecord, mirrored: bool) -> str:
    words = ["mirrored"] if mirrored else []
    if one.size != other.size:
        words.append("in another size")
    return f" ({', '.join(words)})" if words else ""


def _correlation(first: LintLook, second: LintLook, mirrored: bool) -> float:
    tiny = second.tiny[:, ::-1] if mirrored else second.tiny
    one, other = (_centred(plane.astype(np.float32)) for plane in (first.tiny, tiny))
    return float((one * other).sum() / (np.linalg.norm(one) * np.linalg.norm(other) + 1e-6))


def _centred(plane: Float) -> Float:
    return plane - plane.mean()
