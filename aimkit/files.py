"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from aimkit.errors import AimkitError


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a whole file or nothing: temporary name, fsync, replace. Missing folders are made.

    Raises:
        AimkitError: The disk is full or the folder can't be written; nothing is left behind.
    """
    target = Path(path)
    temporary = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:80]}.", suffix=".part", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files; a data set is for everybody whom the umask allows.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        hint = "free some space" if error.errno == errno.ENOSPC else ""
        raise AimkitError(f"can't write the file: {error.strerror}", str(target), hint, exit_code=1) from None
    except BaseException:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    # The only way to ask is to set; /proc spares other threads the moment in between.
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    except OSError:
        pass
    return 0o022
