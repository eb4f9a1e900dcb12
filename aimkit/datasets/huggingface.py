"""Hugging Face datasets, local or on the hub: opening one, finding its columns, and reading its encoded images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aimkit.errors import AimkitError
from aimkit.recipe import expand
from aimkit.registry import did_you_mean

#: File formats that ``datasets`` reads as a single file.
_READERS = {".parquet": "parquet", ".arrow": "arrow", ".tar": "webdataset"}


def open_table(path: str, subset: str = "", split: str = "train", revision: str = "") -> tuple[Any, str]:
    """Open one split of a dataset.

    Args:
        path: A folder (``save_to_disk``, image folder, parquet files), a file, or the name of a dataset on the hub.
        subset: Configuration of a dataset that has several.
        split: Name of the split.
        revision: Branch, tag or commit on the hub.

    Returns:
        The dataset and its name for error messages.

    Raises:
        AimkitError: The dataset can't be found or loaded, or has no such split.
    """
    import datasets

    local = expand(path)
    where = f"{local if local.exists() else path}" + (f", {subset}" if subset else "")
    try:
        if (local / "dataset_dict.json").is_file() or (local / "dataset_info.json").is_file():
            loaded = datasets.load_from_disk(str(local))
        elif local.is_file():
            loaded = datasets.load_dataset(_reader(local), data_files=str(local))
        elif local.exists():
            loaded = datasets.load_dataset(str(local), subset or None)
        elif path.startswith((".", "/", "~", "$")):
            raise AimkitError("folder or file not found", str(local))
        else:
            loaded = datasets.load_dataset(path, subset or None, revision=revision or None)
    except AimkitError:
        raise
    except Exception as error:
        # datasets passes on the errors of its readers, of the hub and of the file system.
        hint = "" if local.exists() else "give an existing folder, or the name of a dataset on the hub"
        raise AimkitError(f"can't load the dataset: {str(error).splitlines()[0][:200]}", where, hint) from None
    if isinstance(loaded, datasets.DatasetDict):
        if split not in loaded:
            raise AimkitError(f"the dataset has no part '{split}'", where, did_you_mean(split, loaded))
        loaded = loaded[split]
    return loaded, f"{where}, {split}"


def find_column(dataset: Any, name: str, usual: Sequence[str], where: str) -> str:
    """Find a column by name; when ``name`` is empty, the first usual one, or "".

    A suffix of a column's name (``alpha.png``, as in WebDataset) is ignored in the usual names.

    Raises:
        AimkitError: The named column does not exist.
    """
    if name and name not in dataset.column_names:
        raise AimkitError(f"the dataset has no column '{name}'", where, did_you_mean(name, dataset.column_names))
    if name:
        return name
    plain = {column.partition(".")[0]: column for column in reversed(dataset.column_names)}
    return next((plain[option] for option in usual if option in plain), "")


def image_columns(dataset: Any, columns: Sequence[str], where: str) -> Any:
    """Select image columns, without decoding.

    Raises:
        AimkitError: A column does not hold images.
    """
    import datasets

    dataset = dataset.select_columns(list(columns))
    for column in columns:
        feature = dataset.features[column]
        if isinstance(feature, datasets.Image):
            dataset = dataset.cast_column(column, datasets.Image(decode=False))
        elif getattr(feature, "dtype", "") not in ("binary", "large_binary"):
            raise AimkitError(f"column '{column}' holds no images", where, "it must be of type Image or binary")
    return dataset


def text_column(dataset: Any, column: str, key: str = "") -> list[str]:
    """Read a column as texts, class labels by name; missing values and a column "" give "".

    Args:
        dataset: The dataset.
        column: Name of the column, or "".
        key: Key of the value in the JSON objects of a column called "json", as in WebDataset.
    """
    if not column:
        return [""] * len(dataset)
    feature = dataset.features[column]
    values = list(dataset.select_columns([column])[column])
    if column == "json":
        values = [value.get(key) for value in values]
    convert = getattr(feature, "int2str", None)
    return ["" if v is None or v == -1 else str(convert(v) if convert else v) for v in values]


def encoded_image(value: Any, where: str) -> bytes:
    """The bytes of an image that was not decoded: a cell of :func:`image_columns`.

    Raises:
        AimkitError: The cell is empty, or its file can't be read.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        if value.get("bytes"):
            return bytes(value["bytes"])
        if value.get("path"):
            try:
                return Path(value["path"]).read_bytes()
            except OSError as error:
                raise AimkitError(f"can't read the image: {error.strerror}", where) from None
    raise AimkitError("can't read the image: the cell is empty", where)


def _reader(path: Path) -> str:
    if path.suffix not in _READERS:
        raise AimkitError("not a dataset file", str(path), "give a folder, or a .parquet, .arrow or .tar file")
    return _READERS[path.suffix]
