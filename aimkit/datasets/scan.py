"""Looking through stored images once: in parallel, remembered on disk, and nothing skipped in silence."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from aimkit import console
from aimkit.cache import cache_folder
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.imageio import SUFFIXES
from aimkit.recipe import expand
from aimkit.storage import Place, Remote
from aimkit.storage import stamp as stamp_of

#: Raised whenever a record would come out differently for the same file.
_VERSION = 1

P = TypeVar("P", bound=Place)


@dataclass(frozen=True)
class Candidate:
    """Something that may become an item.

    Attributes:
        id: As in :class:`aimkit.synth.source.Item`.
        where: What errors call it.
        stamp: A text that changes when the content does.
        files: The files to read, colour before alpha; empty when it lies elsewhere.
        row: Its row in a table.
        type: Image type, when the source itself says so.
        category: Category, when the source itself says so.
    """

    id: str
    where: str
    stamp: str
    files: tuple[Place, ...] = ()
    row: int = -1
    type: str = ""
    category: str = ""


@dataclass(frozen=True)
class ScanRecord:
    """What a look at a candidate tells.

    Attributes:
        digest: SHA-256 of the files' bytes.
        content: SHA-256 of what can be seen: the same for the same pixels in another file format.
        height: Pixels.
        width: Pixels.
        look: Perceptual hash, hex; "" for backgrounds.
        statistics: Of the alpha, for type inference; empty for backgrounds.
        problem: Why it can't be used, "kind: details"; "" when it can.
        warning: What is doubtful about it, in the same form.
    """

    digest: str = ""
    content: str = ""
    height: int = 0
    width: int = 0
    look: str = ""
    statistics: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    warning: str = ""


@dataclass
class ScanReport:
    """What was found and what was left out, and why.

    Attributes:
        source: Title of the source.
        where: Its folder or dataset.
        found: Candidates.
        used: Items of the source, after skipping and splitting.
        excluded: Files left out because the recipe says so.
        skipped: (id, reason) of everything that can't be used.
        warnings: (id, reason) of what is used but doubtful.
        duplicates: (id, id) of foregrounds that look nearly the same.
        divided: Those of ``duplicates`` that lie on different sides of the split.
        types: Items of each type.
        notes: Anything else, a line each.
    """

    source: str
    where: str = ""
    found: int = 0
    used: int = 0
    excluded: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    divided: list[tuple[str, str]] = field(default_factory=list)
    types: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def lines(self, limit: int = 3) -> list[str]:
        """Short lines for people; at most ``limit`` names each. ``to_json`` has all of them."""
        return [self._summary(), *self._news(limit), *self._troubles(limit)]

    def tell(self) -> None:
        """Warn about what was left out; only in the first process, since its workers open the same sources."""
        if multiprocessing.parent_process() is None:
            for line in [self._summary(), *self._news()]:
                console.detail(line)
            for line in self._troubles():
                _warn_once(self.where, f"{self.source}: {line}")

    def why_empty(self) -> str:
        """What to tell when there is nothing to use."""
        if not self.found:
            return "no images were found there"
        usable = self.found - len(self.skipped)
        if usable:
            return f"all {usable} usable ones are on the other side of the split; change split or val_share"
        return "; ".join(self._troubles())

    def _summary(self) -> str:
        types = ", ".join(f"{count} {name}" for name, count in self.types.items())
        return f"{self.source}: {self.used} of {self.found} used" + (f" ({types})" if types else "")

    def _news(self, limit: int = 3) -> list[str]:
        news = [f"{self.excluded} excluded"] if self.excluded else []
        if self.duplicates:
            news.append(f"{len(self.duplicates)} pairs look alike: {_few(self.duplicates, limit)}")
        return news

    def _troubles(self, limit: int = 3) -> list[str]:
        troubles = []
        for title, rows in (("skipped", self.skipped), ("doubtful", self.warnings)):
            for kind, count in Counter(_kind(reason) for _, reason in rows).most_common():
                names = [name for name, reason in rows if _kind(reason) == kind]
                troubles.append(f"{count} {title}, {kind}: {_few(names, limit)}")
        if self.divided:
            few = _few(self.divided, limit)
            troubles.append(f"{len(self.divided)} pairs look alike but lie in train and val: {few}")
        return troubles + self.notes

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values."""
        return asdict(self)


@cache
def _warn_once(where: str, text: str) -> None:
    """Validation opens the same sources again and again."""
    console.warn(text)


def subfolder(root: P, name: str, usual: Sequence[str], key: str) -> P:
    """The named folder below ``root``, or the first of the usual ones.

    Raises:
        AimkitError: There is none.
    """
    if not root.is_dir():
        raise AimkitError("no such folder", str(root))
    for option in [name] if name else usual:
        folder = root / option
        if folder.is_dir():
            return cast(P, folder)
    there = ", ".join(sorted(p.name for p in root.iterdir() if p.is_dir())[:8]) or "no folders"
    wanted = " or ".join(f"'{option}'" for option in ([name] if name else usual))
    raise AimkitError(f"there is no folder {wanted} for {key}", str(root), f"it holds {there}; set {key} = ...")


