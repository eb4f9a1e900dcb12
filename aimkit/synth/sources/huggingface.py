"""Foregrounds and backgrounds in a Hugging Face dataset, local or on the hub; also datasets that aimkit wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from aimkit.bounds import Name, Text
from aimkit.datasets.columns import find_column, is_type, row_names, text_column, type_column
from aimkit.datasets.exclude import read_exclude, without_suffix
from aimkit.datasets.huggingface import encoded_image, image_columns, open_table
from aimkit.datasets.scan import Candidate
from aimkit.datasets.scan_report import ScanReport
from aimkit.errors import AimkitError
from aimkit.matting.foreground import Method
from aimkit.recipe import Block, expand
from aimkit.synth.source import background_sources, foreground_sources
from aimkit.synth.sources import cutouts as cutout_files
from aimkit.synth.sources import pairs as pair_files
from aimkit.synth.sources.folder import StoredBackgroundBlock, StoredBackgrounds, open_backgrounds
from aimkit.synth.sources.inspect_stored import ForegroundReader
from aimkit.synth.sources.photos import estimated
from aimkit.synth.sources.stored import Finish, StoredBlock, StoredForegrounds, extend, open_stored


class DatasetBlock(Block):
    """Keys that select a dataset.

    Attributes:
        path: A folder (``save_to_disk``, image folder, parquet files), a parquet, arrow or tar file, or the name of a
            dataset on the hub.
        subset: Configuration of a dataset that has several.
        part: Split of the dataset, such as "train".
        revision: Branch, tag or commit on the hub.
    """

    path: Text
    subset: Name = ""
    part: Name = "train"
    revision: Name = ""


class Columns(Block):
    """Names of the columns; a column without a name here is found by its usual name, and "" switches one off.

    Attributes:
        foreground: Column of foreground colours.
        image: Column of photos or composites whose foreground is estimated; without an alpha column, of RGBA cut-outs.
        alpha: Column of mattes.
        type: Column of types (SO, STM or NS), as text or class label.
        category: Column of categories.
        id: Column of item names; without one, items are named by row number.
    """

    foreground: Name | None = None
    image: Name | None = None
    alpha: Name | None = None
    type: Name | None = None
    category: Name | None = None
    id: Name | None = None


class HuggingFace(DatasetBlock, StoredBlock):
    """Foregrounds in a dataset: from foreground and alpha columns, else photo and alpha, else cut-outs.

    Attributes:
        columns: Names of the columns.
        method: How the colours of photos are estimated, see :func:`aimkit.matting.foreground.estimate`.
        premultiplied: Whether the colours of cut-outs are multiplied by alpha, as for the source "cutouts".
    """

    source: Literal["huggingface"] = "huggingface"
    columns: Columns = Columns()
    method: Method = "multilevel"
    premultiplied: bool = False


class HuggingFaceBackgrounds(DatasetBlock, StoredBackgroundBlock):
    """Backgrounds in a dataset.

    Attributes:
        column: Column of the images; "background", "image" or another usual one when empty.
    """

    source: Literal["huggingface"] = "huggingface"
    column: Name = ""


@dataclass
class Rows:
    """Reads the encoded images of a row; the dataset stays on disk.

    Attributes:
        dataset: The image columns, see :func:`aimkit.datasets.huggingface.image_columns`.
        columns: Names of the columns, in the order of the returned bytes.
        root: The local dataset, or None.
    """

    dataset: Any
    columns: tuple[str, ...]
    root: Path | None = None

    def __call__(self, one: Candidate) -> tuple[bytes, ...]:
        row = self.dataset[one.row]
        return tuple(encoded_image(row[column], f"{one.where}, {column}", self.root) for column in self.columns)


@foreground_sources.register("huggingface", params=HuggingFace)
def huggingface(block: HuggingFace) -> StoredForegrounds:
    """A Hugging Face dataset with named columns, local or from the hub."""
    dataset, where = open_table(block.path, block.subset, block.part, block.revision)
    named = block.columns.model_dump()
    column = {role: find_column(dataset, name, role, where) for role, name in named.items()}
    columns, reader, finish = _planes(dataset, column, block, where)
    report = ScanReport(block.title, where)
    types, note = type_column(dataset, column["type"], stated=bool(block.columns.type))
    report.notes += [note] if note else []
    found = _without(_candidates(dataset, where, column, types), block, report, _numbers(dataset))
    rows = Rows(image_columns(dataset, columns, where), columns, _root(block.path))
    options = f"{columns} {block.premultiplied}"
    return open_stored(block, found, report, replace(reader, fetch=rows), finish=finish, options=options)


@background_sources.register("huggingface", params=HuggingFaceBackgrounds)
def huggingface_backgrounds(block: HuggingFaceBackgrounds) -> StoredBackgrounds:
    """A Hugging Face dataset with an image column, local or from the hub."""
    dataset, where = open_table(block.path, block.subset, block.part, block.revision)
    column = find_column(dataset, block.column or None, "background", where)
    if not column:
        hint = f"its columns are {', '.join(dataset.column_names)}; set column = ..."
        raise AimkitError("the dataset has no column of images", where, hint)
    report = ScanReport(block.title, where)
    found = _without(_candidates(dataset, where, {}, [""] * len(dataset)), block, report, _numbers(dataset))
    rows = Rows(image_columns(dataset, (column,), where), (column,), _root(block.path))
    return open_backgrounds(block, found, report, rows)


def _root(path: str) -> Path | None:
    local = expand(path)
    return local if local.exists() else None


def _planes(
    dataset: Any, column: dict[str, str], block: HuggingFace, where: str
) -> tuple[tuple[str, ...], ForegroundReader, Finish]:
    """The image columns to read, and how to make colour and matte of them."""
    alpha, color, image = column["alpha"], column["foreground"], column["image"]
    if alpha and color:
        return (color, alpha), ForegroundReader(pair_files.decode), extend
    if alpha and image:
        return (image, alpha), ForegroundReader(pair_files.decode), partial(estimated, method=block.method)
    if image or color:
        return (color or image,), cutout_files.reader(block.premultiplied), extend
    hint = f"its columns are {', '.join(dataset.column_names)}; set columns = {{image = ..., alpha = ...}}"
    raise AimkitError("the dataset has no column of foregrounds", where, hint)


def _candidates(dataset: Any, where: str, column: dict[str, str], types: Sequence[str]) -> Iterator[Candidate]:
    categories = text_column(dataset, column.get("category", ""), "category")
    for row, item in enumerate(row_names(dataset, column.get("id", ""))):
        # The fingerprint changes with the dataset's content, so with the row it stamps the row's content.
        stamp = f"{dataset._fingerprint}:{row}"
        yield Candidate(item, f"{where}, row {row}", stamp, row=row, type=types[row], category=categories[row])


def _numbers(dataset: Any) -> list[str]:
    """The numbers of the samples of a dataset that aimkit wrote, as its exclude lists have them; else nothing."""
    if not {"index", "meta", "label"} <= set(dataset.column_names):
        return []
    return [number.zfill(6) for number in text_column(dataset, "index")]


def _without(
    found: Iterator[Candidate],
    block: StoredBlock | StoredBackgroundBlock,
    report: ScanReport,
    numbers: Sequence[str],
) -> list[Candidate]:
    """Leave out what the recipe excludes, and rows whose type is not one of ours, unless the source states its type."""
    exclude, candidates = read_exclude(block.exclude), list(found)
    left_out = exclude.select([(one.id, without_suffix(one.id)) for one in candidates])
    counted = exclude.select([(number, number) for number in numbers])
    left_out |= {one.id for one in candidates if numbers and numbers[one.row] in counted}
    report.notes += exclude.check((one.id for one in candidates), bool(block.allow_missing))
    report.excluded = len(left_out)
    stated = block.type if isinstance(block, StoredBlock) and block.type != "infer" else ""
    kept, replaced = [], 0
    for one in candidates:
        if one.id in left_out:
            continue
        if one.type and not is_type(one.type):
            if not stated:
                report.skips.add(one.id, f"'{one.type[:40]}' is not an image type (SO, STM or NS)", one.where)
                continue
            one, replaced = replace(one, type=""), replaced + 1
        kept.append(one)
    if replaced:
        report.notes.append(f"{replaced} rows have a type of their own, and are taken as {stated}, as the source says")
    return kept
