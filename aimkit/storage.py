"""Local paths and URLs such as ``s3://bucket/folder``, which fsspec opens, behind one interface.

A :class:`Remote` has the methods of :class:`pathlib.Path` that aimkit reads with, so a function that takes a
:data:`Place` works with both. Writing differs: a local file becomes atomic by renaming, an object in a store always is.
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
from aimkit.home import expand_home

#: Extras of aimkit that install the package for a kind of URL.
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
#: Kinds of URLs that name a host or a bucket and a file in it. fsspec has more, which are wrappers around other URLs,
#: archives, or protocols that need a connection first.
KINDS = (*_EXTRAS, "az", "abfs", "abfss", "adl", "http", "https", "hf", "memory")
_SUPPORTED = "s3://, gs://, az://, hf:// or https://"
#: Bytes of a path and of a name in it that every common system takes.
_LONGEST_PATH, _LONGEST_NAME = 4096, 255
#: Keys of object stores' listings that change with the object; the first one present is used.
_STAMPS = ("ETag", "etag", "md5Hash", "crc32c", "mtime", "LastModified", "created")
_BLOCK = 1 << 20
#: Number of files fetched at a time.
_BATCH = 64

F = TypeVar("F", bound=Callable[..., Any])


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
    _check_kind(kind, shown)
    fill_url(path, where)
    if redact.MASK in text.partition("@")[0] and "@" in text:
        hint = "put them back as ${NAME}, an environment variable: these stay as they are in what is stored"
        raise AimkitError("the credentials of this URL were masked when it was stored", shown, hint)
    if len(os.fsencode(text)) > _LONGEST_PATH:
        raise AimkitError(f"the URL is longer than {_LONGEST_PATH} bytes", f"{shown[:80]}...")
    _file_system(kind, shown)
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
    """Replace ``${NAME}`` in a URL that will be asked for; its credentials are masked in messages from here on.

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
            raise AimkitError(
                f"the environment variable {name} is not set", where or text, f"export {name}=/your/folder"
            )
        redact.remember_variable(name)
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


def _one_error(function: F) -> F:
    """Turn the exceptions of all object stores, which callers can't know, into one."""

    @wraps(function)
    def checked(self: Remote, *args: Any, **kwargs: Any) -> Any:
        try:
            return function(self, *args, **kwargs)
        except AimkitError:
            raise
        except FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self)) from None
        except Exception as error:
            what = f"the object store failed: {type(error).__name__}: {error}"
            raise AimkitError(what, self.url, "check the URL, the credentials and the network", exit_code=1) from None

    return cast(F, checked)


@dataclass(frozen=True, order=True)
class Remote:
    """A file or folder behind a URL.

    Reading a missing file raises FileNotFoundError; every other failure of the store raises AimkitError.

    Attributes:
        url: The URL without a trailing slash.
        info: The store's listing entry of the file, if known; it saves a request.
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
        """The suffix of the name with its dot, or ""."""
        return Path(self.name).suffix

    @property
    def alone(self) -> bool:
        """Whether it exists in this process only."""
        return self.url.startswith("memory://")

    @_one_error
    def is_file(self) -> bool:
        """Whether it is a file."""
        return bool(self._store().isfile(self.url))

    @_one_error
    def is_dir(self) -> bool:
        """Whether it is a folder that is not empty."""
        return bool(self._store().isdir(self.url))

    def exists(self) -> bool:
        """Whether it is a file or a folder."""
        return self.is_file() or self.is_dir()

    @_one_error
    def iterdir(self) -> Iterator[Remote]:
        """Files and folders directly below it; empty if the folder does not exist."""
        store = self._store()
        found = store.find(self.url, maxdepth=1, withdirs=True, detail=True)
        return iter([entry for entry in self._below(found) if entry.url != self.url])

    @_one_error
    def walk(self) -> list[Remote]:
        """All files below it, sorted; empty if the folder does not exist."""
        return self._below(self._store().find(self.url, detail=True))

    def _below(self, found: Mapping[str, Any]) -> list[Remote]:
        """Entries of a listing, which uses the store's own names, as URLs below this one."""
        own = str(self._store()._strip_protocol(self.url)).rstrip("/")
        rests = {name.rstrip("/").removeprefix(own): info for name, info in found.items()}
        return sorted(Remote(self.url + rest, info) for rest, info in rests.items())

    @_one_error
    def details(self) -> Mapping[str, Any]:
        """The store's listing entry of the file."""
        return self.info if self.info is not None else cast(Mapping[str, Any], self._store().info(self.url))

    @_one_error
    def read_bytes(self) -> bytes:
        """Read the whole file."""
        return cast(bytes, self._store().cat_file(self.url))

    def read_text(self, encoding: str = "utf-8") -> str:
        """Read the whole file as text."""
        return self.read_bytes().decode(encoding)

    @_one_error
    def read_range(self, start: int, stop: int) -> bytes:
        """Read bytes ``start`` to ``stop - 1``."""
        return cast(bytes, self._store().cat_file(self.url, start=start, end=stop))

    @_one_error
    def fetch(self, names: Sequence[str]) -> list[bytes | FileNotFoundError]:
        """Read several files below this folder at once; a missing file gives a FileNotFoundError in its place."""
        paths = [f"{self.url}/{name}" for name in names]
        found: list[Any] = self._store().cat_ranges(paths, None, None, on_error="return")
        for one in found:
            if isinstance(one, Exception) and not isinstance(one, FileNotFoundError):
                raise one
        return found

    @_one_error
    def open(self, mode: str = "rb", **options: Any) -> Any:
        """Open the file for reading; ``options`` are fsspec's."""
        return self._store().open(self.url, mode, **options)

    @_one_error
    def upload(self, files: Mapping[str, Path]) -> None:
        """Upload local files below this folder, by relative path; several at a time if the store can."""
        store = self._store()
        targets = [store._strip_protocol(f"{self.url}/{name}") for name in files]
        store.put([str(path) for path in files.values()], targets)

    @_one_error
    def unlink(self) -> None:
        """Remove the file."""
        self._store().rm_file(self.url)

    def _store(self) -> Any:
        # Worker processes get a Remote that another process made.
        redact.remember(self.url)
        return _file_system(self.url.partition("://")[0], self.url)


#: A file or folder, local or behind a URL.
Place = Path | Remote


def _check_kind(kind: str, where: str) -> None:
    if kind in KINDS:
        return
    import fsspec

    hint = f"give a local path, or a URL of {_SUPPORTED}; copy or unpack the files first"
    if kind.split(":")[0] in fsspec.available_protocols():
        raise AimkitError(f"URLs of the kind {kind}:// are not supported", where, hint)
    raise AimkitError(f"unknown kind of URL '{kind[:40]}://'", where, f"give a local path, or a URL of {_SUPPORTED}")


def _file_system(kind: str, where: str) -> Any:
    # Not kept here: fsspec caches one file system per process and thread, so nothing is shared across a fork. Listings
    # are not cached, since other machines write to the same folder.
    import fsspec

    try:
        return fsspec.filesystem(kind, use_listings_cache=False)
    except ImportError as error:
        package = f"pip install 'aimkit[{_EXTRAS[kind]}]'" if kind in _EXTRAS else str(error)
        raise AimkitError(f"{kind}:// needs a package that is not installed", where, package) from None
    except Exception as error:  # Stores that want options raise any kind.
        what = f"can't open the store: {type(error).__name__}: {str(error)[:200]}"
        raise AimkitError(what, where, "check the URL and the store's settings in the environment") from None
