"""Files and folders behind URLs such as ``s3://bucket/folder``, which fsspec opens, with the methods of a path."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from aimkit import redact
from aimkit.errors import AimkitError
from aimkit.offline import is_offline, switched_on

#: Extras of aimkit that install the package for a kind of URL.
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
#: Kinds of URLs that name a host or a bucket and a file in it. fsspec has more, which are wrappers around other URLs,
#: archives, or protocols that need a connection first.
KINDS = (*EXTRAS, "az", "abfs", "abfss", "adl", "http", "https", "hf", "memory")
_SUPPORTED = "s3://, gs://, az://, hf:// or https://"

F = TypeVar("F", bound=Callable[..., Any])


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
        return file_system(self.url.partition("://")[0], self.url)


def check_kind(kind: str, where: str) -> None:
    """Refuse a kind of URL that is not one of ``KINDS``.

    Raises:
        AimkitError: It is not.
    """
    if kind in KINDS:
        return
    import fsspec

    hint = f"give a local path, or a URL of {_SUPPORTED}; copy or unpack the files first"
    if kind.split(":")[0] in fsspec.available_protocols():
        raise AimkitError(f"URLs of the kind {kind}:// are not supported", where, hint)
    raise AimkitError(f"unknown kind of URL '{kind[:40]}://'", where, f"give a local path, or a URL of {_SUPPORTED}")


def file_system(kind: str, where: str) -> Any:
    """Open fsspec's file system for a kind of URL.

    Raises:
        AimkitError: The user forbids the network, a package is missing, or the store can't be opened.
    """
    if kind != "memory" and (switched_on("AIMKIT_OFFLINE") or (kind == "hf" and is_offline())):
        name = "AIMKIT_OFFLINE" if switched_on("AIMKIT_OFFLINE") else "HF_HUB_OFFLINE"
        raise AimkitError(f"the URL is not opened: {name} is set", where, "use a local copy", exit_code=1)
    # Not kept here: fsspec caches one file system per process and thread, so nothing is shared across a fork. Listings
    # are not cached, since other machines write to the same folder.
    import fsspec

    try:
        return fsspec.filesystem(kind, use_listings_cache=False)
    except ImportError as error:
        package = f"pip install 'aimkit[{EXTRAS[kind]}]'" if kind in EXTRAS else str(error)
        raise AimkitError(f"{kind}:// needs a package that is not installed", where, package) from None
    except Exception as error:  # Stores that want options raise any kind.
        what = f"can't open the store: {type(error).__name__}: {str(error)[:200]}"
        raise AimkitError(what, where, "check the URL and the store's settings in the environment") from None