def find_images(root: P, exclude: Sequence[str] = ()) -> tuple[dict[str, P], int]:
    """All images below a folder.

    Args:
        root: The folder, a path or a URL; links to folders are followed.
        exclude: Names or shell patterns, see :func:`read_exclude`.

    Returns:
        Path by id (the path relative to ``root`` without suffix; with it, where two would be the same), sorted by id,
        and the number of excluded files.

    Raises:
        AimkitError: There is no such folder.
    """
    if not root.is_dir():
        raise AimkitError("no such folder", str(root))
    found: dict[str, P] = {}
    excluded = 0
    for relative, path in sorted(_walk(root)):
        # macOS hands out decomposed letters; the same files must have the same ids everywhere.
        name = unicodedata.normalize("NFC", relative)
        stem = name[: -len(path.suffix)]
        if is_excluded(name, exclude) or is_excluded(stem, exclude):
            excluded += 1
        else:
            found[name if stem in found else stem] = path
    return dict(sorted(found.items())), excluded


def read_exclude(exclude: str | list[str]) -> list[str]:
    """Names or shell patterns: as a list, one, or a text file with one a line (``#`` starts a comment).

    A name matches a path relative to the root or a file name, with or without suffix.
    """
    if isinstance(exclude, list):
        return exclude
    path = expand(exclude) if exclude else Path()
    if path.is_file():
        lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
        return [line for line in lines if line]
    if path.suffix == ".txt":
        raise AimkitError("no such list of files to exclude", str(path))
    return [exclude] if exclude else []


def candidate(name: str, *files: Place) -> Candidate:
    """A candidate made of files."""
    return Candidate(name, str(files[0]), "|".join(stamp_of(file) for file in files), files)


def scan(
    candidates: Sequence[Candidate], inspect: Callable[[Candidate], ScanRecord], key: str, title: str
) -> list[ScanRecord]:
    """Inspect candidates, many at once, and only those that changed since the last time.

    Args:
        candidates: What to look at.
        inspect: Makes the record; an AimkitError becomes its ``problem``.
        key: Everything besides the files that the records depend on.
        title: For the progress bar.

    Returns:
        A record for every candidate, in their order.
    """
    path = cache_folder("scans") / f"{hashlib.sha256(f'{_VERSION} {key}'.encode()).hexdigest()[:32]}.json"
    known = _load(path)
    records = {c.stamp: known[c.stamp] for c in candidates if c.stamp in known}
    fresh = [c for c in candidates if c.stamp not in records]
    if fresh:
        workers = min(16, (os.cpu_count() or 1) + 1)
        with console.progress(len(fresh), f"scan {title}", "images") as progress, ThreadPoolExecutor(workers) as pool:
            for one, record in zip(fresh, pool.map(lambda c: _inspect(inspect, c), fresh), strict=True):
                records[one.stamp] = record
                progress.advance()
        _save(path, {stamp: record for stamp, record in records.items() if not record.problem})
    return [records[c.stamp] for c in candidates]


def _inspect(inspect: Callable[[Candidate], ScanRecord], one: Candidate) -> ScanRecord:
    try:
        return inspect(one)
    except AimkitError as error:
        return ScanRecord(problem=error.what)


def _load(path: Path) -> dict[str, ScanRecord]:
    try:
        return {stamp: ScanRecord(**row) for stamp, row in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _save(path: Path, records: dict[str, ScanRecord]) -> None:
    data = json.dumps({stamp: asdict(record) for stamp, record in records.items()}).encode()
    try:
        write_bytes(path, data)
    except AimkitError as error:
        console.detail(f"the scan is not remembered: {error.what}")


def _walk(root: Place) -> Iterator[tuple[str, Any]]:
    """Images that are not hidden, by path relative to the root."""
    if isinstance(root, Remote):
        for file in root.walk():
            relative = file.url[len(root.url) + 1 :]
            if file.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in relative.split("/")):
                yield relative, file
        return
    seen = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        # A link can lead back to a folder that contains it.
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                path = Path(folder) / name
                yield path.relative_to(root).as_posix(), path


def is_excluded(name: str, patterns: Sequence[str]) -> bool:
    """Whether a path relative to the root, or its last part, matches one of the patterns."""
    last = name.rpartition("/")[2]
    return any(fnmatchcase(name, pattern) or fnmatchcase(last, pattern) for pattern in patterns)


def _kind(reason: str) -> str:
    return reason.partition(":")[0]


def _few(names: Sequence[str | tuple[str, str]], limit: int) -> str:
    texts = [name if isinstance(name, str) else " = ".join(name) for name in names[:limit]]
    return ", ".join(texts) + (", ..." if len(names) > limit else "")
