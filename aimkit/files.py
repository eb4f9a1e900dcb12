"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from aimkit.errors import AimkitError

#: Error numbers of a disk or a quota that is used up.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

#: Names of files and folders that were being written: those that hold an :func:`own_mark`, and those that end in
#: ``.part``.
UNFINISHED = re.compile(r"\..+\.(?:(?P<pid>\d+)-(?P<machine>[0-9a-f]{4})[0-9a-f]{4}(?:\.[^.]+)?|part)")

#: Folders where this process has looked for files of dead ones.
_cleaned: set[str] = set()


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file whole or not at all.

    Creates missing folders and yields a path that does not exist yet: a hidden name in the same folder, with the same
    suffix. When the block ends, the file at that path is forced to disk and replaces ``path``; when the block fails,
    it is removed. What killed processes of this machine left in the folder is removed, too.

    Args:
        path: The file to write.

    Raises:
        AimkitError: The disk is full, or the folder can't be written.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.stem[:80]}.{own_mark()}{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _clean_once(target.parent)
        try:
            yield temporary
            commit(temporary, target)
        except RuntimeError as error:
            if "inline_container" not in str(error):
                raise
            raise hidden_os_error(error, target.parent) from None
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


def own_mark() -> str:
    """What a name of an unfinished file says of its writer: the process, the machine, and a token for each file."""
    return f"{os.getpid()}-{_machine()}{secrets.token_hex(2)}"


def clean_after_killed(folder: Path) -> None:
    """Remove the unfinished files in a folder, not below it, of processes of this machine that are gone."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = UNFINISHED.fullmatch(entry.name)
            if match and match["machine"] == _machine() and not _lives(int(match["pid"])):
                with suppress(OSError):
                    os.unlink(entry.path)


def _clean_once(folder: Path) -> None:
    """A folder of many files is not searched for each of them."""
    name = os.path.abspath(folder)
    if name not in _cleaned:
        _cleaned.add(name)
        clean_after_killed(folder)


@cache
def _machine() -> str:
    """Four hex digits of this machine, or container: the same process ids mean other processes elsewhere."""
    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:4]


def _lives(pid: int) -> bool:
    """Whether a process of this machine lives; True where that can't be told."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass
    return True


def hidden_os_error(error: Exception, folder: Path) -> OSError:
    """The failed write behind an error of torch's or safetensors' own, while the half-written file is still there."""
    if isinstance(error, OSError):
        return error
    full = "os error 28" in str(error) or shutil.disk_usage(folder).free < 1 << 16
    return OSError(errno.ENOSPC if full else errno.EIO, str(error).split("\n")[0])


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
