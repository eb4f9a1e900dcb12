"""Files that are either whole or not there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from aimkit.errors import AimkitError

#: Folder for unfinished files inside a dataset: the same file system, so that renaming is atomic.
TEMPORARY = ".tmp"

_FULL = (errno.ENOSPC, errno.EDQUOT)


def write_whole(target: Path, chunks: Iterable[bytes], temporary: Path) -> None:
    """Write a file under ``temporary``, force it to disk, and rename it to ``target``."""
    temporary.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = temporary / f".{target.name}.part"
    with unfinished.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, target)
    _sync_folders({target.parent})


def settle(temporary: Path, root: Path) -> list[dict[str, Any]]:
    """Force all files under ``temporary`` to disk and move them to the same relative paths under ``root``.

    Returns:
        Path, size and SHA-256 of every file, sorted by path.
    """
    found = sorted(path for path in temporary.rglob("*") if path.is_file())
    names = [path.relative_to(temporary).as_posix() for path in found]
    entries = []
    for path, name in zip(found, names, strict=True):
        with path.open("rb") as file:
            os.fsync(file.fileno())
        entries.append({"path": name, "size": path.stat().st_size, "sha256": sha256(path)})
    targets = [root / name for name in names]
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
    for path, target in zip(found, targets, strict=True):
        os.replace(path, target)
    _sync_folders({target.parent for target in targets})
    return entries


def sha256(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def explained(root: Path) -> Iterator[None]:
    """Turn errors of the file system into one that says what to do.

    Raises:
        AimkitError: The disk is full, or ``root`` can't be written.
    """
    try:
        yield
    except OSError as error:
        where = str(error.filename or root)
        if error.errno in _FULL:
            hint = "finished shards are kept; free some space, then run the same command with --resume"
            raise AimkitError("no space is left on the disk", str(root), hint, exit_code=1) from None
        hint = "check the path and its permissions, then run the same command with --resume"
        raise AimkitError(f"can't write: {error.strerror or error}", where, hint, exit_code=1) from error


def _sync_folders(folders: set[Path]) -> None:
    """A renamed file survives a power cut only when its folder is on disk too."""
    if os.name != "posix":
        return
    for folder in folders:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
