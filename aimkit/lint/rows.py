"""Rows of Hugging Face datasets, local or on the hub, as pictures to check."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from aimkit.datasets.columns import find_column, is_type, text_column, type_column
from aimkit.datasets.exclude import ExcludeList, without_suffix
from aimkit.datasets.huggingface import encoded_image, image_columns, open_splits, open_table
from aimkit.errors import AimkitError
from aimkit.lint.item import LintItem, LintRole, LintTarget, split_of
from aimkit.recipe import expand
from aimkit.types import ImageType

#: Begins the names of datasets on the hub; a local folder or file may follow it too.
HUB = "hf:"

_ROLES = ("foreground", "image", "alpha", "type", "id")


def table_target(name: str) -> LintTarget:
    """List the rows of all splits of a dataset, ``hf:NAME``; splits named train, validation and test are such.

    Raises:
        AimkitError: The dataset can't be loaded, or has no column of images.
    """
    target = LintTarget(name)
    path = name.removeprefix(HUB)
    splits, where = open_splits(path)
    for split, dataset in splits.items():
        title = f"{split}/" if split else ""
        _add(target, dataset, where, path, {}, title, split=split_of(f"{title}row"))
    return target


def add_table(
    target: LintTarget, block: Any, split: str, role: str, exclude: ExcludeList, kind: ImageType | None = None
) -> None:
    """Add the rows that a recipe's source "huggingface" reads.

    Args:
        target: What is completed.
        block: The source's table.
        split: The split that all rows belong to, or "".
        role: "foregrounds" or "backgrounds".
        exclude: Rows to leave out, see :func:`aimkit.datasets.exclude.read_exclude`.
        kind: Image type of all rows, or None.
    """
    dataset, where = open_table(block.path, block.subset, block.part, block.revision)
    if role == "backgrounds":
        named = {"background": block.column or None}
    else:
        named = block.columns.model_dump()
    start = len(target.items)
    _add(target, dataset, where, block.path, named, f"{block.title}: ", split=split, kind=kind)
    ids = [row.name.removeprefix(f"{block.title}: ") for row in target.items[start:]]
    gone = exclude.select([(one, without_suffix(one)) for one in ids])
    target.items[start:] = [row for one, row in zip(ids, target.items[start:], strict=True) if one not in gone]


def _add(
    target: LintTarget,
    dataset: Any,
    where: str,
    path: str,
    named: Mapping[str, str | None],
    prefix: str,
    *,
    split: str,
    kind: ImageType | None = None,
) -> None:
    if "background" in named:
        column = dict.fromkeys(_ROLES, "") | {"image": find_column(dataset, named["background"], "background", where)}
    else:
        column = {role: find_column(dataset, named.get(role), role, where) for role in _ROLES}
    columns, role = _planes(column)
    if not columns[0]:
        hint = f"its columns are {', '.join(dataset.column_names)}"
        raise AimkitError("the dataset has no column of images", where, hint)
    texts, note = type_column(dataset, column["type"], stated=bool(named.get("type")))
    target.notes += [note] if note else []
    local = expand(path)
    images = image_columns(dataset, columns, where)
    lock, root = threading.Lock(), local if local.exists() else None
    ids = text_column(dataset, column["id"], "id")
    repeated = len(set(ids)) < len(ids)
    for row, text in enumerate(texts):
        # As the source "huggingface" names them.
        name = f"{ids[row]}-{row:08d}" if repeated and ids[row] else ids[row] or f"{row:08d}"
        shown = prefix + name
        files = (shown,) if len(columns) == 1 else (f"{shown} ({columns[0]})", f"{shown} ({columns[1]})")
        planes = tuple(partial(_cell, images, lock, row, one, where, root) for one in columns)
        stated = ImageType.parse(text, where) if is_type(text) else kind
        target.items.append(LintItem(shown, role, files, planes, prefix or "rows", split, stated))


def _planes(column: Mapping[str, str]) -> tuple[tuple[str, ...], LintRole]:
    """The columns to read, and what they are together."""
    foreground, image, alpha = (column[role] for role in ("foreground", "image", "alpha"))
    if alpha and image:
        return (image, alpha), "composite" if foreground else "photo"
    if alpha and foreground:
        return (foreground, alpha), "colours"
    return (image or foreground,), "single"


def _cell(images: Any, lock: threading.Lock, row: int, column: str, where: str, root: Path | None) -> bytes:
    # Readers of local tables share one open file.
    with lock:
        value = images.select_columns([column])[row][column]
    return encoded_image(value, f"{where}, row {row}, {column}", root)
