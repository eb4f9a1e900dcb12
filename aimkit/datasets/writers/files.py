"""Committing the files of a dataset: each is whole or absent, here or behind a URL."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from aimkit.files import commit, write_error
from aimkit.remote import Remote
from aimkit.storage import Place, measure, names

#: Folder for unfinished files inside a dataset: on the same file system, so that renaming is atomic.
TEMPORARY = ".tmp"

#: How often a folder is made again that another part of the job, which found it empty, has removed.
_TRIES = 20

_RESUME = "run the same command with --resume; finished shards are kept"


@contextlib.contextmanager
def workspace(out: Place, name: str) -> Iterator[Path]:
    """Make a local folder for unfinished files of a dataset, and remove it in the end.

    The folder is ``.tmp/NAME-...`` inside the dataset, or a temporary folder of this machine when the dataset is behind
    a URL. Every call makes another folder: a machine that was given up may still write what another writes again.

    Args:
        out: Folder of the dataset.
        name: First part of the folder's name.
    """
    folder = _made(None if isinstance(out, Remote) else out / TEMPORARY, f"{name}-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_whole(target: Place, chunks: Iterable[bytes], temporary: Path) -> None:
    """Write a file below ``temporary``, then rename it to ``target`` or upload it."""
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
    """List path, size in bytes and SHA-256 (hex) of every file below a folder, sorted by path."""
    return [dict(zip(("path", "size", "sha256"), (name, *measure(folder / name)), strict=True)) for name in _in(folder)]


def settle(temporary: Path, root: Place) -> None:
    """Move or upload all files below ``temporary`` to the same relative paths below ``root``."""
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
    """Turn errors of the file system into one AimkitError that says what to do.

    Args:
        root: The file or folder that is written.
        again: What to do once the cause is removed.

    Raises:
        AimkitError: The disk is full, or ``root`` can't be written.
    """
    try:
        yield
    except OSError as error:
        raise write_error(error, error.filename or str(root), again) from error


def _made(parent: Path | None, prefix: str) -> Path:
    if parent is not None:
        for _ in range(_TRIES):
            with contextlib.suppress(FileNotFoundError):
                parent.mkdir(parents=True, exist_ok=True)
                return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))


def _in(folder: Path) -> list[str]:
    return sorted(names(folder))


def _sync_folders(folders: set[Path]) -> None:
    """Force folders to disk: a renamed file survives a power cut only if its folder is on disk too."""
    if os.name != "posix":
        return
    for folder in folders:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
