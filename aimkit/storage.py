"""Where files lie: a local path, or a URL such as ``s3://bucket/folder`` that fsspec opens.

A :class:`Remote` answers to the part of :class:`pathlib.Path` that aimkit reads with, so that a function takes a
:data:`Place` and need not know which it is. Writing differs: a local file is made whole by renaming, an object store
makes every object whole by itself.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast

from aimkit import redact
from aimkit.errors import AimkitError

#: Extras of aimkit that bring the package behind a kind of URL.
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
#: What changes when an object does, by object store: the first key that it has.
_STAMPS = ("ETag", "etag", "md5Hash", "crc32c", "mtime", "LastModified", "created")
_BLOCK = 1 << 20
#: Files that are fetched at a time.
_BATCH = 64

F = TypeVar("F", bound=Callable[..., Any])


def place(path: str | os.PathLike[str] | Remote, where: str = "") -> Place:
    """A local path or a URL, with ``~`` and ``${NAME}`` filled in; ``file://`` is a local path.

    Raises:
        AimkitError: An environment variable is not set, or a secret one would be sent over the network; or the URL's
            kind is unknown or lacks its package.
    """
    if isinstance(path, Remote):
        return path
    text = fill(path, where)
    kind, sign, rest = text.partition("://")
    if not sign or kind == "file":
        return Path(rest if sign else text).expanduser()
    _keep_secrets(os.fspath(path), kind, where)
    if redact.MASK in text.partition("@")[0] and "@" in text:
        hint = "put them back as ${NAME}, an environment variable: these stay as they are in what is stored"
        raise AimkitError("the credentials of this URL were masked when it was stored", where or text, hint)
    redact.remember(text)
    _file_system(kind, where or text)
    return Remote(text.rstrip("/"))


def fill(path: str | os.PathLike[str], where: str = "") -> str:
    """A text with ``${NAME}`` replaced by environment variables.

    Raises:
        AimkitError: One of them is not set.
    """
    text = os.fspath(path)
    for name in re.findall(r"\$\{(\w+)\}", text):
        if name not in os.environ:
            raise AimkitError(
                f"the environment variable {name} is not set", where or text, f"export {name}=/your/folder"
            )
    return re.sub(r"\$\{(\w+)\}", lambda match: os.environ[match[1]], text)


def _keep_secrets(url: str, kind: str, where: str) -> None:
    """Refuse a URL, with its variables not filled in, that would send a secret to somebody.

    A recipe may come from elsewhere, and a host reads whatever is in the URLs that are asked of it. Object stores are
    told credentials in the user info; the host of all of them is known.
    """
    if kind == "memory":
        return
    told = re.sub(r"^\w+://[^/]*@", "", url) if kind in _EXTRAS else url
    allowed = {name.strip() for name in os.environ.get("AIMKIT_ALLOW_VARIABLES", "").split(",")}
    for name in re.findall(r"\$\{(\w+)\}", told):
        if redact.looks_secret(name) and name not in allowed:
            what = f"the variable {name} looks like a secret, and this URL would send it over the network"
            raise AimkitError(what, where or url, f"take it out, or allow it by name: AIMKIT_ALLOW_VARIABLES={name}")


def read_range(path: Place, start: int, stop: int) -> bytes:
    """Bytes ``start`` to ``stop - 1`` of a file."""
    if isinstance(path, Remote):
        return path.read_range(start, stop)
    with path.open("rb") as file:
        file.seek(start)
        return file.read(stop - start)


def read_each(root: Place, names: Iterable[str]) -> Iterator[bytes]:
    """Files below a folder in the order of their names; of those behind a URL, several are fetched at a time."""
    if isinstance(root, Path):
        yield from ((root / name).read_bytes() for name in names)
        return
    rest = iter(names)
    while batch := list(islice(rest, _BATCH)):
        for name, found in zip(batch, root.fetch(batch), strict=True):
            if isinstance(found, FileNotFoundError):
                raise FileNotFoundError(str(root / name)) from found
            yield found


def names(root: Place) -> set[str]:
    """Relative paths of all files below a folder; none when there is no such folder."""
    if isinstance(root, Remote):
        return {file.url[len(root.url) + 1 :] for file in root.walk()}
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def measure(path: Place) -> tuple[int, str]:
    """Size in bytes and SHA-256 (hex) of a file.

    Raises:
        FileNotFoundError: There is none.
    """
    digest, size = hashlib.sha256(), 0
    for block in blocks(path):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()


def blocks(path: Place) -> Iterator[bytes]:
    """A file piece by piece."""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def stamp(path: Place) -> str:
    """A text that changes when the file's content does, without reading it."""
    if isinstance(path, Remote):
        info = path.details()
        return f"{path}:{info.get('size')}:{next((info[key] for key in _STAMPS if key in info), '')}"
    stat = path.stat()
    return f"{path}:{stat.st_size}:{stat.st_mtime_ns}"


def _told(function: F) -> F:
    """One error for all: every object store has exceptions of its own, and callers can't know them."""

    @wraps(function)
    def told(self: Remote, *args: Any, **kwargs: Any) -> Any:
        try:
            return function(self, *args, **kwargs)
        except AimkitError:
            raise
        except FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self)) from None
        except Exception as error:
            what = f"the store refused: {type(error).__name__}: {error}"
            raise AimkitError(what, self.url, "check the URL, the credentials and the network", exit_code=1) from None

    return cast(F, told)


