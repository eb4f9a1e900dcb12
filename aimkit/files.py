"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aimkit.errors import AimkitError

#: Error numbers of a disk or a quota that is used up.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file whole or not at all.

    Creates missing folders and yields a path that does not exist yet: a hidden name in the same folder, with the same
    suffix. When the block ends, the file at that path is forced to disk and replaces ``path``; when the block fails,
    it is removed.

    Args:
        path: The file to write.

    Raises:
        AimkitError: The disk is full, or the folder can't be written.
    """
    target = Path(path)
    # The process id tells people whose leftover it is; the token keeps threads and machines apart.
    own = f"{os.getpid()}-{secrets.token_hex(4)}"
    temporary = target.with_name(f".{target.stem[:80]}.{own}{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            commit(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise write_error(error, target) from None


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a whole file or nothing; see :func:`replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def commit(temporary: Path, target: Path) -> None:
    """Force a finished file to disk, then give it its name; both must be on one file system."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, target)


def write_error(error: OSError, path: str | os.PathLike[str], again: str = "run the same command again") -> AimkitError:
    """One error for everything that can go wrong while a file is written.

    Args:
        error: What the operating system said.
        path: The file or folder that was written.
        again: What to do once the cause is removed.
    """
    if error.errno in DISK_FULL:
        return AimkitError("disk full", os.fspath(path), f"free some space, then {again}", exit_code=1)
    hint = f"check the path and its permissions, then {again}"
    return AimkitError(f"can't write the file: {error.strerror or error}", os.fspath(path), hint, exit_code=1)
