"""Digests of files: of one, or of a folder's in a JSON file beside them. One changed bit is noticed and named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aimkit.errors import AimkitError
from aimkit.json_files import read_json
from aimkit.paths import inside
from aimkit.storage import Place, measure

_FILES, _DIGEST = "files", "digest"


def sha256(path: Place) -> str:
    """SHA-256 of a file, hex.

    Raises:
        OSError: It can't be read, or is not a regular file.
    """
    return measure(path)[1]


def sealed(content: Mapping[str, Any], folder: Path, names: Iterable[str]) -> dict[str, Any]:
    """Add the digests of files, and one of the content itself.

    Args:
        content: What the JSON file says besides; JSON values only.
        folder: Folder of the files.
        names: Paths of the files, relative to the folder.
    """
    rows = {name: dict(zip(("size", "sha256"), measure(folder / name), strict=True)) for name in sorted(names)}
    return with_digest({**content, _FILES: rows})


def unsealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """The content alone."""
    return {name: value for name, value in record.items() if name not in (_FILES, _DIGEST)}


def problems(record_file: Path, names: Iterable[str] | None = None) -> list[str]:
    """What has changed since a JSON file was sealed, one line a file; nothing for a file without digests.

    Args:
        record_file: The JSON file; the files lie in its folder.
        names: The files to check; all that are listed when None.

    Raises:
        AimkitError: The JSON file is missing or is no JSON.
    """
    record = read_json(record_file, dict, "list of digests", "restore the file from a copy")
    rows = record.get(_FILES)
    if rows is None and _DIGEST not in record:
        return []
    if not isinstance(rows, dict) or digest_of(record) != record.get(_DIGEST):
        return [f"{record_file.name}: changed since it was written"]
    found = []
    for name in sorted(rows if names is None else set(rows) & set(names)):
        path, row = inside(record_file.parent, name, record_file), rows[name]
        try:
            size, digest = measure(path)
        except OSError as error:
            found.append(f"{name}: {error.strerror or error}")
            continue
        if row != {"size": size, "sha256": digest}:
            found.append(f"{name}: changed since it was written ({size:,} bytes, sha256 {digest[:12]}...)")
    return found


def check(record_file: Path, names: Iterable[str] | None = None, hint: str = "") -> None:
    """Raise when :func:`problems` finds any.

    Raises:
        AimkitError: A file was changed or is missing; the message names all of them.
    """
    found = problems(record_file, names)
    if found:
        what = found[0] if len(found) == 1 else f"{len(found)} files changed:\n  " + "\n  ".join(found)
        raise AimkitError(what, str(record_file.parent), hint, exit_code=1)


def with_digest(content: Mapping[str, Any]) -> dict[str, Any]:
    """Add the digest of JSON values under the key ``digest``."""
    return {**content, _DIGEST: digest_of(content)}


def is_changed(record: Mapping[str, Any]) -> bool:
    """Whether a record is not what its digest says; earlier versions wrote none."""
    return _DIGEST in record and record[_DIGEST] != digest_of(record)


def digest_of(content: Mapping[str, Any]) -> str:
    """Digest (hex) of JSON values, without the one that they hold."""
    rest = {name: value for name, value in content.items() if name != _DIGEST}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
