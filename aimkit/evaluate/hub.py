"""Hugging Face datasets as evaluation sets: mirrors of published sets, and tables of others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aimkit.datasets.columns import find_column, is_type, text_column, type_column
from aimkit.datasets.exclude import without_suffix
from aimkit.datasets.huggingface import encoded_image, image_columns, open_table
from aimkit.errors import AimkitError
from aimkit.recipe import expand

#: Planes of an evaluation that may be columns.
PLANES = ("image", "alpha", "trimap")


@dataclass(frozen=True)
class TableRow:
    """The texts of a row.

    Attributes:
        id: Name of the image, without the suffix of a picture.
        type: SO, STM, NS or "".
        category: Category in small letters, or "".
    """

    id: str
    type: str
    category: str


@dataclass(frozen=True)
class EvaluationTable:
    """A dataset whose rows are the images of an evaluation.

    Attributes:
        images: The image columns, not decoded.
        columns: Column by role: image, alpha, trimap, type, category, id; "" where there is none.
        where: Name of the dataset, for errors.
        origin: Where photos, mattes, trimaps, types and categories came from, for the protocol.
        rows: The texts of every row.
        no_trimap: Rows without a trimap.
        notes: What was doubted, a sentence each.
        root: The local dataset, or None.
    """

    images: Any
    columns: Mapping[str, str]
    where: str
    origin: str
    rows: Sequence[TableRow]
    no_trimap: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()
    root: Path | None = None

    def cells(self, row: int) -> dict[str, bytes]:
        """The encoded pictures of a row by role; a row may lack a trimap.

        Raises:
            AimkitError: A cell is empty, or names a file that is not the dataset's.
        """
        cells = self.images[row]
        roles = [role for role in PLANES if self.columns[role] and not (role == "trimap" and row in self.no_trimap)]
        return {role: self._cell(cells, role, row) for role in roles}

    def _cell(self, cells: Mapping[str, Any], role: str, row: int) -> bytes:
        column = self.columns[role]
        return encoded_image(cells[column], f"{self.where}, row {row}, {column}", self.root)


def open_evaluation_table(
    path: str, split: str = "", columns: Mapping[str, str | None] | None = None
) -> EvaluationTable:
    """Open a dataset with columns of photos and mattes, and optionally of trimaps, types, categories and names.

    Columns are found by their usual names, see :data:`aimkit.datasets.columns.USUAL`.

    Args:
        path: Name on the hub, a folder or a file, as for :func:`aimkit.datasets.huggingface.open_table`.
        split: Split of the dataset; its only one if empty.
        columns: Column by role; None has it found, "" means that there is none.

    Raises:
        AimkitError: The dataset can't be loaded, is empty, has several splits, lacks photos or mattes, has duplicate
            names, or a column that the user named as that of types holds something else.
    """
    dataset, where = open_table(path, split=split)
    named = dict(columns or {})
    found = {r: find_column(dataset, named.get(r), r, where) for r in (*PLANES, "type", "category", "id")}
    for role, what in (("image", "photos"), ("alpha", "mattes")):
        if not found[role]:
            hint = f"its columns are {', '.join(dataset.column_names)}; set data.columns.{role} = ..."
            raise AimkitError(f"the dataset has no column of {what}", where, hint)
    if not len(dataset):
        raise AimkitError("the dataset is empty", where)
    types, notes = _types(dataset, found["type"], bool(named.get("type")), where)
    names = [without_suffix(name) for name in text_column(dataset, found["id"], "id")]
    categories = [text.casefold() for text in text_column(dataset, found["category"], "category")]
    rows = [
        TableRow(name or f"{row:05d}", type, category)
        for row, (name, type, category) in enumerate(zip(names, types, categories, strict=True))
    ]
    twice = [name for name, count in Counter(row.id for row in rows).items() if count > 1]
    if twice:
        hint = 'give every image its own name, or set data.columns.id = ""'
        raise AimkitError(f"{len(twice)} duplicate names, for example '{twice[0]}'", where, hint)
    planes = tuple(dict.fromkeys(found[role] for role in PLANES if found[role]))
    images = image_columns(dataset, planes, where)
    used = {
        **found,
        "type": found["type"] if any(types) else "",
        "category": found["category"] if any(categories) else "",
    }
    local = expand(path)
    name = local.name if local.exists() else path
    return EvaluationTable(
        images,
        found,
        where,
        _origin(dataset, f"hf:{name}", used),
        rows,
        _without_trimap(images, found["trimap"]),
        tuple(notes),
        local if local.exists() else None,
    )


def _types(dataset: Any, column: str, stated: bool, where: str) -> tuple[list[str], list[str]]:
    """The type of every row, or "", and notes."""
    texts, note = type_column(dataset, column, stated=stated)
    foreign = [(row, text) for row, text in enumerate(texts) if text and not is_type(text)]
    notes = [note] if note else []
    if foreign and stated:
        what = f"{len(foreign)} rows hold something else than SO, STM or NS, such as '{foreign[0][1][:40]}'"
        raise AimkitError(what, f"{where}, column '{column}', row {foreign[0][0]}", 'or set data.columns.type = ""')
    if foreign:
        example = foreign[0][1][:40]
        notes.append(f"{len(foreign)} images have no type: column '{column}' holds something else, such as '{example}'")
    return [text.upper() if is_type(text) else "" for text in texts], notes


def _origin(dataset: Any, name: str, columns: Mapping[str, str]) -> str:
    nouns = {"image": "photos", "alpha": "mattes", "trimap": "trimaps", "type": "types", "category": "categories"}
    parts = [f"{noun} of '{columns[role]}'" for role, noun in nouns.items() if columns[role]]
    lacking = [noun for role, noun in nouns.items() if not columns[role]]
    parts += [f"no {' and no '.join(lacking)}"] if lacking else []
    # The hub's client records the files that it fetched with the commit that they are of.
    files = " ".join(map(str, dataset.info.download_checksums or ()))
    commit = re.search(r"@([0-9a-f]{40})/", files)
    return f"{name}{f'@{commit[1][:12]}' if commit else ''}: {', '.join(parts)}"


def _without_trimap(images: Any, column: str) -> frozenset[int]:
    if not column:
        return frozenset()
    cells = (cell[column] for cell in images.select_columns([column]))
    return frozenset(
        row for row, cell in enumerate(cells) if not (any(cell.values()) if isinstance(cell, dict) else cell)
    )
