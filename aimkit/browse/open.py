"""Opening a set to browse: by a path, a URL, or as ``hf:NAME``."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from aimkit.browse.browsed import BrowsedItem, BrowsedPlanes, BrowsedSet, look_at_files, named
from aimkit.datasets.columns import find_column, is_type, row_names, text_column, type_column
from aimkit.datasets.huggingface import encoded_image, image_columns, open_table
from aimkit.datasets.inspect import stats
from aimkit.datasets.lock import NAME as LOCK
from aimkit.datasets.reader import Dataset, open_dataset
from aimkit.datasets.writers.record import SampleRecord, decode
from aimkit.errors import AimkitError
from aimkit.json_files import parse_json
from aimkit.lint.collect import dataset_target, folder_target
from aimkit.lint.item import LintItem, LintRole, LintTarget
from aimkit.recipe import expand
from aimkit.storage import Place, place
from aimkit.types import ImageType

#: What marks a folder of ``save_to_disk``, and the files that are tables.
_SAVED = ("dataset_dict.json", "dataset_info.json")
_TABLES = (".parquet", ".arrow", ".tar")


def open_browsed(name: str, split: str = "") -> BrowsedSet:
    """Open a dataset that aimkit wrote, a folder of any layout, a table's file or folder, or ``hf:NAME`` of the hub.

    Args:
        name: The path, URL or name.
        split: Split of a table that has several.

    Raises:
        AimkitError: There is nothing of that name, or nothing to look at in it.
    """
    if name.startswith("hf:"):
        return table_set(name.removeprefix("hf:"), split, name)
    root = place(name)
    if root.is_dir() and (root / LOCK).is_file():
        return dataset_set(root)
    if isinstance(root, Path) and _is_table(root):
        return table_set(str(root), split, str(root))
    if not root.is_dir():
        hint = "name a folder, a dataset that aimkit wrote, or a Hugging Face dataset as hf:NAME"
        raise AimkitError("folder not found" if not root.exists() else "this file is not a table", str(root), hint)
    return folder_set(root)


def folder_set(root: Place) -> BrowsedSet:
    """A folder of any layout, see :func:`aimkit.lint.collect.folder_target`.

    Raises:
        AimkitError: It holds no pictures.
    """
    target = folder_target(root)
    if not target.items:
        raise AimkitError("the folder has no images", str(root))
    return BrowsedSet(str(root), "folder", named(target.items), target, look_at_files)


def dataset_set(root: Place) -> BrowsedSet:
    """A dataset that aimkit wrote: with types, categories and sources of every sample.

    Raises:
        AimkitError: It is damaged, or has no finished shard.
    """
    opened = open_dataset(root)
    target = dataset_target(root)
    items = []
    for position, item in enumerate(target.items):
        head = opened.record(position, planes=False)
        kind = ImageType(head.type) if is_type(head.type) else None
        item = LintItem(item.name, item.role, item.files, item.sources, item.group, type=kind, category=head.category)
        items.append(BrowsedItem(position, item, _sources(head), (_stem(opened, head.index),)))
    target.items = [item.lint for item in items]
    summed = stats.total(opened.sidecars())
    tables: list[tuple[str, Sequence[str], Sequence[Sequence[Any]]]]
    tables = [("statistics", stats.COLUMNS, stats.rows(summed["types"]))]
    licences = stats.source_rows(summed["sources"])
    if licences:
        tables.append(("licences", ("role", "source", "licence", "origin", "uses"), licences))
    # Shards keep one open file each, which threads can't share.
    look = partial(_look_at_sample, opened, threading.Lock())
    return BrowsedSet(str(root), "dataset", items, target, look, tables)


def table_set(path: str, split: str, title: str) -> BrowsedSet:
    """A Hugging Face dataset, local or on the hub: its columns of pictures and mattes, found by their usual names.

    Raises:
        AimkitError: It can't be opened, or has no column of images.
    """
    dataset, where = open_table(path, split=split)
    columns = {role: find_column(dataset, None, role, where) for role in ("foreground", "image", "alpha", "id")}
    colours = columns["foreground"] if columns["alpha"] and columns["foreground"] else columns["image"]
    colours = colours or columns["foreground"] or find_column(dataset, None, "background", where)
    if not colours:
        raise AimkitError("the dataset has no column of images", where, f"it has {', '.join(dataset.column_names)}")
    planes = [colours, *([columns["alpha"]] if columns["alpha"] else [])]
    role: LintRole = "single" if len(planes) == 1 else "colours" if colours == columns["foreground"] else "photo"
    types, _ = type_column(dataset, find_column(dataset, None, "type", where), stated=False)
    categories = text_column(dataset, find_column(dataset, None, "category", where), "category")
    rows, lock = image_columns(dataset, planes, where), threading.Lock()
    root = expand(path) if expand(path).exists() else None
    target = LintTarget(title)
    for row, name in enumerate(row_names(dataset, columns["id"])):
        files = (name, f"{name} (alpha)")[: len(planes)]
        sources = tuple(partial(_cell, rows, lock, row, column, where, root) for column in planes)
        kind = ImageType(types[row].strip().upper()) if is_type(types[row]) else None
        target.items.append(LintItem(name, role, files, sources, where, type=kind, category=categories[row]))
    items = [BrowsedItem(n, item, (), (item.name,)) for n, item in enumerate(target.items)]
    if not items:
        raise AimkitError("the dataset has no rows", where)
    return BrowsedSet(title, "table", items, target, look_at_files)


def _is_table(root: Path) -> bool:
    if root.is_file():
        return root.suffix in _TABLES
    if any((root / name).is_file() for name in _SAVED):
        return True
    return any(next(folder.glob("*.parquet"), None) for folder in (root, root / "data"))


def _stem(opened: Dataset, index: int) -> str:
    return opened.plan[0].stem(index)


def _sources(head: SampleRecord) -> tuple[str, ...]:
    """The sources of a sample as its provenance tells them, each once."""
    meta = parse_json(head.meta, dict, "provenance", f"sample {head.index}", "aimkit dataset verify", exit_code=1)
    told = meta.get("sources")
    rows = [row for row in told if isinstance(row, dict)] if isinstance(told, list) else []
    return tuple(dict.fromkeys(f"{row.get('role', '')}: {row.get('source', '')}" for row in rows if row.get("source")))


def _look_at_sample(opened: Dataset, lock: threading.Lock, item: BrowsedItem) -> BrowsedPlanes:
    with lock:
        record = opened.record(item.position)
    sample = decode(record)
    names = ("image", "alpha", "label", "foreground", "background")
    planes = {name: getattr(sample, name) for name in names if getattr(sample, name).size}
    facts = {"index": record.index, "type": record.type, "category": record.category, **json.loads(record.meta)}
    return BrowsedPlanes(planes, facts)


def _cell(rows: Any, lock: threading.Lock, row: int, column: str, where: str, root: Path | None) -> bytes:
    with lock:
        value = rows[row][column]
    return encoded_image(value, f"{where}, row {row}, {column}", root)
