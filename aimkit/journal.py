"""Journals: files of one JSON object a line, which grow while a command works. Each line carries a checksum.

A killed run leaves a last line that is cut short; a damaged disk changes a digit. Neither may pass for a result.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.files import write_error
from aimkit.json_files import parse_json
from aimkit.storage import check_regular

#: Key of a line's checksum: the CRC-32 of the other keys, as 8 hex digits.
CHECK = "check"
#: What is wrong with the last line of a killed run.
UNFINISHED = "the last line is cut short"


def line(row: Mapping[str, Any]) -> str:
    """A row as a line of a journal, with its checksum; JSON values only."""
    return json.dumps({**row, CHECK: _check(row)}) + "\n"


def read(path: Path, again: str = "") -> list[dict[str, Any]]:
    """The rows of a journal without their checksums; none when the file does not exist.

    Damaged lines are left out with a warning, a last line that is cut short without one: its writer was killed.

    Args:
        path: The journal.
        again: What becomes of the rows of damaged lines, for the warning.

    Raises:
        AimkitError: The file can't be read.
    """
    found: list[dict[str, Any]] = []
    damaged: list[str] = []
    for row, problem in examine(path):
        if problem and problem != UNFINISHED:
            damaged.append(problem)
        elif not problem:
            found.append(row)
    if damaged:
        more = f" and {len(damaged) - 1} more" if damaged[1:] else ""
        console.warn(f"{path}: {damaged[0]}{more}; left out{again and f': {again}'}")
    return found


def examine(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each row of a journal with what is wrong with it, "" when nothing is; see :func:`read`."""
    try:
        check_regular(path)
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise AimkitError(f"can't read the file: {error.strerror or error}", str(path)) from None
    has_checks = f'"{CHECK}": "'.encode() in data
    *lines, rest = data.split(b"\n")
    for number, text in enumerate([*lines, rest] if rest else lines, 1):
        try:
            row = parse_json(text, dict, f"line {number}", nan=True)
        except AimkitError:
            # Nothing follows the end of the last line, unless its writer was killed.
            yield {}, f"line {number} is damaged" if number <= len(lines) else UNFINISHED
            continue
        told = row.pop(CHECK, None)
        # Earlier versions wrote no checksums at all. Where the word itself was hit, its value stands under another.
        good = told == _check(row) if has_checks else told is None and not _has_check(row)
        yield row, "" if good else f"line {number} changed since it was written"


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Add a row to a journal; what a killed run began to write is removed.

    Raises:
        AimkitError: The file can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            if file.tell() and not _is_ended(file):
                data = path.read_bytes()
                file.truncate(data.rfind(b"\n") + 1)
            file.write(line(row).encode())
    except OSError as error:
        raise write_error(error, path) from None


def _is_ended(file: BinaryIO) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _has_check(row: Mapping[str, Any]) -> bool:
    """Whether the last value of a row is the checksum of the others."""
    *others, last = row.items() or [("", "")]
    return last[1] == _check(dict(others))


def _check(row: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(row, sort_keys=True).encode()):08x}"
