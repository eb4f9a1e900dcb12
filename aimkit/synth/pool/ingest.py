"""Collecting the items of a pool: from a recipe's sources, or from folders."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from aimkit.datasets.scan_report import ScanReport
from aimkit.errors import AimkitError
from aimkit.overrides import apply_overrides
from aimkit.recipe import Block, load_recipe, parse
from aimkit.registry import did_you_mean
from aimkit.rng import rng
from aimkit.storage import Place, place
from aimkit.synth.own_data import kind_of, own_sources
from aimkit.synth.pool.index import PoolEntry
from aimkit.synth.pyramid import ImagePyramid
from aimkit.synth.recipe import BackgroundEntry, ForegroundEntry
from aimkit.synth.source import SourceBlock, background_sources, foreground_sources
from aimkit.types import to_uint8

#: Keys of a source that do not affect the pixels of an item.
_BESIDE = {
    *("path", "name", "weight", "repeat", "licence", "origin", "type", "category", "exclude", "types", "dataset"),
    *(
        "allow_missing",
        "alpha_range",
        "missing_types",
        "split",
        "val_share",
        "variants",
        "views",
        "generators",
        "subset",
        "part",
        "revision",
    ),
}


class Sources(Block):
    """The tables of the sources to pack.

    Attributes:
        seed: Seed for generators.
        foregrounds: Foreground sources.
        backgrounds: Background sources.
    """

    seed: int = 0
    foregrounds: list[ForegroundEntry] = Field(default_factory=list)
    backgrounds: list[BackgroundEntry] = Field(default_factory=list)


@dataclass(frozen=True)
class Drawing:
    """How generators are packed.

    Attributes:
        count: Number of items of each generator.
        size: (height, width) of the items in pixels.
    """

    count: int
    size: tuple[int, int]


@dataclass(frozen=True)
class Task:
    """How to make the picture of an item.

    Attributes:
        source: Index of its source in ``Ingest.sources``.
        position: Index of the item in its source.
        stream: Names of its stream of random numbers if it is generated, else ().
        shadow: Whether to make its shadow layer instead.
    """

    source: int
    position: int
    stream: tuple[str | int, ...] = ()
    shadow: bool = False


@dataclass
class Ingest:
    """The items to pack; can be pickled.

    Attributes:
        entries: All items.
        tasks: How to make each picture, by key.
        sources: (role, source) pairs that the tasks refer to.
        size: (height, width) of generated items in pixels.
    """

    entries: list[PoolEntry]
    tasks: dict[str, Task]
    sources: list[tuple[str, Any]]
    size: tuple[int, int]

    @property
    def reports(self) -> list[ScanReport]:
        """What the sources left out."""
        return [source.report for _, source in self.sources if hasattr(source, "report")]

    def make(self, key: str) -> ImagePyramid:
        """Make the picture of a key: read it from its source, or draw it and quantise it to 8 bits.

        Raises:
            AimkitError: The picture can't be read or packed.
        """
        task = self.tasks[key]
        role, source = self.sources[task.source]
        if not task.stream:
            picture: ImagePyramid = (source.shadow if task.shadow else source.picture)(task.position)
            return picture
        drawn = source.load(task.position, self.size, rng(*task.stream))  # type: ignore[arg-type]
        if role == "background":
            return ImagePyramid(to_uint8(drawn))
        if not drawn.valid:
            where = source.items[task.position].id
            raise AimkitError("the generator draws for one background only; it can't be packed", where)
        return ImagePyramid(to_uint8(drawn.color), to_uint8(drawn.alpha))


def sources_of(words: Sequence[str], *, foregrounds: str = "", mattes: str = "", backgrounds: str = "") -> Sources:
    """Parse command-line arguments: one synth recipe or several folders, and ``key=value`` pairs.

    With a recipe, the pairs are overrides; with folders, they are keys of the sources, such as ``licence=CC0-1.0``.
    Own folders replace the files of a recipe, see :func:`aimkit.synth.own_data.own_sources`.

    Raises:
        AimkitError: No recipe and no folder is given, or both are, or a key is wrong.
    """
    keys = [word for word in words if "=" in word and not Path(word).exists()]
    names = [word for word in words if word not in keys]
    folders = [name for name in names if place(name).is_dir()]
    if len(names) == 1 and not folders:
        own = {"foregrounds": foregrounds, "mattes": mattes, "backgrounds": backgrounds}
        keys += own_sources(names[0], keys, **own) if any(own.values()) else []
        recipe = load_recipe(names[0], keys, kind="synth")
        return Sources(seed=recipe.seed, foregrounds=recipe.foregrounds, backgrounds=recipe.backgrounds)
    if not names:
        raise AimkitError("missing argument RECIPE or FOLDER", hint="aimkit pool build RECIPE -o POOL")
    if foregrounds or mattes or backgrounds:
        raise AimkitError("--foregrounds, --mattes and --backgrounds need a RECIPE", hint="name one, or folders")
    if len(folders) < len(names):
        wrong = next(name for name in names if name not in folders)
        raise AimkitError("give one recipe, or folders", wrong, "add further recipes one by one with --append")
    tables: dict[str, list[dict[str, Any]]] = {"foregrounds": [], "backgrounds": []}
    for name in folders:
        table = apply_overrides({"path": name, "name": _name(place(name))}, keys)
        table["source"] = source = table.get("source") or kind_of(place(name))
        if source not in foreground_sources and source not in background_sources:
            known = [*foreground_sources.list(), *background_sources.list()]
            raise AimkitError(f"unknown source '{source}'", f"source={source}", did_you_mean(source, known))
        tables["foregrounds" if source in foreground_sources else "backgrounds"].append(table)
    return parse(Sources, tables, "arguments")


def ingest(sources: Sources, drawing: Drawing | None = None) -> Ingest:
    """Open all sources and list the items to pack.

    Args:
        sources: Tables of the sources.
        drawing: How to pack generators; None refuses procedural sources.

    Raises:
        AimkitError: A source can't be opened or packed, or two sources have the same name.
    """
    result = Ingest([], {}, [], drawing.size if drawing else (0, 0))
    for role, blocks, registry in (
        ("foreground", sources.foregrounds, foreground_sources),
        ("background", sources.backgrounds, background_sources),
    ):
        _check_names(role, blocks)
        for number, block in enumerate(blocks):
            where = f"{role}s.{number}, {block.title}"
            if block.source == "pool":
                hint = "leave it out, or build from its original sources"
                raise AimkitError("the source is already packed", where, hint)
            source = registry.get(block.source).value(block)
            result.sources.append((role, source))
            if hasattr(source, "picture"):
                found = _read(role, block, source)
            elif drawing is None:
                hint = f"add --drawn 100 to pack 100 items of each generator, or leave the source out of {role}s"
                raise AimkitError(f"the source '{block.title}' draws its {role}s", where, hint)
            else:
                found = _drawn(role, block, source, drawing, sources.seed)
            for entry, position, stream in found:
                result.entries.append(entry)
                task = Task(len(result.sources) - 1, position, stream)
                result.tasks.setdefault(entry.picture, task)
                if entry.shadow:
                    result.tasks.setdefault(entry.shadow, replace(task, shadow=True))
    return result


_Found = Iterator[tuple[PoolEntry, int, tuple[str | int, ...]]]


def _read(role: str, block: SourceBlock, source: Any) -> _Found:
    contents = getattr(source, "contents", ()) or [item.digest for item in source.items]
    for position, (item, content) in enumerate(zip(source.items, contents, strict=True)):
        origin = item.digest or f"{item.source}/{item.id}"
        # One file may hold several items.
        part = source.part(position) if hasattr(source, "part") else ()
        # The same file on another scale of mattes is another picture.
        scale = [source.mattes.unusual] if getattr(getattr(source, "mattes", None), "unusual", "") else []
        key = _key(role, _options(block), origin, *scale, *part)
        shadow = _key("shadow", key) if hasattr(source, "casts") and source.casts(position) else ""
        yield PoolEntry(role, item, content, key, shadow), position, ()


def _drawn(role: str, block: SourceBlock, source: Any, drawing: Drawing, seed: int) -> _Found:
    seen = set()
    for position, item in enumerate(source.items):
        # Variants of a generator differ only in their number.
        name = item.id.rpartition("/")[0] or item.id
        if name in seen:
            continue
        seen.add(name)
        params = source.blocks[position].model_dump(mode="json") if hasattr(source, "blocks") else {}
        for number in range(drawing.count):
            stream = (seed, "pool", role, block.title, name, number)
            key = _key(role, _options(block) | params, *stream, *drawing.size)
            yield PoolEntry(role, replace(item, id=f"{name}/{number}"), key, key), position, stream


def _options(block: SourceBlock) -> dict[str, Any]:
    """The keys of a table that affect the pixels of its pictures."""
    values = block.model_dump(mode="json").items()
    return {name: value for name, value in values if name not in _BESIDE}


def _key(*facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _check_names(role: str, blocks: Iterable[SourceBlock]) -> None:
    seen: dict[str, int] = {}
    for number, block in enumerate(blocks):
        if block.title in seen:
            what = f"two {role} sources are named '{block.title}'"
            hint = f"rename one: {role}s.{number}.name=..."
            raise AimkitError(what, f"{role}s.{seen[block.title]} and {role}s.{number}", hint)
        seen[block.title] = number


def _name(folder: Place) -> str:
    return folder.resolve().name if isinstance(folder, Path) else folder.name
