"""``sources.json``: which files a dataset is made of, so that a run is never continued with others.

It names every stored item of every source with its digest, type and category. The lock file has its digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from aimkit.errors import AimkitError
from aimkit.json_files import LARGE, read_json
from aimkit.storage import Place

NAME = "sources.json"

#: Changes that an error lists.
_SHOWN = 12

#: Source -> item -> digest (the first 16 digits), type and category.
SourceList = Mapping[str, Mapping[str, str]]


def list_text(sources: SourceList) -> bytes:
    """The file."""
    return (json.dumps(sources, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def list_digest(sources: SourceList) -> str:
    """SHA-256 (hex) of the file; "" when no source has stored items."""
    return hashlib.sha256(list_text(sources)).hexdigest() if sources else ""


def changes(before: SourceList, now: SourceList) -> list[str]:
    """One line for every item that was added, removed, or is another."""
    lines = []
    for source in sorted({*before, *now}):
        old, new = before.get(source, {}), now.get(source, {})
        for item in sorted({*old, *new}):
            if item not in new:
                lines.append(f"{source}: {item} is gone")
            elif item not in old:
                lines.append(f"{source}: {item} is new")
            elif old[item] != new[item]:
                lines.append(f"{source}: {item} was replaced ({old[item]}, now {new[item]})")
    return lines


def check_sources(root: Place, recorded: str, now: SourceList) -> None:
    """Refuse to continue a dataset with other sources than it was begun with.

    Args:
        root: The dataset.
        recorded: The digest in its lock file; "" in datasets of older versions, which are not checked.
        now: The sources as they are.

    Raises:
        AimkitError: Items were added, removed or replaced; it names them.
    """
    if not recorded or recorded == list_digest(now):
        return
    path = root / NAME
    try:
        before: Any = read_json(path, dict, "list of sources", limit=LARGE)
        found = changes(before, now)
    except (AimkitError, AttributeError):
        found = []
    lines = found[:_SHOWN] + ([f"... and {len(found) - _SHOWN} more"] if found[_SHOWN:] else [])
    what = "\n  ".join(["the sources changed since the dataset was begun", *lines])
    raise AimkitError(what, str(path), "put them back as they were, or write to another folder")
