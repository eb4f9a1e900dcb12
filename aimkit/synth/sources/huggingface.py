"""Foregrounds and backgrounds in a Hugging Face dataset, local or on the hub; also what aimkit itself wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from aimkit.datasets.scan import Candidate, ScanReport, is_excluded, read_exclude
from aimkit.errors import AimkitError
from aimkit.matting.foreground import Method
from aimkit.recipe import Block, expand
from aimkit.registry import did_you_mean
from aimkit.synth.source import background_sources, foreground_sources
from aimkit.synth.sources import cutouts as cutout_files
from aimkit.synth.sources import pairs as pair_files
from aimkit.synth.sources.folder import StoredBackgroundBlock, StoredBackgrounds, open_backgrounds
from aimkit.synth.sources.photos import estimated
from aimkit.synth.sources.stored import Decode, Finish, StoredBlock, StoredForegrounds, extend, open_stored

#: Columns that are taken for each role when the recipe names none, in this order. WebDataset adds a suffix
#: (``alpha.png``), and keeps texts in one column, ``json``.
_USUAL = {
    "foreground": ("foreground", "fg"),
    "image": ("image", "photo"),
    "alpha": ("alpha", "mask", "matte"),
    "background": ("background", "image"),
    "type": ("type", "json"),
    "category": ("category", "json"),
    "id": ("id", "name", "__key__"),
}


class DatasetBlock(Block):
    """Keys that say which dataset.

    Attributes:
        path: A folder (``save_to_disk``, image folder, parquet files), a parquet file, or a name on the hub.
        subset: Configuration of a dataset that has several.
        part: Its split, "train" or another.
        revision: Branch, tag or commit on the hub.
    """

    path: str
    subset: str = ""
    part: str = "train"
    revision: str = ""


class Columns(Block):
    """Which column is what; the usual names when empty.

    Attributes:
        foreground: Foreground colours.
        image: Photos or composites whose foreground is to be estimated, or, without alpha column, cut-outs (RGBA).
        alpha: Mattes.
        type: SO, STM or NS, as text or class label.
        category: Category.
        id: Names of the rows; their numbers when there is none.
    """

    foreground: str = ""
    image: str = ""
    alpha: str = ""
    type: str = ""
    category: str = ""
    id: str = ""


class HuggingFace(DatasetBlock, StoredBlock):
    """Foregrounds in a dataset: foreground and alpha, else photo and alpha, else cut-outs.

    Attributes:
        columns: Which column is what.
        method: How the colours of photos are estimated.
        premultiplied: As for cut-outs.
    """

    source: Literal["huggingface"] = "huggingface"
    columns: Columns = Columns()
    method: Method = "multilevel"
    premultiplied: cutout_files.Premultiplied = "auto"


class HuggingFaceBackgrounds(DatasetBlock, StoredBackgroundBlock):
    """Backgrounds in a dataset.

    Attributes:
        column: The column of the images; "background" or "image" when empty.
    """

    source: Literal["huggingface"] = "huggingface"
    column: str = ""


@dataclass
class Rows:
    """Reads the encoded images of a row; the dataset stays on disk."""

    dataset: Any
    columns: tuple[str, ...]

    def __call__(self, one: Candidate) -> tuple[bytes, ...]:
        row = self.dataset[one.row]
        return tuple(_encoded(row[column], f"{one.where}, {column}") for column in self.columns)


@foreground_sources.register("huggingface", params=HuggingFace)
def huggingface(block: HuggingFace) -> StoredForegrounds:
    """A Hugging Face dataset with named columns, local or from the hub."""
    dataset, where = open_dataset(block)
    names = block.columns
    alpha = _column(dataset, names.alpha, "alpha", where)
    color = _column(dataset, names.foreground, "foreground", where)
    image = _column(dataset, names.image, "image", where)
    report = ScanReport(block.title, where)
    columns: tuple[str, ...]
    decode: Decode
    finish: Finish
    if alpha and color:
        columns, decode, finish = (color, alpha), pair_files.decode, extend
    elif alpha and image:
        columns, decode, finish = (image, alpha), pair_files.decode, partial(estimated, method=block.method)
    elif image or color:
        columns = (color or image,)
        decode, finish = partial(cutout_files.decode, premultiplied=block.premultiplied), extend
    else:
        raise AimkitError(
            "the dataset has no column of foregrounds",
            where,
            f"its columns are {', '.join(dataset.column_names)}; set columns = {{image = ..., alpha = ...}}",
        )
    typed = _column(dataset, names.type, "type", where)
    category = _column(dataset, names.category, "category", where)
    name = _column(dataset, names.id, "id", where)
    found = list(_candidates(dataset, where, columns, name, typed, category))
    found = _without(found, block.exclude, report)
    rows = Rows(_images(dataset, columns, where), columns)
    options = f"{columns} {block.premultiplied}"
    return open_stored(block, found, report, decode, fetch=rows, finish=finish, options=options)


@background_sources.register("huggingface", params=HuggingFaceBackgrounds)
def huggingface_backgrounds(block: HuggingFaceBackgrounds) -> StoredBackgrounds:
    """A Hugging Face dataset with an image column, local or from the hub."""
    dataset, where = open_dataset(block)
    column = _column(dataset, block.column, "background", where)
    if not column:
        raise AimkitError(
            "the dataset has no column of images", where, f"its columns: {', '.join(dataset.column_names)}"
        )
    report = ScanReport(block.title, where)
    found = _without(list(_candidates(dataset, where, (column,), "", "", "")), block.exclude, report)
    return open_backgrounds(block, found, report, Rows(_images(dataset, (column,), where), (column,)))


def open_dataset(block: DatasetBlock) -> tuple[Any, str]:
    """The dataset and what to call it.

    Raises:
        AimkitError: It can't be found or loaded, or has no such split.
    """
    import datasets

    path = expand(block.path)
    where = f"{path if path.exists() else block.path}" + (f", {block.subset}" if block.subset else "")
    try:
        if (path / "dataset_dict.json").is_file() or (path / "dataset_info.json").is_file():
            loaded = datasets.load_from_disk(str(path))
        elif path.is_file():
            loaded = datasets.load_dataset(_reader(path), data_files=str(path))
        elif path.exists():
            loaded = datasets.load_dataset(str(path), block.subset or None)
        elif block.path.startswith((".", "/", "~", "$")):
            raise AimkitError("no such folder or file", str(path))
        else:
            loaded = datasets.load_dataset(block.path, block.subset or None, revision=block.revision or None)
    except AimkitError:
        raise
    except Exception as error:
        # datasets lets through errors of its readers, of the hub and of the file system alike.
        hint = "" if path.exists() else "give a folder that exists, or the name of a dataset on the hub"
        raise AimkitError(f"can't load the dataset: {str(error).splitlines()[0][:200]}", where, hint) from None
    if isinstance(loaded, datasets.DatasetDict):
        if block.part not in loaded:
            raise AimkitError(f"the dataset has no part '{block.part}'", where, did_you_mean(block.part, loaded))
        loaded = loaded[block.part]
    return loaded, f"{where}, {block.part}"


def _reader(path: Path) -> str:
    readers = {".parquet": "parquet", ".arrow": "arrow", ".tar": "webdataset"}
    if path.suffix not in readers:
        raise AimkitError("the file is no dataset", str(path), "give a folder or a .parquet, .arrow or .tar file")
    return readers[path.suffix]


def _column(dataset: Any, name: str, role: str, where: str) -> str:
    """The column of a role: as named, else the first usual one, else ""."""
    if name and name not in dataset.column_names:
        raise AimkitError(f"the dataset has no column '{name}'", where, did_you_mean(name, dataset.column_names))
    if name:
        return name
    plain = {column.partition(".")[0]: column for column in reversed(dataset.column_names)}
    return next((plain[usual] for usual in _USUAL[role] if usual in plain), "")


def _images(dataset: Any, columns: tuple[str, ...], where: str) -> Any:
    """Only the image columns, not decoded."""
    import datasets

    dataset = dataset.select_columns(list(columns))
    for column in columns:
        feature = dataset.features[column]
        if isinstance(feature, datasets.Image):
            dataset = dataset.cast_column(column, datasets.Image(decode=False))
        elif getattr(feature, "dtype", "") not in ("binary", "large_binary"):
            raise AimkitError(f"column '{column}' holds no images", where, "it must be of type Image or binary")
    return dataset


def _candidates(
    dataset: Any, where: str, columns: tuple[str, ...], name: str, typed: str, category: str
) -> Iterator[Candidate]:
    def texts(column: str, key: str = "") -> list[str]:
        if not column:
            return [""] * len(dataset)
        feature = dataset.features[column]
        values = list(dataset.select_columns([column])[column])
        if column == "json":
            values = [value.get(key) for value in values]
        convert = getattr(feature, "int2str", None)
        return ["" if v is None or v == -1 else str(convert(v) if convert else v) for v in values]

    names, types, categories = texts(name), texts(typed, "type"), texts(category, "category")
    twice = len(set(names)) < len(names)
    for row in range(len(dataset)):
        number = f"{row:08d}"
        item = f"{names[row]}-{number}" if twice and names[row] else names[row] or number
        # The fingerprint changes with the dataset's content, so that the pair stamps a row's content.
        stamp = f"{dataset._fingerprint}:{row}"
        yield Candidate(item, f"{where}, row {row}", stamp, row=row, type=types[row], category=categories[row])


def _without(found: list[Candidate], exclude: str | list[str], report: ScanReport) -> list[Candidate]:
    patterns = read_exclude(exclude)
    kept = [one for one in found if not is_excluded(one.id, patterns)]
    report.excluded = len(found) - len(kept)
    return kept


def _encoded(value: Any, where: str) -> bytes:
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
    raise AimkitError("can't read the image: the row has none", where)
