"""Licence, creator, category and group of every picture of a folder, as a file in the folder states them.

The file ``credits.json`` is written by ``aimkit render``, and may be written by anyone: ``{"pictures": {ID: {"licence":
..., "origin": ..., "category": ..., "group": ...}}}``, where an ID is the picture's path below the folder without its
suffix.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.json_files import read_json
from aimkit.storage import Place

#: Name of the file.
CREDITS = "credits.json"


class Credit(NamedTuple):
    """What a folder states of a picture.

    Attributes:
        licence: Its licence, or "".
        origin: Who made it, and where it is from, or "".
        category: Its category, or "".
        group: What it shows, such as a 3-D model or a person, or "". Pictures of one group are on the same side of a
            train/val split.
    """

    licence: str = ""
    origin: str = ""
    category: str = ""
    group: str = ""


def read_credits(folder: Place) -> dict[str, Credit]:
    """The statements of a folder by the picture's id; empty when it has no such file.

    Raises:
        AimkitError: The file is damaged.
    """
    path = folder / CREDITS
    if not path.is_file():
        return {}
    rows: Any = read_json(path, dict, "list of credits").get("pictures", {})
    wanted = set(Credit._fields)
    if not isinstance(rows, dict):
        raise AimkitError("the list of credits is damaged: 'pictures' is not an object", str(path))
    found = {}
    for name, row in rows.items():
        if not isinstance(row, dict) or not all(isinstance(row.get(key, ""), str) for key in wanted):
            raise AimkitError(
                f"the list of credits is damaged: the row of '{name}' is not an object of strings", str(path)
            )
        found[name] = Credit(**{key: row[key][:4096] for key in wanted & set(row)})
    return found


def all_licensed(folder: Place, ids: Iterable[str]) -> bool:
    """Whether a folder states a licence for each of these pictures; False when it has no statements."""
    stated = read_credits(folder)
    return bool(stated) and all(name in stated and stated[name].licence for name in ids)


def write_credits(folder: Path, pictures: Mapping[str, Credit]) -> None:
    """Write the statements of a folder.

    Raises:
        AimkitError: The file can't be written.
    """
    rows = {name: {k: v for k, v in pictures[name]._asdict().items() if v} for name in sorted(pictures)}
    write_bytes(folder / CREDITS, (json.dumps({"pictures": rows}, indent=1, ensure_ascii=False) + "\n").encode())
