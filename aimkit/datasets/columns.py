"""Columns of tables that others made: which one plays which role, and what its values mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from aimkit.errors import AimkitError
from aimkit.json_files import parse_json
from aimkit.registry import did_you_mean
from aimkit.types import ImageType

#: Usual names of the columns of each role, in order of preference; letter case is ignored. WebDataset keeps texts in
#: one column, ``json``. Every reader of tables goes by this one list.
USUAL: Mapping[str, tuple[str, ...]] = {
    "foreground": ("foreground", "fg"),
    "image": ("image", "photo", "original", "composite"),
    "alpha": ("alpha", "mask", "matte", "trans"),
    "trimap": ("trimap",),
    "background": ("background", "bg", "image", "photo", "original"),
    "type": ("type", "json"),
    "category": ("category", "json"),
    "id": ("name", "image_name", "id", "__key__"),
}


def find_column(dataset: Any, name: str | None, role: str, where: str) -> str:
    """Find a column by name; when ``name`` is None, the first usual one of the role, or "".

    In the usual names, letter case and the suffix of a column's name (``alpha.png``, as in WebDataset) are ignored.

    Args:
        dataset: The dataset.
        name: What the user says: a name, None to have it found, or "" for no column.
        role: Key of ``USUAL``.
        where: The dataset's name, for errors.

    Raises:
        AimkitError: The named column does not exist.
    """
    if name and name not in dataset.column_names:
        raise AimkitError(f"the dataset has no column '{name}'", where, did_you_mean(name, dataset.column_names))
    if name is not None:
        return name
    plain = {column.partition(".")[0].casefold(): column for column in reversed(dataset.column_names)}
    return next((plain[option] for option in USUAL[role] if option in plain), "")


def text_column(dataset: Any, column: str, key: str = "") -> list[str]:
    """Read a column as texts, class labels by name; whatever holds no text or number, and a column "", gives "".

    Args:
        dataset: The dataset.
        column: Name of the column, or "".
        key: Key of the value in the JSON objects of a column called "json", as in WebDataset.
    """
    if not column:
        return [""] * len(dataset)
    values = list(dataset.select_columns([column])[column])
    if column.partition(".")[0] == "json":
        values = [_member(value, key) for value in values]
    return texts_of(values, dataset.features[column])


def row_names(dataset: Any, column: str) -> list[str]:
    """Names of the rows that differ: those of a column with the row's number where they repeat, else the numbers.

    Args:
        dataset: The dataset.
        column: Name of the column, or "".
    """
    names = text_column(dataset, column, "id")
    repeated = len(set(names)) < len(names)
    return [f"{name}-{row:08d}" if repeated and name else name or f"{row:08d}" for row, name in enumerate(names)]


def type_column(dataset: Any, column: str, *, stated: bool) -> tuple[list[str], str]:
    """Read the column of image types.

    A column "type" of somebody else's table may mean anything. Unless the user named it, it is used only if some of its
    values are types of ours.

    Args:
        dataset: The dataset.
        column: Name of the column, or "".
        stated: Whether the user named the column.

    Returns:
        The texts, and a note if the column is not used, or "".
    """
    texts = text_column(dataset, column, "type")
    given = [text for text in texts if text]
    if stated or not given or any(is_type(text) for text in given):
        return texts, ""
    return [""] * len(texts), f"column '{column}' holds no image types (such as '{given[0][:40]}') and is not used"


def is_type(text: str) -> bool:
    """Whether a text names an image type."""
    return text.strip().upper() in ImageType.__members__


def texts_of(values: Sequence[Any], feature: Any = None) -> list[str]:
    """Texts of the cells of a column, as :func:`text_column`."""
    convert = getattr(feature, "int2str", None)
    return [_text(value, convert) for value in values]


def _member(value: Any, key: str) -> Any:
    """A value of a JSON object; None when it is something else."""
    if isinstance(value, str | bytes):
        try:
            value = parse_json(value, object)
        except AimkitError:
            return None
    return value.get(key) if isinstance(value, dict) else None


def _text(value: Any, convert: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return ""
    if convert is None:
        return f"{value:g}" if isinstance(value, float) else str(value)
    # Missing labels are -1.
    try:
        return str(convert(int(value))) if value >= 0 else ""
    except ValueError:
        return ""
