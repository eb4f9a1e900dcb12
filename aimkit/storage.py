"""Local paths and URLs behind one interface: resolving what the user wrote, and reading files of both kinds.

A :class:`aimkit.remote.Remote` has the methods of :class:`pathlib.Path` that aimkit reads with, so a function that
takes a :data:`Place` works with both. Writing differs: a local file becomes atomic by renaming, an object in a store
always is.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from aimkit import redact
from aimkit.errors import AimkitError
from aimkit.home import expand_home
from aimkit.remote import EXTRAS, Remote, check_kind, file_system

#: A file or folder, local or behind a URL.
Place = Path | Remote

#: Bytes of a path and of a name in it that every common system takes.
_LONGEST_PATH, _LONGEST_NAME = 4096, 255
#: Keys of object stores' listings that change with the object; the first one present is used.
_STAMPS = ("ETag", "etag", "md5Hash", "crc32c", "mtime", "LastModified", "created")
_BLOCK = 1 << 20
#: Number of files fetched at a time.
_BATCH = 64


def place(path: str | os.PathLike[str] | Remote, where: str = "") -> Place:
    """Resolve a local path or a URL: expands ``~`` and ``${NAME}``; ``file://`` is a local path.

    Args:
        path: Path or URL.
        where: Place in the user's input, for error messages.

    Raises:
        AimkitError: An environment variable is not set, or a secret one would be sent over the network; the kind of URL
            is not supported or needs a missing package; or the path is too long.
    """
    if isinstance(path, Remote):
        return path
    # Errors show what the user wrote: the values of variables may be nobody's business.
    shown = where or os.fspath(path)
    text = fill(path, where)
    kind, sign, rest = text.partition("://")
    if not sign or kind == "file":
        return local(rest if sign else text, shown)
    check_kind(kind, shown)
    fill_url(path, where)
    if redact.MASK in text.partition("@")[0] and "@" in text:
        hint = "write them as ${NAME}: an environment variable is stored by its name, not by its value"
        raise AimkitError("the credentials of this URL were masked when it was stored", shown, hint)
    if len(os.fsencode(text)) > _LONGEST_PATH:
        raise AimkitError(f"the URL is longer than {_LONGEST_PATH} bytes", f"{shown[:80]}...")
    file_system(kind, shown)
    return Remote(text.rstrip("/"))


def local(text: str, where: str = "") -> Path:
    """A local path with ``~`` expanded.

    Raises:
        AimkitError: The path or a name in it is longer than file systems take, or has characters that no name can have.
    """
    shown = (where or text) if len(where or text) <= 200 else f"{(where or text)[:80]}..."
    try:
        lengths = [len(os.fsencode(name)) for name in text.split("/")]
        if "\0" in text:
            raise ValueError
    except ValueError:  # also a lone surrogate, which no file name decodes to
        raise AimkitError("the path has characters that no file name can have", ascii(shown)) from None
    if max(lengths) > _LONGEST_NAME:
        raise AimkitError(f"a name in the path has {max(lengths)} bytes, {_LONGEST_NAME} are possible", shown)
    if sum(lengths) + len(lengths) - 1 > _LONGEST_PATH:
        raise AimkitError(f"the path is longer than {_LONGEST_PATH} bytes", shown)
    return expand_home(text, shown)


def fill_url(url: str | os.PathLike[str], where: str = "") -> str:
    """Replace ``${NAME}`` in a URL that will be requested; its credentials are masked in messages from here on.

    Raises:
        AimkitError: A variable is not set, or looks like a secret that the URL would send to somebody.
    """
    text = fill(url, where)
    _keep_secrets(os.fspath(url), text.partition("://")[0], where)
    redact.remember(text)
    return text


def fill(path: str | os.PathLike[str], where: str = "") -> str:
    """Replace ``${NAME}`` in a text by environment variables.

    Raises:
        AimkitError: A variable is not set.
    """
    text = os.fspath(path)
    for name in re.findall(r"\$\{(\w+)\}", text):
        if name not in os.environ:
            raise AimkitError(f"the environment variable {name} is not set", where or text, _unset(name))
        redact.remember_variable(name)
    return re.sub(r"\$\{(\w+)\}", lambda match: os.environ[match[1]], text)


def _unset(name: str) -> str:
    option = {"CUTOUTS": "--foregrounds", "FOREGROUNDS": "--foregrounds", "BACKGROUNDS": "--backgrounds"}.get(name)
    return f"export {name}=/your/folder" + (f", or {option} DIR" if option else "")


def _keep_secrets(url: str, kind: str, where: str) -> None:
    """Refuse a URL, with its variables not filled in, that would send a secret to somebody.

    A recipe may come from elsewhere, and a host reads whatever is in the URLs that are asked of it. Object stores are
    told credentials in the user info; the host of all of them is known.
    """
    if kind == "memory":
        return
    told = re.sub(r"^\w+://[^/]*@", "", url) if kind in EXTRAS else url
    allowed = {name.strip() for name in os.environ.get("AIMKIT_ALLOW_VARIABLES", "").split(",")}
    for name in re.findall(r"\$\{(\w+)\}", told):
        if redact.looks_secret(name) and name not in allowed:
            what = f"the variable {name} looks like a secret, and this URL would send it over the network"
            raise AimkitError(what, where or url, f"take it out, or allow it by name: AIMKIT_ALLOW_VARIABLES={name}")


def check_regular(path: Place) -> None:
    """Refuse what could keep a reader waiting for ever, such as a pipe or a device.

    Raises:
        OSError: The path exists and is not a regular file.
    """
    if isinstance(path, Path) and path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def read_range(path: Place, start: int, stop: int) -> bytes:
    """Read bytes ``start`` to ``stop - 1`` of a file."""
    if isinstance(path, Remote):
        return path.read_range(start, stop)
    check_regular(path)
    with path.open("rb") as file:
        # No more than there is: the numbers may come from a damaged file.
        stop = min(stop, os.fstat(file.fileno()).st_size)
        file.seek(start)
        return file.read(max(0, stop - start))


def read_each(root: Place, names: Iterable[str]) -> Iterator[bytes]:
    """Read files below a folder, in the given order; behind a URL, several are fetched at a time."""
    if isinstance(root, Path):
        for name in names:
            check_regular(root / name)
            yield (root / name).read_bytes()
        return
    rest = iter(names)
    while batch := list(islice(rest, _BATCH)):
        for name, found in zip(batch, root.fetch(batch), strict=True):
            if isinstance(found, FileNotFoundError):
                raise FileNotFoundError(str(root / name)) from found
            yield found


def names(root: Place) -> set[str]:
    """Relative paths of all files below a folder; empty if the folder does not exist."""
    if isinstance(root, Remote):
        return {file.url[len(root.url) + 1 :] for file in root.walk()}
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def measure(path: Place) -> tuple[int, str]:
    """Size in bytes and SHA-256 (hex) of a file.

    Raises:
        FileNotFoundError: The file does not exist.
    """
    digest, size = hashlib.sha256(), 0
    for block in blocks(path):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()


def blocks(path: Place) -> Iterator[bytes]:
    """Read a file in blocks."""
    check_regular(path)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def stamp(path: Place) -> str:
    """A text that changes with the file's content, made without reading it."""
    if isinstance(path, Remote):
        info = path.details()
        return f"{path}:{info.get('size')}:{next((info[key] for key in _STAMPS if key in info), '')}"
    stat = path.stat()
    return f"{path}:{stat.st_size}:{stat.st_mtime_ns}"
