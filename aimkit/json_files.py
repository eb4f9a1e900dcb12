"""Reading JSON files: one loader, and one error that says what is wrong with which file and how to correct it."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from aimkit.errors import AimkitError
from aimkit.storage import Place

#: Bytes of the largest file that is read unless the caller allows more.
LIMIT = 1 << 28
#: The same for indexes, which have a line for each of millions of pictures.
LARGE = 1 << 32

_NAMES = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}


def read_json(
    path: Place, kind: type = dict, what: str = "file", hint: str = "", *, limit: int = LIMIT, exit_code: int = 2
) -> Any:
    """Read a JSON file.

    Args:
        path: The file, local or behind a URL.
        kind: What it must hold: dict, list, or object for anything.
        what: What errors call it, such as "pool index".
        hint: How to mend it when it is missing or damaged.
        limit: Largest size in bytes.
        exit_code: Exit code of a failure.

    Returns:
        The content. All its numbers are finite.

    Raises:
        AimkitError: The file is missing, unreadable, too large, not a regular file, or :func:`parse_json` refuses it.
    """
    try:
        if isinstance(path, Path):
            about = path.stat()
            # A pipe would block, a device would never end.
            regular, size = stat.S_ISREG(about.st_mode), about.st_size
        else:
            regular, size = True, int(path.details().get("size") or 0)
        if not regular:
            raise AimkitError(f"the {what} is not a regular file", str(path), hint, exit_code=exit_code)
        if size > limit:
            text = f"the {what} has {size:,} bytes, more than the limit of {limit:,}"
            raise AimkitError(text, str(path), hint, exit_code=exit_code)
        data = path.read_bytes()
    except FileNotFoundError:
        raise AimkitError(f"the {what} is missing", str(path), hint, exit_code=exit_code) from None
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL.
        text = f"can't read the {what}: {getattr(error, 'strerror', None) or error}"
        raise AimkitError(text, str(path), hint, exit_code=exit_code) from None
    return parse_json(data, kind, what, str(path), hint, exit_code=exit_code)


def parse_json(
    data: bytes | str,
    kind: type = dict,
    what: str = "file",
    where: str = "",
    hint: str = "",
    *,
    nan: bool = False,
    exit_code: int = 2,
) -> Any:
    """Parse JSON that was read already; the arguments are those of :func:`read_json`.

    With ``nan``, NaN and infinity are taken as Python writes them: a log may hold what went wrong.

    Raises:
        AimkitError: It is not UTF-8, not JSON, nested too deeply, holds NaN or infinity, or is of another kind.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
        content = json.loads(text) if nan else json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except UnicodeDecodeError as error:
        problem = f"it is not UTF-8 at byte {error.start}"
    except ValueError as error:
        problem = str(error)
    except RecursionError:
        problem = "it is nested too deeply"
    else:
        if isinstance(content, kind):
            return content
        found = _NAMES.get(type(content), "a number")
        problem = f"it holds {found} instead of {_NAMES.get(kind, kind.__name__)}"
    raise AimkitError(f"the {what} is damaged: {problem}", where, hint, exit_code=exit_code) from None


def parsed(content: Any, parse: Callable[[Any], Any], what: str, where: str, hint: str = "") -> Any:
    """``parse(content)``, with missing keys and wrong types turned into the error of a damaged file."""
    try:
        return parse(content)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        problem = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise AimkitError(f"the {what} is damaged: {problem}", where, hint) from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:40]} is too large")
    return number
