"""Inspecting and verifying a pool."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aimkit.digests import is_changed
from aimkit.errors import AimkitError
from aimkit.json_files import LARGE, read_json
from aimkit.synth.pool.index import NAME, Index, read_index, shard_name
from aimkit.synth.pool.layout import aligned, sizes

_BLOCK = 1 << 20

#: Columns of :func:`source_rows`.
COLUMNS = ("role", "source", "type", "licence", "origin", "items")


def facts(root: Path, index: Index) -> dict[str, Any]:
    """Numbers that describe a pool, as plain JSON values."""
    held = sum(index.shards.values())
    used = sum(aligned(picture.nbytes) for picture in index.pictures.values())
    pictures = index.pictures.values()
    largest = max(((p.height, p.width) for p in pictures), key=lambda size: size[0] * size[1], default=(0, 0))
    return {
        "path": str(root),
        "items": len(index.entries),
        "foregrounds": len(index.of("foreground")),
        "backgrounds": len(index.of("background")),
        "types": dict(sorted(Counter(str(e.item.type) for e in index.of("foreground")).items())),
        "pictures": len(pictures),
        "largest": list(largest),
        "levels": max((len(sizes(p.height, p.width)) for p in pictures), default=0),
        "mattes": dict(sorted(Counter(p.matte for p in pictures if p.matte).items())),
        "aimkit": index.made_with,
        "files": len(index.shards),
        "bytes": held,
        "unused bytes": max(0, held - used),
    }


def source_rows(index: Index) -> list[tuple[Any, ...]]:
    """Rows with the columns of :data:`COLUMNS`: the number of items by source, type and licence."""
    counts = Counter(
        (e.role, e.item.source, str(e.item.type or ""), e.item.licence, e.item.origin) for e in index.entries.values()
    )
    return [(*key, number) for key, number in sorted(counts.items(), key=lambda row: (row[0][0] != "foreground", row))]


def verify(root: Path, advance: Callable[[int], None] = lambda amount: None) -> Iterator[str]:
    """Read every byte of a pool and compare the digests.

    Args:
        root: Folder of the pool.
        advance: Called with 1 after each picture.

    Yields:
        One line per damaged picture, with the items that use it.

    Raises:
        AimkitError: The index can't be read, or a file is missing or has the wrong size.
    """
    index = read_index(root)
    data = read_json(root / NAME, dict, "pool index", limit=LARGE)
    if is_changed(data):
        yield f"{NAME}: changed since it was written"
    names: dict[str, list[str]] = {}
    for entry in index.entries.values():
        for key in entry.keys:
            names.setdefault(key, []).append("/".join(entry.name))
    for number in sorted(index.shards):
        path = root / shard_name(number)
        own = [picture for picture in index.pictures.values() if picture.shard == number]
        try:
            with path.open("rb") as file:
                for picture in sorted(own, key=lambda picture: picture.offset):
                    if _digest(file, picture.offset, picture.nbytes) != picture.digest:
                        who = ", ".join(names[picture.key])
                        yield f"{path.name}: {who}: the pixels changed since they were written"
                    advance(1)
        except OSError as error:
            raise AimkitError(f"can't read a file of the pool: {error.strerror}", str(path), exit_code=1) from None


def _digest(file: Any, offset: int, size: int) -> str:
    digest = hashlib.sha256()
    file.seek(offset)
    while size > 0 and (block := file.read(min(size, _BLOCK))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()