@dataclass(frozen=True, order=True)
class Remote:
    """A file or folder behind a URL.

    Reading what is not there raises FileNotFoundError, anything else that the store refuses an AimkitError.

    Attributes:
        url: The URL, without a slash at its end.
        info: What a listing told of the file; it spares a question.
    """

    url: str
    info: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        """The URL for people, files and cache keys: without credentials. Only the store is given ``url``."""
        return redact.redact_urls(self.url)

    def __repr__(self) -> str:
        return f"Remote({str(self)!r})"

    def __truediv__(self, name: str) -> Remote:
        return Remote(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        """The part after the last slash; of a whole bucket, its name."""
        return str(self).rpartition("/")[2] if self.url.count("/") > 2 else str(self).rpartition("@")[2]

    @property
    def parent(self) -> Remote:
        """The part before the last slash."""
        return Remote(self.url.rpartition("/")[0])

    @property
    def suffix(self) -> str:
        """From the last point of the name on, or ""."""
        return Path(self.name).suffix

    @property
    def alone(self) -> bool:
        """Whether only this process sees it."""
        return self.url.startswith("memory://")

    @_told
    def is_file(self) -> bool:
        """Whether there is such an object."""
        return bool(self._store().isfile(self.url))

    @_told
    def is_dir(self) -> bool:
        """Whether anything lies below it."""
        return bool(self._store().isdir(self.url))

    def exists(self) -> bool:
        """Whether it is a file or a folder."""
        return self.is_file() or self.is_dir()

    @_told
    def iterdir(self) -> Iterator[Remote]:
        """What lies directly below it; nothing when there is no such folder."""
        store = self._store()
        found = store.find(self.url, maxdepth=1, withdirs=True, detail=True)
        return iter([entry for entry in self._below(found) if entry.url != self.url])

    @_told
    def walk(self) -> list[Remote]:
        """All files below it, sorted; none when there is no such folder."""
        return self._below(self._store().find(self.url, detail=True))

    def _below(self, found: Mapping[str, Any]) -> list[Remote]:
        """Entries of a listing, whose names are those of the store, under this URL."""
        own = str(self._store()._strip_protocol(self.url)).rstrip("/")
        rests = {name.rstrip("/").removeprefix(own): info for name, info in found.items()}
        return sorted(Remote(self.url + rest, info) for rest, info in rests.items())

    @_told
    def details(self) -> Mapping[str, Any]:
        """What the store knows of the file."""
        return self.info if self.info is not None else cast(Mapping[str, Any], self._store().info(self.url))

    @_told
    def read_bytes(self) -> bytes:
        """The whole file."""
        return cast(bytes, self._store().cat_file(self.url))

    def read_text(self, encoding: str = "utf-8") -> str:
        """The whole file, decoded."""
        return self.read_bytes().decode(encoding)

    @_told
    def read_range(self, start: int, stop: int) -> bytes:
        """Bytes ``start`` to ``stop - 1``."""
        return cast(bytes, self._store().cat_file(self.url, start=start, end=stop))

    @_told
    def fetch(self, names: Sequence[str]) -> list[bytes | FileNotFoundError]:
        """Files below this folder, all at once; an error stands for those that are missing."""
        paths = [f"{self.url}/{name}" for name in names]
        found: list[Any] = self._store().cat_ranges(paths, None, None, on_error="return")
        for one in found:
            if isinstance(one, Exception) and not isinstance(one, FileNotFoundError):
                raise one
        return found

    @_told
    def open(self, mode: str = "rb", **options: Any) -> Any:
        """A file object for reading; ``options`` as fsspec's."""
        return self._store().open(self.url, mode, **options)

    @_told
    def upload(self, files: Mapping[str, Path]) -> None:
        """Store local files below this folder, by relative path; many at once where the store can."""
        store = self._store()
        targets = [store._strip_protocol(f"{self.url}/{name}") for name in files]
        store.put([str(path) for path in files.values()], targets)

    @_told
    def unlink(self) -> None:
        """Remove the file."""
        self._store().rm_file(self.url)

    def _store(self) -> Any:
        # Worker processes get a Remote that another process made.
        redact.remember(self.url)
        return _file_system(self.url.partition("://")[0], self.url)


#: A file or folder, here or elsewhere.
Place = Path | Remote


def _file_system(kind: str, where: str) -> Any:
    # Asked for each time: fsspec keeps one for every process and thread, so that nothing is shared over a fork. Its
    # listings are not kept, since other machines write to the same folder.
    import fsspec

    try:
        return fsspec.filesystem(kind, use_listings_cache=False)
    except ImportError as error:
        package = f"pip install 'aimkit[{_EXTRAS[kind]}]'" if kind in _EXTRAS else str(error)
        raise AimkitError(f"{kind}:// needs a package that is not installed", where, package) from None
    except ValueError:
        raise AimkitError(
            f"unknown kind of URL '{kind}://'", where, "a local path, s3://, gs:// or another that fsspec knows"
        ) from None
