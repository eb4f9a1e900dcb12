"""The zoo's cache, and the lock file that records every digest accepted on this machine.

``zoo.lock.json`` has a record for each pulled id: the digest, the size, and the modification time at the last full
verification. Records outlive their files, so that an entry without a published digest can't change unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from filelock import FileLock

from aimkit import console
from aimkit.cache import cache_folder, cache_folders
from aimkit.digests import is_changed, sha256, with_digest
from aimkit.errors import AimkitError
from aimkit.files import write_bytes, write_error
from aimkit.json_files import parsed, read_json
from aimkit.redact import redact_urls
from aimkit.zoo.manifest import ZooEntry

SUFFIXES = (".safetensors", ".pth")
LOCK_FILE = "zoo.lock.json"


@dataclass
class StoreRecord:
    """The record of a pulled file.

    Attributes:
        sha256: SHA-256 of the file, hex.
        bytes: Size of the file.
        mtime_ns: Modification time at the last full verification, in nanoseconds.
        source: Source that the file came from.
        trusted: Whether the file was accepted without a published digest.
        pulled: Time of the pull, ISO 8601, UTC.
        tensors: Digest of the tensors if the file was accepted for them, because its own digest is not the published
            one; else "".
    """

    sha256: str
    bytes: int
    mtime_ns: int
    source: str
    trusted: bool
    pulled: str
    tensors: str = ""


def folder() -> Path:
    """The folder of the cached files."""
    return cache_folder("zoo")


def stem(entry: ZooEntry) -> Path:
    """The cached file of an entry without its suffix."""
    return folder() / entry.id.replace(":", "/")


def part(entry: ZooEntry, source: str) -> Path:
    """The file that a source is fetched into before it is checked; always the same, so that a pull can resume."""
    mark = hashlib.sha256(source.encode()).hexdigest()[:12]
    return folder() / ".parts" / f"{entry.id.replace(':', '-')}-{mark}"


def cached(entry: ZooEntry) -> Path | None:
    """The cached file of an entry, not verified, or None."""
    name = entry.id.replace(":", "/")
    paths = (root / f"{name}{suffix}" for root in cache_folders("zoo") for suffix in SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def expected(entry: ZooEntry) -> str | None:
    """The digest that the file must have: the published one, else the recorded one, else None."""
    record = records().get(entry.id)
    if entry.sha256 and not (record and by_tensors(entry, record)):
        return entry.sha256
    return record.sha256 if record else None


def by_tensors(entry: ZooEntry, record: StoreRecord) -> bool:
    """Whether a file was accepted for its tensors, although its own digest is not the published one."""
    return bool(entry.tensors) and record.tensors == entry.tensors


def digest_state(entry: ZooEntry) -> str:
    """``published``, ``trusted here`` or ``unknown``."""
    return "published" if entry.sha256 else "trusted here" if expected(entry) else "unknown"


def verify(entry: ZooEntry, *, whole: bool = False) -> Path | None:
    """Verify the cached file of an entry.

    Args:
        entry: The entry.
        whole: Read the file again even if size and modification time have not changed since the last verification.

    Returns:
        The file; None if it is not cached.

    Raises:
        AimkitError: The digest is not the expected one; the message has both.
    """
    path, wanted = cached(entry), expected(entry)
    if path is None:
        return None
    record, stat = records().get(entry.id), path.stat()
    same = record is not None and (record.bytes, record.mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    if record is not None and same and record.sha256 == wanted and not whole:
        return path
    found = sha256(path)
    if found != wanted:
        raise mismatch(entry, found, wanted, str(path))
    known = record or StoreRecord(found, 0, 0, "", trusted=False, pulled="")
    try:
        keep(entry, path, found, known.source, known.trusted, known.tensors)
    except AimkitError as error:
        console.detail(f"the verification of {entry.id} is not recorded: {error.what}")
    return path


def mismatch(entry: ZooEntry, found: str, wanted: str | None, where: str) -> AimkitError:
    """The error for a wrong digest."""
    origin = "published" if entry.sha256 else "recorded here"
    said = f"{wanted} is {origin}" if wanted else "no digest is known"
    hint = f"to fetch it again: aimkit zoo pull {entry.id} --force"
    if not entry.sha256 and wanted:
        hint = f"if the new file is right: aimkit zoo rm {entry.id} --forget, then pull again"
    return AimkitError(f"the file of {entry.id} has digest {found}, but {said}", where, hint, exit_code=1)


def records() -> dict[str, StoreRecord]:
    """Read all records, by id.

    Raises:
        AimkitError: The lock file is damaged. It is never ignored, since it guards against changed files.
    """
    # What was recorded in a folder that is read-only now counts too, unless it was recorded again.
    return {key: value for root in reversed(cache_folders()) for key, value in _records(root / LOCK_FILE).items()}


def _records(path: Path) -> dict[str, StoreRecord]:
    hint = "remove it to forget all recorded digests"
    if not os.path.lexists(path):
        return {}
    content = read_json(path, dict, "zoo's lock file", hint, exit_code=1)
    return cast(dict[str, StoreRecord], parsed(content, _checked, "zoo's lock file", str(path), hint))


def _checked(content: dict[str, Any]) -> dict[str, StoreRecord]:
    if is_changed(content):
        raise ValueError("it was changed since it was written")
    found = {key: StoreRecord(**value) for key, value in content.items() if key != "digest"}
    for key, record in found.items():
        if not re.fullmatch("[0-9a-f]{64}", record.sha256) or type(record.bytes) is not int:
            raise ValueError(f"the record of {key} has no digest")
    return found


def keep(entry: ZooEntry, path: Path, digest: str, source: str, trusted: bool, tensors: str = "") -> None:
    """Record a verified file."""
    stat = path.stat()
    with lock("records"):
        known = records()
        old = known.get(entry.id)
        pulled = old.pulled if old and old.sha256 == digest else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        known[entry.id] = StoreRecord(
            digest, stat.st_size, stat.st_mtime_ns, redact_urls(source), trusted, pulled, tensors
        )
        _write(known)


def remove(entry: ZooEntry, *, forget: bool = False) -> list[Path]:
    """Remove an entry's file and the leftovers of interrupted pulls; with ``forget`` also its record."""
    import shutil

    gone = []
    with lock(entry.id):
        while (path := cached(entry)) is not None:
            path.unlink()
            gone.append(path)
        for source in entry.sources:
            rest = part(entry, source)
            for path in rest.parent.glob(f"{rest.name}*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                gone.append(path)
    if forget:
        with lock("records"):
            known = records()
            if known.pop(entry.id, None):
                _write(known)
    return gone


def lock_file() -> Path:
    """The file of all records."""
    return cache_folder() / LOCK_FILE


def lock(name: str, timeout: float = -1) -> AbstractContextManager[object]:
    """A lock between processes; the system releases it when its owner dies.

    Raises:
        filelock.Timeout: Another process holds it for longer than ``timeout`` seconds; -1 waits forever.
    """
    path = folder() / ".locks" / f"{name.replace(':', '-')}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(error, path) from None
    return FileLock(path, timeout=timeout)


def _write(known: dict[str, StoreRecord]) -> None:
    text = json.dumps(with_digest({key: asdict(known[key]) for key in sorted(known)}), indent=1) + "\n"
    write_bytes(lock_file(), text.encode())
