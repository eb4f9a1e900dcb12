"""Hugging Face datasets, local or on the hub: opening one, and reading its encoded images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aimkit.datasets.huggingface_files import check_own_files, hub_client
from aimkit.errors import AimkitError
from aimkit.imageio import read_file
from aimkit.offline import check_reachable, hub, hub_client_offline
from aimkit.recipe import expand
from aimkit.registry import did_you_mean

#: File formats that ``datasets`` reads as a single file.
_READERS = {".parquet": "parquet", ".arrow": "arrow", ".tar": "webdataset"}


def open_table(path: str, subset: str = "", split: str = "train", revision: str = "") -> tuple[Any, str]:
    """Open one split of a dataset.

    Args:
        path: A folder (``save_to_disk``, image folder, parquet files), a file, or the name of a dataset on the hub.
        subset: Configuration of a dataset that has several.
        split: Name of the split; "" for the only one.
        revision: Branch, tag or commit on the hub.

    Returns:
        The dataset and its name for error messages.

    Raises:
        AimkitError: The dataset can't be found or loaded, names files of others, has no such split, or has several and
            none is named.
    """
    splits, where = open_splits(path, subset, revision)
    if not split and len(splits) > 1:
        raise AimkitError(f"the dataset has several splits: {', '.join(splits)}", where, "name one of them")
    if "" in splits:
        # The dataset is one table, without splits.
        return splits[""], f"{where}, {split}" if split else where
    split = split or next(iter(splits))
    if split not in splits:
        raise AimkitError(f"the dataset has no split '{split}'", where, did_you_mean(split, splits))
    return splits[split], f"{where}, {split}"


def open_splits(path: str, subset: str = "", revision: str = "") -> tuple[dict[str, Any], str]:
    """Open all splits of a dataset; arguments as for :func:`open_table`.

    Returns:
        The splits by name, one named "" if the dataset has none, and the dataset's name for error messages.

    Raises:
        AimkitError: The dataset can't be found or loaded, or names files of others.
    """
    import datasets

    local = expand(path)
    where = f"{local if local.exists() else path}" + (f", {subset}" if subset else "")
    if local.is_dir():
        check_own_files(local)
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
            with hub_client():
                loaded = _from_hub(path, subset, revision)
    except AimkitError:
        raise
    except Exception as error:
        # datasets passes on the errors of its readers, of the hub and of the file system.
        hint = "" if local.exists() else "give an existing folder, or the name of a dataset on the hub"
        raise AimkitError(
            f"can't load the dataset: {(str(error).splitlines() or [type(error).__name__])[0][:200]}", where, hint
        ) from None
    return dict(loaded) if isinstance(loaded, datasets.DatasetDict) else {"": loaded}, where


def _from_hub(name: str, subset: str, revision: str) -> Any:
    """A dataset on the hub; without a connection, what was fetched before."""
    import datasets

    arguments: dict[str, Any] = {"path": name, "name": subset or None, "revision": revision or None}
    try:
        check_reachable(hub(), f"the dataset '{name}'", "fetch it where there is a connection, and give its folder")
    except AimkitError as error:
        with hub_client_offline():
            try:
                return datasets.load_dataset(**arguments)
            except Exception:
                # Whatever the client says, the reason is that there is no connection.
                raise error from None
    return datasets.load_dataset(**arguments)


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
        elif isinstance(feature, dict) and "bytes" in feature:
            continue
        elif getattr(feature, "dtype", "") not in ("binary", "large_binary"):
            raise AimkitError(
                f"column '{column}' holds no images", where, "it must be of type Image, binary, or struct{bytes, path}"
            )
    return dataset


def encoded_image(value: Any, where: str, root: Path | None = None) -> bytes:
    """The bytes of an image that was not decoded: a cell of :func:`image_columns`.

    Args:
        value: The cell.
        where: Its name in errors.
        root: The local dataset, or None. A cell that names a file instead of holding it may only name one of the
            dataset's, or one that ``datasets`` downloaded.

    Raises:
        AimkitError: The cell is empty, or its file can't be read or is not the dataset's.
    """
    if isinstance(value, dict):
        if not value.get("bytes") and isinstance(value.get("path"), str) and value["path"]:
            return read_file(_own_file(value["path"], root, where), where)
        value = value.get("bytes")
    if isinstance(value, bytes | bytearray | memoryview) and value:
        return bytes(value)
    raise AimkitError("can't read the image: the cell is empty", where)


def _own_file(path: str, root: Path | None, where: str) -> Path:
    import datasets
    from huggingface_hub import constants

    folder = root if root is None or root.is_dir() else root.parent
    # A path in a table is the word of whoever made the table: it must not read what else is on this machine.
    places = [folder, Path(datasets.config.HF_CACHE_HOME), Path(constants.HF_HUB_CACHE)]
    real = os.path.realpath(os.path.join(folder or "", path))
    for place in filter(None, places):
        if os.path.commonpath([real, os.path.realpath(place)]) == os.path.realpath(place):
            return Path(real)
    raise AimkitError(
        f"can't read the image: the cell names the file {ascii(path)[:100]}, which is not the dataset's", where
    )


def _reader(path: Path) -> str:
    if path.suffix not in _READERS:
        raise AimkitError("not a dataset file", str(path), "give a folder, or a .parquet, .arrow or .tar file")
    return _READERS[path.suffix]
