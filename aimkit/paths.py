"""Paths that come from data: every one goes through :func:`inside`, so that no file can point out of its folder.

Sidecars, metadata, indexes, archives, manifests and results are written by others. A path in one of them is joined to
a folder only here.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from aimkit.errors import AimkitError
from aimkit.remote import Remote
from aimkit.storage import Place

#: Bytes of a name that every common file system takes.
_LONGEST_NAME = 255
#: Bytes of a whole path that Linux takes.
_LONGEST_PATH = 4096

_THROUGH_LINK = "leaves its folder through a link"

P = TypeVar("P", bound=Place)


def inside(folder: P, relative: object, where: object = "") -> P:
    """Join a relative path that was read from a file to the folder that it must stay in.

    Args:
        folder: Folder or URL that the path is relative to.
        relative: What the file says; anything that is not such a path is refused, whatever its type.
        where: The file that says it, for the error; the folder when empty.

    Returns:
        The joined path. It need not exist.

    Raises:
        AimkitError: The path is absolute, climbs, has an empty or overlong name, or leads out through a link.
    """
    # A server may decode "%2e%2e" before it looks.
    texts = [relative, unquote(relative)] if isinstance(folder, Remote) and isinstance(relative, str) else [relative]
    problem = next(filter(None, map(fault, texts)), "")
    if not problem and isinstance(folder, Path):
        problem = _fault_of_links(folder, str(relative))
    if problem:
        shown = ascii(relative)[:100]
        hint = "the file is damaged, or was made to write elsewhere; get it again from a source that you trust"
        if problem == _THROUGH_LINK:
            hint = f"a download cache keeps its files behind links: cp -rL {folder} COPY; otherwise get it again"
        raise AimkitError(f"the path {shown} {problem}", str(where or folder), hint)
    return folder / str(relative)  # type: ignore[return-value]


def fault(relative: object) -> str:
    """What forbids joining a text to a folder, as the end of a sentence; "" when nothing does.

    Backslashes separate on every system: what is written here may be read on Windows.
    """
    if not isinstance(relative, str):
        return "is not a string"
    if "\0" in relative:
        return "contains a NUL"
    names = re.split(r"[/\\]", relative)
    if not relative or names == ["."]:
        return "is empty"
    if names[0] == "" or re.match(r"[A-Za-z]:", relative):
        return "is absolute"
    if ".." in names:
        return "leaves its folder"
    if "" in names or "." in names:
        return "has an empty name in it"
    try:
        lengths = [len(os.fsencode(name)) for name in names]
    except UnicodeEncodeError:
        return "has characters that no file name can have"
    if max(lengths) > _LONGEST_NAME or sum(lengths) + len(names) > _LONGEST_PATH:
        return "is too long for a file system"
    return ""


def as_text(path: object) -> str:
    """A path for people and records: bytes of a name that are not UTF-8 become ``\\xNN``.

    Python keeps such bytes as surrogates, which neither a file nor a terminal takes.
    """
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(map(_encodable, text))
    return text


def _encodable(letter: str) -> str:
    code = ord(letter)
    if not 0xD800 <= code <= 0xDFFF:
        return letter
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def _fault_of_links(folder: Path, relative: str) -> str:
    try:
        root = os.path.realpath(folder)
        # The part that exists is resolved, links at its end included; what does not exist yet can't be a link.
        target = os.path.realpath(os.path.join(root, relative))
    except OSError as error:
        return f"can't be followed: {error.strerror}"
    return "" if os.path.commonpath([root, target]) == root else _THROUGH_LINK
