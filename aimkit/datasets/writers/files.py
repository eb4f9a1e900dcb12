"""Files that are either whole or not there."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from aimkit.files import commit, write_error
from aimkit.storage import Place, Remote, measure, names

#: Folder for unfinished files inside a dataset: the same file system, so that renaming is atomic.
TEMPORARY = ".tmp"

_RESUME = "run the same command with --resume; finished shards are kept"


@contextlib.contextmanager
def workspace(out: Place, name: str) -> Iterator[Path]:
    """A local folder for unfinished files of a dataset, removed in the end.

    It is inside the dataset, as ``.tmp/NAME-...``, or among the machine's temporary files when the dataset lies behind
    a URL. No two are the same: a machine that was given up may still be writing what another writes again.
    """
    folder = _made(None if isinstance(out, Remote) else out / TEMPORARY, f"{name}-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_whole(target: Place, chunks: Iterable[bytes], temporary: Path) -> None:
    """Write a file under ``temporary``, force it to disk, and rename it to ``target``, or upload it."""
    temporary.mkdir(parents=True, exist_ok=True)
    unfinished = temporary / f".{target.name}.part"
    with unfinished.open("wb") as file:
        file.writelines(chunks)
    if isinstance(target, Remote):
        target.parent.upload({target.name: unfinished})
        unfinished.unlink()
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    commit(unfinished, target)
    _sync_folders({target.parent})


def listing(folder: Path) -> list[dict[str, Any]]:
    """Path, size and SHA-256 of every file below a folder, sorted by path."""
    return [dict(zip(("path", "size", "sha256"), (name, *measure(folder / name)), strict=True)) for name in _in(folder)]


def settle(temporary: Path, root: Place) -> None:
    """Move all files under ``temporary`` to the same relative paths under ``root``, each whole or not there."""
    found = {name: temporary / name for name in _in(temporary)}
    if isinstance(root, Remote):
        root.upload(found)
        return
    folders = {(root / name).parent for name in found}
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for name, path in found.items():
        commit(path, root / name)
    _sync_folders(folders)


@contextlib.contextmanager
def explained(root: Place, again: str = _RESUME) -> Iterator[None]:
    """Turn errors of the file system into one that says what to do.

    Args:
        root: What is written.
        again: What to do once the cause is removed.

    Raises:
        AimkitError: The disk is full, or ``root`` can't be written.
    """
    try:
        yield
    except OSError as error:
        raise write_error(error, error.filename or str(root), again) from error


def _made(parent: Path | None, prefix: str) -> Path:
    while True:
        if parent is not None:
            parent.mkdir(parents=True, exist_ok=True)
        try:
            return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        except FileNotFoundError:
            # Another part of the job took the empty folder away in between.
            if parent is None or parent.is_dir():
                raise


def _in(folder: Path) -> list[str]:
    return sorted(names(folder))


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
