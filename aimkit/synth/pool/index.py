"""``index.json``: the items of a pool and the location of their pictures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import aimkit
from aimkit.digests import with_digest
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.json_files import LARGE, parsed, read_json
from aimkit.remote import Remote
from aimkit.storage import Place, place
from aimkit.synth.pool.layout import Stored
from aimkit.synth.source import Item
from aimkit.types import ImageType

NAME = "index.json"

#: Raised whenever the same originals would be stored as other bytes, for example when halving changes.
VERSION = 1

_KIND = "aimkit pool"


@dataclass(frozen=True)
class PoolEntry:
    """An item of a pool.

    Attributes:
        role: "foreground" or "background".
        item: The item as the provenance describes it.
        content: Digest (hex) that decides the item's side of the train/val split.
        picture: Key of its picture; several items may share one.
        shadow: Key of its shadow layer, or "".
    """

    role: str
    item: Item
    content: str
    picture: str
    shadow: str = ""

    @property
    def keys(self) -> set[str]:
        """Keys of all that it needs."""
        return {self.picture, self.shadow} - {""}

    @property
    def name(self) -> tuple[str, str, str]:
        """The item's unique name in the pool: role, source and id."""
        return self.role, self.item.source, self.item.id


@dataclass(frozen=True)
class Index:
    """The content of a pool.

    Attributes:
        entries: Items by name.
        pictures: Pictures by key.
        shards: Size of each file in bytes, by its number.
        made_with: Version of aimkit that began the pool; "" for a new one.
    """

    entries: Mapping[tuple[str, str, str], PoolEntry] = field(default_factory=dict)
    pictures: Mapping[str, Stored] = field(default_factory=dict)
    shards: Mapping[int, int] = field(default_factory=dict)
    made_with: str = ""

    def of(self, role: str) -> list[PoolEntry]:
        """The items of a role, source by source in the order of packing, sorted by id within a source."""
        found = [entry for entry in self.entries.values() if entry.role == role]
        rank = {source: number for number, source in enumerate(dict.fromkeys(e.item.source for e in found))}
        return sorted(found, key=lambda e: (rank[e.item.source], e.item.id))

    def tidy(self) -> Index:
        """A copy without unused pictures, and without files that hold no used picture."""
        used = {key for entry in self.entries.values() for key in entry.keys}
        pictures = {key: picture for key, picture in self.pictures.items() if key in used}
        shards = {picture.shard for picture in pictures.values()}
        return replace(self, pictures=pictures, shards={n: size for n, size in self.shards.items() if n in shards})


def shard_name(number: int) -> str:
    """File name of a shard, by its number."""
    return f"pixels-{number:05d}.bin"


def is_pool(root: Place) -> bool:
    """Whether a folder has the index of a pool."""
    if not isinstance(root, Path) or not (root / NAME).is_file():
        return False
    try:
        return bool(read_json(root / NAME, dict, limit=LARGE).get("kind") == _KIND)
    except AimkitError:
        return False


def pool_folder(path: str, where: str = "") -> Path:
    """Resolve the folder of a pool: expands ``~`` and ``${NAME}``.

    Raises:
        AimkitError: The path is a URL: a pool is memory-mapped, so it must be local.
    """
    root = place(path, where)
    if isinstance(root, Remote):
        raise AimkitError("a pool must be on a local disk", str(root), "copy the pool there, or build it there")
    return root


def read_index(root: Path) -> Index:
    """Read the index of a pool and check the sizes of its files; their content is not checked.

    Raises:
        AimkitError: The folder is not a pool, the pool is unfinished or of another version, or a file is missing or
            truncated.
    """
    path = root / NAME
    if not path.is_file():
        if not root.is_dir():
            raise AimkitError("pool not found", str(root), "aimkit pool build RECIPE -o POOL")
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
    """Write the index, which completes the pool."""
    data = {
        "kind": _KIND,
        "version": VERSION,
        "aimkit": index.made_with or aimkit.__version__,
        "shards": [{"file": shard_name(number), "number": number, "bytes": n} for number, n in index.shards.items()],
        "pictures": [picture.to_json() for picture in index.pictures.values()],
        "items": [_row(entry) for entry in index.entries.values()],
    }
    write_bytes(root / NAME, f"{_lines(with_digest(data))}\n".encode())


def _parse(data: Mapping[str, Any]) -> Index:
    entries = (_entry(row) for row in data["items"])
    pictures = (Stored.from_json(row) for row in data["pictures"])
    index = Index(
        {entry.name: entry for entry in entries},
        {picture.key: picture for picture in pictures},
        {int(row["number"]): int(row["bytes"]) for row in data["shards"]},
        data["aimkit"],
    )
    missing = {key for entry in index.entries.values() for key in entry.keys} - index.pictures.keys()
    missing |= {picture.key for picture in index.pictures.values() if picture.shard not in index.shards}
    if missing:
        raise ValueError(f"{len(missing)} pictures are not in it")
    return index


def _check_files(root: Path, index: Index) -> None:
    for number, size in index.shards.items():
        path = root / shard_name(number)
        if not path.is_file():
            raise AimkitError("a file of the pool is missing", str(path), "copy it again, or build the pool again")
        if path.stat().st_size != size:
            what = f"a file of the pool has {path.stat().st_size} bytes instead of {size}"
            raise AimkitError(what, str(path), "copy it again, or build the pool again")


def _row(entry: PoolEntry) -> dict[str, Any]:
    known = {name: value for name, value in asdict(entry.item).items() if value or name in ("id", "source")}
    shadow = {"shadow": entry.shadow} if entry.shadow else {}
    return {"role": entry.role, **known, "content": entry.content, "picture": entry.picture, **shadow}


def _entry(row: dict[str, Any]) -> PoolEntry:
    known = {name: value for name, value in row.items() if name not in ("role", "content", "picture", "shadow")}
    if "type" in known:
        known["type"] = ImageType(known["type"])
    return PoolEntry(row["role"], Item(**known), row["content"], row["picture"], row.get("shadow", ""))


def _lines(data: Mapping[str, Any]) -> str:
    """Format as JSON with one line per table row, which is easy to read and to diff."""

    def table(rows: Iterable[Any]) -> str:
        return "[\n" + ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in rows) + "\n ]"

    values = {name: table(v) if isinstance(v, list) else json.dumps(v) for name, v in data.items()}
    return "{\n" + ",\n".join(f' "{name}": {value}' for name, value in values.items()) + "\n}"
