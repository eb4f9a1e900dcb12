"""The cache of the zoo, and the lock file beside it that remembers every digest that was ever accepted here.

``zoo.lock.json`` has a record for each id that was pulled: digest, size, and what the file looked like when it was last
read whole. It stays when files are removed, so that an entry without a published digest can't change unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from aimkit.cache import cache_folder
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.zoo.manifest import Entry

SUFFIXES = (".safetensors", ".pth")


@dataclass
class Record:
    """What is remembered of a pulled file.

    Attributes:
        sha256: Its digest, hex.
        bytes: Its size.
        mtime_ns: Its time of change when it was last read whole.
        source: Where it came from.
        trusted: It was accepted without a published digest.
        pulled: When, ISO 8601, UTC.
        tensors: Digest of its tensors, where it was accepted by that: its own digest is not the published one.
    """

    sha256: str
    bytes: int
    mtime_ns: int
    source: str
    trusted: bool
    pulled: str
    tensors: str = ""


def folder() -> Path:
    """Where the files are."""
    return cache_folder("zoo")


def stem(entry: Entry) -> Path:
    """The cached file of an entry without its suffix."""
    return folder() / entry.id.replace(":", "/")


def part(entry: Entry, source: str) -> Path:
    """Where the bytes of a source go until they are checked; the same after a kill, so that they are continued."""
    mark = hashlib.sha256(source.encode()).hexdigest()[:12]
    return folder() / ".parts" / f"{entry.id.replace(':', '-')}-{mark}"


def cached(entry: Entry) -> Path | None:
    """The file of an entry, unchecked, or None."""
    found = [path for suffix in SUFFIXES if (path := stem(entry).with_name(stem(entry).name + suffix)).is_file()]
    return found[0] if found else None


def expected(entry: Entry) -> str | None:
    """The digest that the file must have: the published one, else the one that was accepted here; None: unknown."""
    record = records().get(entry.id)
    if entry.sha256 and not (record and by_tensors(entry, record)):
        return entry.sha256
    return record.sha256 if record else None


def by_tensors(entry: Entry, record: Record) -> bool:
    """Whether a file was accepted since it holds the published tensors, though in a file of another digest."""
    return bool(entry.tensors) and record.tensors == entry.tensors


def digest_state(entry: Entry) -> str:
    """``published``, ``trusted here`` or ``unknown``."""
    return "published" if entry.sha256 else "trusted here" if expected(entry) else "unknown"


def verify(entry: Entry, *, whole: bool = False) -> Path | None:
    """The cached file, checked.

    Args:
        entry: The entry.
        whole: Read it again even if size and time of change are those of the last check.

    Returns:
        None when it is not cached.

    Raises:
        AimkitError: Its digest is not the expected one; names both.
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
    known = record or Record(found, 0, 0, "", trusted=False, pulled="")
    keep(entry, path, found, known.source, known.trusted, known.tensors)
    return path


def mismatch(entry: Entry, found: str, wanted: str | None, where: str) -> AimkitError:
    """The error for a wrong digest."""
    origin = "published" if entry.sha256 else "what was accepted here before"
    said = f"{wanted} is {origin}" if wanted else "none is known"
    hint = f"to fetch it again: aimkit zoo pull {entry.id} --force"
    if not entry.sha256 and wanted:
        hint = f"if the new file is right: aimkit zoo rm {entry.id} --forget, then pull it again"
    return AimkitError(f"the file of {entry.id} has digest {found}, but {said}", where, hint, exit_code=1)


def records() -> dict[str, Record]:
    """All records, by id.

    Raises:
        AimkitError: The lock file is damaged; it is never ignored, since it guards against changed files.
    """
    path = lock_file()
    try:
        return {key: Record(**value) for key, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        hint = "it remembers digests; remove it to forget them all"
        raise AimkitError(f"can't read the lock file of the zoo: {error}", str(path), hint, exit_code=1) from None


def keep(entry: Entry, path: Path, digest: str, source: str, trusted: bool, tensors: str = "") -> None:
    """Remember a file that has been checked."""
    stat = path.stat()
    with lock("records"):
        known = records()
        old = known.get(entry.id)
        pulled = old.pulled if old and old.sha256 == digest else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        known[entry.id] = Record(digest, stat.st_size, stat.st_mtime_ns, source, trusted, pulled, tensors)
        _write(known)


def remove(entry: Entry, *, forget: bool = False) -> list[Path]:
    """Remove an entry's file and what an interrupted pull left; with ``forget``, its record too."""
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
    """Where the digests are remembered."""
    return cache_folder() / "zoo.lock.json"


def lock(name: str, timeout: float = -1) -> AbstractContextManager[object]:
    """A lock between processes; the system lets it go when its owner dies.

    Raises:
        filelock.Timeout: Somebody holds it for longer than ``timeout`` seconds; -1 waits forever.
    """
    path = folder() / ".locks" / f"{name.replace(':', '-')}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path, timeout=timeout)


def sha256(path: Path) -> str:
    """Digest of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(known: dict[str, Record]) -> None:
    text = json.dumps({key: asdict(known[key]) for key in sorted(known)}, indent=1) + "\n"
    write_bytes(lock_file(), text.encode())
