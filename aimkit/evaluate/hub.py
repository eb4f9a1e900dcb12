"""Hugging Face datasets as evaluation sets."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aimkit.datasets.huggingface import encoded_image
from aimkit.datasets.huggingface_files import check_own_files, hub_client
from aimkit.errors import AimkitError
from aimkit.types import ImageType


def open_table(name: str, split: str) -> tuple[Any, list[dict[str, str]]]:
    """Load a dataset with the columns image, alpha, type, category and optionally trimap.

    Args:
        name: Name on the hub, or a folder.
        split: Split of the dataset; its only one if empty.

    Returns:
        The dataset, with images not decoded, and ``id``, ``type``, ``category`` and ``stamp`` of every row.

    Raises:
        AimkitError: The dataset can't be loaded, is empty, has several splits, lacks a column, has a row without type,
            or has duplicate names.
    """
    import datasets

    if Path(name).is_dir():
        check_own_files(Path(name))
    try:
        with hub_client():
            loaded: Any = datasets.load_dataset(name, split=split or None)
    except Exception as error:
        # The hub, the file system and the dataset's code raise various errors.
        reason = str(error).strip().split("\n")[0][:200]
        raise AimkitError(f"can't load the dataset: {reason}", f"hf:{name}", "check the name") from None
    if isinstance(loaded, dict):
        if len(loaded) > 1:
            raise AimkitError("the dataset has several splits", f"hf:{name}", "data.split = " + " or ".join(loaded))
        loaded = next(iter(loaded.values()))
    missing = {"image", "alpha", "type", "category"} - set(loaded.column_names)
    if missing:
        have = ", ".join(loaded.column_names)
        raise AimkitError(f"the dataset has no column {', '.join(sorted(missing))}", f"hf:{name}", f"it has {have}")
    for column in {"image", "alpha", "trimap"} & set(loaded.column_names):
        if isinstance(loaded.features[column], datasets.Image):
            loaded = loaded.cast_column(column, datasets.Image(decode=False))
    facts = loaded.select_columns([c for c in ("id", "name", "type", "category") if c in loaded.column_names])
    entries = []
    for row, fact in enumerate(facts):
        title = str(fact.get("id") or fact.get("name") or f"{row:05d}")
        type_ = ImageType.parse(_label(loaded, "type", fact["type"]), f"hf:{name}, row {row}").value
        category = str(_label(loaded, "category", fact["category"]) or "")
        entries.append({"id": title, "type": type_, "category": category, "stamp": f"{loaded._fingerprint}:{row}"})
    twice = [name for name, count in Counter(entry["id"] for entry in entries).items() if count > 1]
    if twice:
        raise AimkitError(
            f"{len(twice)} duplicate names, for example '{twice[0]}'", f"hf:{name}", "give every image its own name"
        )
    if not entries:
        raise AimkitError("the dataset is empty", f"hf:{name}")
    return loaded, entries


def _label(table: Any, column: str, value: Any) -> Any:
    """The text of a ClassLabel's number; other values unchanged."""
    convert: Callable[[int], str] | None = getattr(table.features[column], "int2str", None)
    return convert(value) if convert and isinstance(value, int) else value


def cells(row: Mapping[str, Any], where: str, folder: Path | None) -> dict[str, bytes]:
    """The image columns of a row, encoded.

    Args:
        row: The row.
        where: Its name in errors.
        folder: Folder of a local dataset, or None. A cell that names a file may only name one of the dataset's.

    Raises:
        AimkitError: A cell holds no image, or its file can't be read or is not the dataset's.
    """
    cells = {}
    for name in ("image", "alpha", "trimap"):
        cell = row.get(name)
        if isinstance(cell, dict):
            cells[name] = encoded_image(cell, f"{where}, {name}", folder)
        elif cell is not None:
            cells[name] = _png_bytes(cell)
    return cells


def _png_bytes(picture: Any) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(np.asarray(picture, np.uint8))).save(
        buffer, "PNG"
    )
    return buffer.getvalue()
