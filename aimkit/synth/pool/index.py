"""``index.json``: the items of a pool, and where their pictures lie."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import aimkit
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.json_files import LARGE, parsed, read_json
from aimkit.storage import Remote, place
from aimkit.synth.pool.layout import Stored
from aimkit.synth.source import Item
from aimkit.types import ImageType

NAME = "index.json"

#: Raised whenever pictures of the same originals would be stored otherwise, as when the way of halving changes.
VERSION = 1

_KIND = "aimkit pool"


@dataclass(frozen=True)
class PoolEntry:
    """An item of a pool.

    Attributes:
        role: "foreground" or "background".
        item: What provenance tells of it.
        content: Digest (hex) by which a source is divided between training and validation.
        picture: Key of its picture; several items may have the same.
    """

    role: str
    item: Item
    content: str
    picture: str

    @property
    def name(self) -> tuple[str, str, str]:
        """What is unique in a pool: role, source and id."""
        return self.role, self.item.source, self.item.id


@dataclass(frozen=True)
class Index:
    """What a pool holds.

    Attributes:
        entries: Its items by name.
        pictures: Its pictures by key.
        shards: Size in bytes of each file, by number.
        made_with: Version of aimkit that began it; "" when there is none yet.
    """

    entries: Mapping[tuple[str, str, str], PoolEntry] = field(default_factory=dict)
    pictures: Mapping[str, Stored] = field(default_factory=dict)
    shards: Mapping[int, int] = field(default_factory=dict)
    made_with: str = ""

    def of(self, role: str) -> list[PoolEntry]:
        """Items of a role in the order of the sources that they came from: source by source, sorted by id."""
        found = [entry for entry in self.entries.values() if entry.role == role]
        rank = {source: number for number, source in enumerate(dict.fromkeys(e.item.source for e in found))}
        return sorted(found, key=lambda e: (rank[e.item.source], e.item.id))

    def tidy(self) -> Index:
        """Without pictures that no item has, and files that hold none."""
        used = {entry.picture for entry in self.entries.values()}
        pictures = {key: picture for key, picture in self.pictures.items() if key in used}
        shards = {picture.shard for picture in pictures.values()}
        return replace(self, pictures=pictures, shards={n: size for n, size in self.shards.items() if n in shards})


def shard_name(number: int) -> str:
    """File name of a shard."""
    return f"pixels-{number:05d}.bin"


def pool_folder(path: str, where: str = "") -> Path:
    """The folder of a pool, with ``~`` and ``${NAME}`` filled in.

    Raises:
        AimkitError: It is a URL: memory can only be shared on one machine.
    """
    root = place(path, where)
    if isinstance(root, Remote):
        raise AimkitError("a pool must lie on a local disk", str(root), "copy it there, or build it there")
    return root


def read_index(root: Path) -> Index:
    """What a pool holds; that its files have their sizes is checked, their content is not.

    Raises:
        AimkitError: It is no pool, unfinished, of another version, or a file is missing or cut short.
    """
    path = root / NAME
    if not path.is_file():
        if not root.is_dir():
            raise AimkitError("no such pool", str(root), "aimkit pool build RECIPE -o POOL")
        if any(root.glob("*pixels-*")):
            raise AimkitError("the pool is not finished", str(root), "run the same 'aimkit pool build' again")
        raise AimkitError(f"not a pool: it has no {NAME}", str(root), "aimkit pool build RECIPE -o POOL")
    data = read_json(path, dict, "pool index", "build the pool again", limit=LARGE)
    if data.get("kind") != _KIND:
        raise AimkitError("not the index of a pool", str(path), "aimkit pool build RECIPE -o POOL")
    if data.get("version") != VERSION:
        what = f"the pool has version {data.get('version')}, this aimkit reads version {VERSION}"
        raise AimkitError(what, str(path), f"build it anew, or use aimkit {data.get('aimkit')}")
    index: Index = parsed(data, _parse, "pool index", str(path), "build the pool again")
    _check_files(root, index)
    return index


def write_index(root: Path, index: Index) -> None:
    """Write the index; from then on there is a pool."""
    data = {
        "kind": _KIND,
        "version": VERSION,
        "aimkit": index.made_with or aimkit.__version__,
        "shards": [{"file": shard_name(number), "number": number, "bytes": n} for number, n in index.shards.items()],
        "pictures": [picture.to_json() for picture in index.pictures.values()],
        "items": [_row(entry) for entry in index.entries.values()],
    }
    write_bytes(root / NAME, f"{_lines(data)}\n".encode())


def _parse(data: Mapping[str, Any]) -> Index:
    entries = (_entry(row) for row in data["items"])
    pictures = (Stored.from_json(row) for row in data["pictures"])
    index = Index(
        {entry.name: entry for entry in entries},
        {picture.key: picture for picture in pictures},
        {int(row["number"]): int(row["bytes"]) for row in data["shards"]},
        data["aimkit"],
    )
    missing = {entry.picture for entry in index.entries.values()} - index.pictures.keys()
    missing |= {picture.key for picture in index.pictures.values() if picture.shard not in index.shards}
    if missing:
        raise ValueError(f"{len(missing)} pictures are not in it")
    return index


def _check_files(root: Path, index: Index) -> None:
    for number, size in index.shards.items():
        path = root / shard_name(number)
        if not path.is_file():
            raise AimkitError("a file of the pool is missing", str(path), "copy it again, or build the pool anew")
        if path.stat().st_size != size:
            what = f"a file of the pool has {path.stat().st_size} bytes instead of {size}"
            raise AimkitError(what, str(path), "copy it again, or build the pool anew")


def _row(entry: PoolEntry) -> dict[str, Any]:
    known = {name: value for name, value in asdict(entry.item).items() if value or name in ("id", "source")}
    return {"role": entry.role, **known, "content": entry.content, "picture": entry.picture}


def _entry(row: dict[str, Any]) -> PoolEntry:
    known = {name: value for name, value in row.items() if name not in ("role", "content", "picture")}
    if "type" in known:
        known["type"] = ImageType(known["type"])
    return PoolEntry(row["role"], Item(**known), row["content"], row["picture"])


def _lines(data: Mapping[str, Any]) -> str:
    """JSON with a line for each row of a table, for people and for diff."""

    def table(rows: Iterable[Any]) -> str:
        return "[\n" + ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in rows) + "\n ]"

    values = {name: table(v) if isinstance(v, list) else json.dumps(v) for name, v in data.items()}
    return "{\n" + ",\n".join(f' "{name}": {value}' for name, value in values.items()) + "\n}"
