"""One lock for every output folder: who writes to it, since when, and whether that process still lives.

A lock is the file ``.aimkit.lock`` in the folder, or ``.aimkit.PART.lock`` where parts of one job share a folder on
purpose; the parts and the whole exclude each other. It appears whole and never stays behind a process that ended by
itself; one that was killed is recognised by its process id and the time at which that process began, and its lock is
taken over.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

from aimkit.errors import AimkitError
from aimkit.files import DISK_FULL, UNFINISHED, clean_after_killed, own_mark, write_error
from aimkit.json_files import parsed, read_json
from aimkit.remote import Remote
from aimkit.storage import Place

#: What the names of locks begin with.
LOCKS = ".aimkit."

#: Hours after which an unfinished file is nobody's, and a lock of another machine is doubted.
OLD = 24.0
#: Seconds after which a lock that can't be read is nobody's: one is being written for less.
_UNREADABLE = 60.0

_guard = threading.RLock()
#: How often this process has entered each lock, and the process: a fork holds nothing.
_held: dict[Path, tuple[int, int]] = {}


@dataclass(frozen=True)
class LockHolder:
    """The process that writes to a folder.

    Attributes:
        what: Its command, such as "train".
        pid: Process id.
        host: Name of its machine.
        birth: When the process began, in the system's own words; "" where the system does not tell.
        since: When it took the lock, ISO 8601 with the time zone.
        command: Its command line.
    """

    what: str
    pid: int
    host: str
    birth: str
    since: str
    command: str

    def __str__(self) -> str:
        return f"{self.what}, process {self.pid} on {self.host}, since {self.since}"


@contextlib.contextmanager
def locked(folder: Place, what: str, part: str = "") -> Iterator[None]:
    """Hold the lock of an output folder, which is made when it is missing.

    A process may enter a lock that it holds again. Behind a URL nothing is locked: an object store makes every object
    whole by itself, and has nothing to lock with.

    Args:
        folder: The output folder.
        what: What holds it, for errors: the command.
        part: Name of the part of a job whose parts share the folder; only the same part and the whole are kept out.

    Raises:
        AimkitError: Another process holds the lock, or the folder can't be written.
    """
    if isinstance(folder, Remote):
        yield
        return
    if part and not re.fullmatch(r"[\w.-]{1,100}", part):
        raise ValueError(f"'{part}' can't be part of a file name")
    root = Path(os.path.realpath(folder))
    file = root / (f"{LOCKS}{part}.lock" if part else f"{LOCKS}lock")
    entered = False
    try:
        with _uninterrupted():
            _enter(file, what)
            entered = True
        # Each makes its own lock first and looks then, so of two that race at least one sees the other.
        _check_rivals([root / f"{LOCKS}lock"] if part else sorted(root.glob(f"{LOCKS}*.lock")))
        yield
    finally:
        if entered:
            with _uninterrupted():
                _leave(file)


def is_locked(folder: Path) -> bool:
    """Whether this process holds a lock of the folder, of whatever part."""
    root, own = Path(os.path.realpath(folder)), os.getpid()
    return any(file.parent == root and pid == own for file, (pid, _) in list(_held.items()))


def clean_leftovers(folder: Path, hours: float = OLD) -> list[Path]:
    """Remove unfinished files and folders of ours that nobody will finish, from a folder that this process has locked.

    Those are what processes left that are gone, and what is older than ``hours``. While a process of another machine
    holds a part of the folder, only age counts: whether its processes live can't be seen from here.

    Returns:
        What was removed.
    """
    if not is_locked(folder):
        raise RuntimeError("clean_leftovers needs the lock of its folder")
    far = any(holder is None or holder.host != platform.node() for holder in map(_holder, folder.glob(f"{LOCKS}*lock")))
    gone = []
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path, match = Path(parent) / name, UNFINISHED.fullmatch(name)
            if match and (_is_old(path, hours) or (not far and match["pid"] and _birth(int(match["pid"])) == "")):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() and not path.is_symlink() else _remove(path)
                gone.append(path)
        folders[:] = [name for name in folders if not UNFINISHED.fullmatch(name)]
    return gone


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait for the moment in which a lock appears or goes, so that it is never left half way."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    caught: list[FrameType | None] = []
    signal.signal(signal.SIGINT, lambda number, frame: caught.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        for frame in caught:
            before(signal.SIGINT, frame)


def _enter(file: Path, what: str) -> None:
    with _guard:
        pid, count = _held.get(file, (0, 0))
        if pid != os.getpid() or not count:
            _take(file, what)
            clean_after_killed(file.parent)
            count = 0
        _held[file] = (os.getpid(), count + 1)


def _leave(file: Path) -> None:
    with _guard:
        pid, count = _held.get(file, (0, 0))
        if pid != os.getpid():
            return
        if count > 1:
            _held[file] = (pid, count - 1)
            return
        del _held[file]
        holder = _holder(file)
        if holder is not None and (holder.pid, holder.host) == (pid, platform.node()):
            _remove(file)


def _take(file: Path, what: str) -> None:
    birth, since = _birth(os.getpid()) or "", time.strftime("%Y-%m-%dT%H:%M:%S%z")
    own = LockHolder(what, os.getpid(), platform.node(), birth, since, shlex.join(sys.argv)[:1000])
    text = json.dumps(asdict(own), indent=1) + "\n"
    written = file.with_name(f"{file.name}.{own_mark()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(text, encoding="utf-8")
        while not _created(file, written, text):
            with _unchanged(file) as same:
                if same:
                    _check_stale(file)
                    # While this very file is held, nobody else takes it over.
                    os.replace(written, file)
                    return
    except OSError as error:
        if error.errno in DISK_FULL:
            raise write_error(error, file.parent) from None
        hint = "check the folder's permissions"
        raise AimkitError(f"can't lock the folder: {error.strerror}", str(file.parent), hint, exit_code=1) from None
    finally:
        _remove(written)


def _created(file: Path, written: Path, text: str) -> bool:
    """Make the lock unless there is one; it appears whole where the file system has links."""
    try:
        os.link(written, file)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        try:
            with file.open("x", encoding="utf-8") as out:
                out.write(text)
        except FileExistsError:
            return False
    return True


@contextlib.contextmanager
def _unchanged(file: Path) -> Iterator[bool]:
    """Hold the file that is there; False when another process has removed or replaced it meanwhile."""
    try:
        handle = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        # Windows and some network file systems have no such locks; the window is small.
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield os.path.samestat(os.fstat(handle), os.stat(file))
        except FileNotFoundError:
            yield False
    finally:
        os.close(handle)


def _check_stale(file: Path) -> None:
    """Return when the lock is nobody's any more.

    Raises:
        AimkitError: It is somebody's, or that can't be told.
    """
    holder = _holder(file)
    if holder is None:
        if _is_old(file, _UNREADABLE / 3600):
            return
        raise AimkitError("the lock of the folder can't be read", str(file), f"try again, or remove {file}")
    if holder.host == platform.node():
        birth = _birth(holder.pid)
        if birth == "" or (birth and holder.birth and birth != holder.birth):
            return
        hint = "wait for it, stop it, or choose another folder"
        if birth is None:
            hint += f"; if there is no such process, remove {file}"
    elif _is_old(file, OLD):
        hint = f"it may have been killed: if nothing runs on {holder.host} any more, remove {file}"
    else:
        hint = f"wait for it, or choose another folder; if it was killed on {holder.host}, remove {file}"
    raise AimkitError(f"another process is writing to this folder: {holder}", str(file.parent), hint, exit_code=1)


def _check_rivals(files: Sequence[Path]) -> None:
    """Raise an AimkitError when another process holds one of these locks."""
    for file in files:
        if _held.get(file, (0, 0))[0] != os.getpid() and file.exists():
            _check_stale(file)


def _holder(file: Path) -> LockHolder | None:
    """Who holds a lock; None when the file can't be read."""
    try:
        content = read_json(file, dict, "lock", limit=1 << 16)
        holder = parsed(content, lambda row: LockHolder(**row), "lock", str(file))
        return holder if type(holder.pid) is int and holder.pid > 0 else None
    except AimkitError:
        return None


def _birth(pid: int) -> str | None:
    """When a process of this machine began; "" when there is none, None when that can't be told."""
    if os.name != "posix":
        return None
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return ""
    except PermissionError:
        pass  # It lives, and is another user's.
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # The name, in brackets, may hold anything. A zombie has ended and writes no more.
        state, *fields = status.rpartition(")")[2].split()
        return "" if state in "ZX" else f"{boot} {fields[18]}"
    except (OSError, ValueError, IndexError):
        pass
    try:
        words = ["ps", "-o", "lstart=", "-p", str(pid)]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=10).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None


def _is_old(path: Path, hours: float) -> bool:
    with contextlib.suppress(OSError):
        return time.time() - path.lstat().st_mtime > hours * 3600
    return False


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
