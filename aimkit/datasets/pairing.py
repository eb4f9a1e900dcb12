"""Pairing the files of two folders by their names: photos or colours with their mattes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from aimkit.datasets.types_file import nearest
from aimkit.errors import AimkitError
from aimkit.paths import as_text
from aimkit.skips import Skips
from aimkit.storage import Place

P = TypeVar("P", bound=Place)

#: What names end in that says which plane a file is: img1.jpg and img1_mask.png are a pair.
_ROLE = re.compile(
    r"[-_. ](?:masks?|alphas?|mattes?|matting|gt|label|segmentation|seg|fg|foreground|images?|img|photo|rgb|color|"
    r"colour|original|orig|input|merged|composite)$",
    re.IGNORECASE,
)
_LOSSY = {".jpg", ".jpeg", ".jpe", ".jfif"}


@dataclass
class Pairing(Generic[P]):
    """The files of two folders, paired.

    Attributes:
        pairs: (first, second) by id, sorted by id, which is the first's.
        lost: Files of both folders without a partner, with their reasons.
        notes: What was decided, for people.
        unused: Second files that give way to another of nearly the same name.
    """

    pairs: dict[str, tuple[P, P]] = field(default_factory=dict)
    lost: Skips = field(default_factory=lambda: Skips("file"))
    notes: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


def pair_files(
    first: Mapping[str, P],
    second: Mapping[str, P],
    names: tuple[str, str],
    *,
    where: str = "",
    allow_missing: bool = False,
    told: Iterable[str] = (),
) -> Pairing[P]:
    """Pair files: those of equal names first, then of equal names but for the suffix, then but for ``_mask`` and alike.

    Args:
        first: Path by id, see :func:`aimkit.datasets.find.find_images`.
        second: The same for the other folder.
        names: What the two folders are called.
        where: Their parent, for errors.
        allow_missing: Whether most files of a folder may lack a partner.
        told: Names of files that are skipped already, for other reasons; their partners are not told again.

    Raises:
        AimkitError: More than half of a folder's files lack a partner, and that is not allowed.
    """
    result: Pairing[P] = Pairing()
    ones, others = dict(first), dict(second)
    chosen: dict[str, tuple[str, str]] = {}
    for key in (_whole, _stem):
        _match(ones, others, key, chosen, ambiguous=True)
    before = len(chosen)
    _match(ones, others, _core, chosen, ambiguous=False)
    by_role = list(chosen.values())[before:]
    stems = {_stem(name, path) for name, path in first.items()}
    # A second a.jpg beside a.png is no loss: a has its partner.
    result.unused = [name for name, path in others.items() if _stem(name, path) in stems - _stems(ones)]
    for name in result.unused:
        del others[name]
    skipped = {_core(as_text(name), Path(name)) for name in told}
    for mine in (ones, others):
        for name in [name for name, path in mine.items() if _core(name, path) in skipped]:
            del mine[name]
    result.pairs = {one: (first[one], second[other]) for one, other in sorted(chosen.values())}
    if by_role:
        endings = Counter(_endings(one, other, first, second) for one, other in by_role)
        some = ", ".join(f"{ending} ({count})" for ending, count in endings.most_common(3))
        result.notes.append(f"{len(by_role)} pairs by names that differ in {some}, such as {' and '.join(by_role[0])}")
    for mine, theirs, here, there in ((ones, others, *names), (others, ones, names[1], names[0])):
        near = dict(zip(list(mine)[:50], nearest(list(mine)[:50], list(theirs)), strict=True))
        for name, path in mine.items():
            hint = f" (nearest: {near[name]})" if near.get(name) else ""
            result.lost.add(f"{here}/{name}", f"no file of this name in {there}/{hint}", as_text(path))
    for mine, all_of in ((ones, first), (others, second)):
        if 2 * len(mine) > len(all_of) - (len(result.unused) if all_of is second else 0) and not allow_missing:
            counts = f"{len(first)} in {names[0]}/, {len(second)} in {names[1]}/, {len(result.pairs)} pairs"
            reasons = "\n  ".join(f"{row.name}: {row.reason}" for row in result.lost.rows[:3])
            hint = "give the files of a pair the same name; if this is meant, set allow_missing = true"
            raise AimkitError(f"most files have no partner: {counts}\n  {reasons}", where, hint)
    return result


def _match(
    ones: dict[str, P],
    others: dict[str, P],
    key: Callable[[str, Place], str],
    chosen: dict[str, tuple[str, str]],
    *,
    ambiguous: bool,
) -> None:
    """Move the files whose keys are equal to ``chosen``; of several others, a lossless one wins where that may be."""
    table: dict[str, list[str]] = defaultdict(list)
    for name, path in others.items():
        table[key(name, path)].append(name)
    counts = Counter(key(name, path) for name, path in ones.items())
    for name, path in list(ones.items()):
        own = key(name, path)
        found = table.get(own, [])
        if not found or (not ambiguous and (len(found) > 1 or counts[own] > 1)):
            continue
        best = min(found, key=lambda other: (others[other].suffix.lower() in _LOSSY, other))
        found.remove(best)
        chosen[name] = (name, best)
        del ones[name], others[best]


def _whole(name: str, path: Place) -> str:
    # An id has its file's suffix or not, depending on its neighbours; the file's own name tells.
    folder, slash, _ = name.rpartition("/")
    return folder + slash + unicodedata.normalize("NFC", as_text(path.name))


def _stem(name: str, path: Place) -> str:
    whole = _whole(name, path)
    return whole[: len(whole) - len(as_text(path.suffix))]


def _core(name: str, path: Place) -> str:
    return _ROLE.sub("", _stem(name, path))


def _stems(files: Mapping[str, Place]) -> set[str]:
    return {_stem(name, path) for name, path in files.items()}


def _endings(one: str, other: str, first: Mapping[str, Place], second: Mapping[str, Place]) -> str:
    found = [_ROLE.search(_stem(n, files[n])) for n, files in ((one, first), (other, second))]
    return " and ".join(match[0] for match in found if match)
