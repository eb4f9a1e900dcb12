"""Foregrounds and backgrounds in a packed pool: already decoded and downscaled, and shared by all processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from aimkit.bounds import Names, Text
from aimkit.errors import AimkitError
from aimkit.registry import did_you_mean
from aimkit.synth.pool.index import PoolEntry, pool_folder, read_index
from aimkit.synth.pool.layout import Stored
from aimkit.synth.pool.shard import Shards
from aimkit.synth.pyramid import ImagePyramid, ShadowPyramid
from aimkit.synth.source import BackgroundBlock, ForegroundBlock, Item, background_sources, foreground_sources
from aimkit.synth.sources.split import SplitBlock, used
from aimkit.types import Float, Foreground, to_float


class PoolBlock(SplitBlock):
    """Keys of both pool sources.

    The provenance keeps the names, licences and origins of the pool's items; ``licence`` and ``origin`` of the table
    are used for items that have none.

    Attributes:
        path: Folder of the pool; ``~`` and ``${NAME}`` are expanded.
        sources: Names of the sources, at the time the pool was built, whose items are used; all when empty.
    """

    path: Text
    sources: Names = Field(default_factory=list)


class PoolForegrounds(PoolBlock, ForegroundBlock):
    """Foregrounds of a pool.

    Attributes:
        type: Image type of the foregrounds that are used; "infer" uses all types.
        category: Category of foregrounds without one.
    """

    source: Literal["pool"] = "pool"


class PoolBackgrounds(PoolBlock, BackgroundBlock):
    """Backgrounds of a pool."""

    source: Literal["pool"] = "pool"


@dataclass
class Packed:
    """Items of a pool; see :class:`aimkit.synth.source.ForegroundSource`.

    Attributes:
        items: What can be loaded.
        pictures: Picture of every item, in the same order.
        shards: The pool's files.
        shadows: Shadow layer of every item, in the same order, or None.
        mapped: Pictures are memory-mapped: opening one costs nothing, and all processes share its pages.
    """

    items: Sequence[Item]
    pictures: Sequence[Stored]
    shards: Shards
    shadows: Sequence[Stored | None] = ()
    mapped: ClassVar[bool] = True

    def picture(self, position: int) -> ImagePyramid:
        """Open a picture as views of its file; nothing is read yet."""
        return self.shards.picture(self.pictures[position])

    def shadow(self, position: int) -> ShadowPyramid | None:
        """Open the shadow layer of a foreground; None when it has none."""
        stored = self.shadows[position]
        found = None if stored is None else self.shards.picture(stored)
        assert found is None or isinstance(found, ShadowPyramid)
        return found


class PackedForegrounds(Packed):
    """Packed foregrounds."""

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
        """Read a picture; ``size`` and ``rng`` are not used."""
        color, alpha = self.picture(position).level(0)
        item = self.items[position]
        assert item.type is not None
        assert alpha is not None
        return Foreground(to_float(color), to_float(alpha), item.type, item.category)


class PackedBackgrounds(Packed):
    """Packed backgrounds."""

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> Float:
        """Read a picture; ``size`` and ``rng`` are not used."""
        return to_float(self.picture(position).level(0)[0])


@foreground_sources.register("pool", params=PoolForegrounds)
def packed_foregrounds(block: PoolForegrounds) -> PackedForegrounds:
    """The foregrounds of a packed pool ('aimkit pool build')."""
    return PackedForegrounds(*_open(block, "foreground", block.category, block.type))


@background_sources.register("pool", params=PoolBackgrounds)
def packed_backgrounds(block: PoolBackgrounds) -> PackedBackgrounds:
    """The backgrounds of a packed pool ('aimkit pool build')."""
    return PackedBackgrounds(*_open(block, "background"))


def _open(
    block: PoolForegrounds | PoolBackgrounds, role: str, category: str = "", type: str = "infer"
) -> tuple[list[Item], list[Stored], Shards, list[Stored | None]]:
    """Select the items of a role that match the block.

    Raises:
        AimkitError: The folder is not a pool, or no item matches.
    """
    root = pool_folder(block.path, block.title)
    index = read_index(root)
    there = index.of(role)
    chosen = _of_side(_of_sources(there, block, role, root), block)
    chosen = [entry for entry in chosen if type in ("infer", str(entry.item.type))]
    if not chosen:
        have = ", ".join(sorted({f"{entry.item.source} ({entry.item.type or role})" for entry in there}))
        hint = f"it has {have}" if have else f"it has no {role}s"
        raise AimkitError(f"no {role} of the pool matches the table", f"{block.title}, {root}", hint)
    items = [_completed(entry.item, block, category) for entry in chosen]
    shadows = [index.pictures.get(entry.shadow) for entry in chosen]
    return items, [index.pictures[entry.picture] for entry in chosen], Shards(root), shadows


def _of_sources(entries: list[PoolEntry], block: PoolBlock, role: str, root: Path) -> list[PoolEntry]:
    known = {entry.item.source for entry in entries}
    for name in block.sources:
        if name not in known:
            raise AimkitError(f"the pool has no {role} source '{name}'", str(root), did_you_mean(name, known))
    return [entry for entry in entries if not block.sources or entry.item.source in block.sources]


def _of_side(entries: list[PoolEntry], block: PoolBlock) -> list[PoolEntry]:
    """Items on the block's side of the split; each source is divided as it would be without a pool."""
    if block.split == "all" and block.first is None:
        return entries
    chosen = []
    for source in dict.fromkeys(entry.item.source for entry in entries):
        own = [entry for entry in entries if entry.item.source == source]
        mine = used([entry.content for entry in own], block, f"{block.path}, {source}")
        chosen += [entry for entry, is_used in zip(own, mine, strict=True) if is_used]
    return chosen


def _completed(item: Item, block: PoolForegrounds | PoolBackgrounds, category: str) -> Item:
    return replace(
        item,
        category=item.category or category,
        licence=item.licence or block.licence,
        origin=item.origin or block.origin,
    )
