"""Reading TOML files, such as recipes, manifests and the records of datasets."""

from __future__ import annotations

import errno
import tomllib
from pathlib import Path
from typing import Any

from aimkit.errors import AimkitError
from aimkit.storage import Place

#: Bytes of the largest file, and the most tables and lists inside of each other; recipes have 10 kB and 4.
_LONGEST = 1 << 26
_DEEPEST = 50


def read_toml(path: Place) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        AimkitError: The file cannot be read or is not TOML; the message has the line and column.
    """
    try:
        # Editors of Windows put a byte order mark in front, which TOML does not know.
        data = tomllib.loads(_read_bounded(path).decode("utf-8-sig"))
        if not _is_shallow(data):
            raise RecursionError
        return data
    except OSError as error:
        raise AimkitError(f"can't read the file: {error.strerror or error}", str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AimkitError(f"not valid TOML: {error}", str(path), "see toml.io for the syntax") from None
    except RecursionError:
        raise AimkitError("its tables or lists are nested too deeply", str(path)) from None


def _read_bounded(path: Place) -> bytes:
    if not isinstance(path, Path):
        return path.read_bytes()
    # Not checked for being a regular file: a shell's <(...) is a pipe. But a device never ends.
    with path.open("rb") as file:
        data = file.read(_LONGEST + 1)
    if len(data) > _LONGEST:
        raise OSError(errno.EFBIG, f"it is larger than {_LONGEST // 2**20} MB")
    return data


def _is_shallow(data: Any) -> bool:
    level = [data]
    for _ in range(_DEEPEST):
        level = [
            value
            for one in level
            for value in (one.values() if isinstance(one, dict) else one)
            if isinstance(value, dict | list)
        ]
        if not level:
            return True
    return False
