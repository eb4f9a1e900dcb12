"""Inspecting stored images once: in parallel, with results cached on disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aimkit import console
from aimkit.cache import cache_folder
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.imageio import read_file
from aimkit.json_files import read_json
from aimkit.paths import as_text
from aimkit.skips import Skips
from aimkit.storage import Place, stamp

#: Raised whenever the same file would give another record.
_VERSION = 2


@dataclass(frozen=True)
class Candidate:
    """An image, or a pair of images, that may become an item of a source.

    Attributes:
        id: Its id, as in :class:`aimkit.synth.source.Item`.
        where: Its name in error messages.
        stamp: A text that changes when the content does.
        files: The files to read, colour before alpha; empty when the image is a row of a table.
        row: Its row in the table; -1 for files.
        type: Image type (SO, STM or NS) when the source states it, else "".
        category: Category when the source states it, else "".
        licence: Licence when the source states it for every picture, else "".
        origin: Likewise, who made it and where it is from.
        group: What it shows, when the source states it, else ""; a group is never split into train and val.
    """

    id: str
    where: str
    stamp: str
    files: tuple[Place, ...] = ()
    row: int = -1
    type: str = ""
    category: str = ""
    licence: str = ""
    origin: str = ""
    group: str = ""


@dataclass(frozen=True)
class ScanRecord:
    """The result of inspecting a candidate.

    Attributes:
        digest: SHA-256 of the files' bytes, hex.
        content: SHA-256 of the visible pixels, hex: the same for the same pixels in another file format.
        height: Height in pixels.
        width: Width in pixels.
        look: Perceptual hash, hex; "" for backgrounds.
        statistics: Fields of :class:`aimkit.matting.image_type.Statistics`; empty for backgrounds.
        matte: Fields of :class:`aimkit.datasets.matte_folder.MatteFacts`; empty for backgrounds.
        top: The level of its matte that was taken as opaque; 0 when it could not be told.
        problem: Why it can't be used, as "kind: details"; "" when it can.
        warning: What looks wrong about it, in the same form.
    """

    digest: str = ""
    content: str = ""
    height: int = 0
    width: int = 0
    look: str = ""
    statistics: dict[str, Any] = field(default_factory=dict)
    matte: dict[str, Any] = field(default_factory=dict)
    top: float = 0.0
    problem: str = ""
    warning: str = ""


def candidate(name: str, *files: Place) -> Candidate:
    """Make a candidate of files, colour before alpha.

    Raises:
        AimkitError: One of them is gone.
    """
    where = as_text(files[0])
    try:
        return Candidate(name, where, "|".join(as_text(stamp(file)) for file in files), files)
    except OSError as error:
        raise AimkitError(f"can't read the image: {error.strerror or error}", where) from None


def candidates(rows: Iterable[tuple[str, tuple[Place, ...]]], skips: Skips) -> list[Candidate]:
    """Candidates of (id, files); those whose files are gone are skipped."""
    found = []
    for name, files in rows:
        try:
            found.append(candidate(name, *files))
        except AimkitError as error:
            skips.add(name, error, error.where)
    return found


def read_place(path: Place, where: str = "") -> bytes:
    """Read a picture's file, local or behind a URL.

    Raises:
        AimkitError: It is missing, unreadable, or not a regular file.
    """
    if isinstance(path, Path):
        return read_file(path, where)
    try:
        return path.read_bytes()
    except OSError as error:
        raise AimkitError(f"can't read the image: {error.strerror or error}", where or str(path)) from None


def exif_hint(one: tuple[int, int], other: tuple[int, int]) -> str:
    """What to add to a mismatch of two sizes that are each other's transpose, else ""."""
    return "; one of them was turned: does only one have an EXIF orientation?" if one == other[::-1] else ""


def scan(
    candidates: Sequence[Candidate], inspect: Callable[[Candidate], ScanRecord], key: str, title: str
) -> list[ScanRecord]:
    """Inspect candidates in parallel; those that have not changed since the last scan come from the cache.

    Args:
        candidates: What to inspect.
        inspect: Makes the record of a candidate; an AimkitError becomes the record's ``problem``.
        key: Everything besides the files that the records depend on.
        title: Title of the progress bar.

    Returns:
        One record per candidate, in their order.
    """
    path = cache_folder("scans") / f"{hashlib.sha256(as_text(f'{_VERSION} {key}').encode()).hexdigest()[:32]}.json"
    cached = _load(path)
    records = {c.stamp: cached[c.stamp] for c in candidates if c.stamp in cached}
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
        # The hint of a broken file is the same for all of them; its place is the candidate's, or worth telling.
        other = error.where if error.where not in ("", one.where) else ""
        return ScanRecord(problem=error.what + (f" ({other})" if other else ""))


def _load(path: Path) -> dict[str, ScanRecord]:
    try:
        return {stamp: ScanRecord(**row) for stamp, row in read_json(path).items()}
    except (AimkitError, TypeError):
        return {}


def _save(path: Path, records: dict[str, ScanRecord]) -> None:
    data = json.dumps({stamp: asdict(record) for stamp, record in records.items()}).encode()
    try:
        write_bytes(path, data)
    except AimkitError as error:
        console.detail(f"the scan is not cached: {error.what}")
