"""Foregrounds and backgrounds of published datasets by name (AM-2k, BG-20k, DIM, ...), in their published folders."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, TypeVar

from aimkit.bounds import Name
from aimkit.datasets.catalog import PublishedSet, Use, find_published
from aimkit.datasets.catalog.layout import LABELS, Files, Located, files, locate
from aimkit.datasets.exclude import read_exclude
from aimkit.datasets.scan import Candidate, candidates
from aimkit.datasets.scan_report import ScanReport
from aimkit.errors import AimkitError
from aimkit.matting.foreground import Method
from aimkit.recipe import Block
from aimkit.storage import Place, place
from aimkit.synth.source import background_sources, foreground_sources
from aimkit.synth.sources.folder import StoredBackgroundBlock, StoredBackgrounds, open_backgrounds
from aimkit.synth.sources.inspect_stored import ForegroundReader, read_files
from aimkit.synth.sources.pairs import decode
from aimkit.synth.sources.photos import estimated
from aimkit.synth.sources.stored import StoredBlock, StoredForegrounds, as_stored, extend, open_stored

B = TypeVar("B", bound=Block)


class PublishedForegrounds(StoredBlock):
    """Foregrounds of a published dataset.

    Name, licence, origin, type and category default to the dataset's.

    Attributes:
        set: Name of the dataset: am2k, dim, distinctions646, p3m10k (``aimkit catalog ls``).
        part: Part of the dataset; its training set when empty.
        method: How colours are estimated if the dataset has photos, see :func:`aimkit.matting.foreground.estimate`.
        bleed: Whether to replace the colours where alpha is 0, as for the source "pairs".
    """

    source: Literal["catalog"] = "catalog"
    set: Name
    part: Name = ""
    method: Method = "multilevel"
    bleed: bool = True

    def searched(self) -> list[Place]:
        """The folders of all planes."""
        return _searched(self, "foregrounds")


class PublishedBackgrounds(StoredBackgroundBlock):
    """Backgrounds of a published dataset.

    Attributes:
        set: Name of the dataset: bg20k.
        part: Part of the dataset; its training set when empty.
    """

    source: Literal["catalog"] = "catalog"
    set: Name
    part: Name = ""

    def searched(self) -> list[Place]:
        """The folders of the images."""
        return _searched(self, "backgrounds")


@foreground_sources.register("catalog", params=PublishedForegrounds)
def published_foregrounds(block: PublishedForegrounds) -> StoredForegrounds:
    """A published dataset by name: cut-outs, or photos with mattes."""
    one, block = _filled(block)
    if block.type == "infer" and one.type:
        block = block.model_copy(update={"type": one.type})
    block = block.model_copy(update={"category": block.category or one.category})
    found, report, of_photos = _candidates(one, block, "foregrounds")
    finish = partial(estimated, method=block.method) if of_photos else extend if block.bleed else as_stored
    return open_stored(block, found, report, ForegroundReader(decode), finish=finish)


@background_sources.register("catalog", params=PublishedBackgrounds)
def published_backgrounds(block: PublishedBackgrounds) -> StoredBackgrounds:
    """A published dataset of backgrounds by name."""
    one, block = _filled(block)
    found, report, _ = _candidates(one, block, "backgrounds")
    return open_backgrounds(block, found, report, read_files)


def _filled(block: B) -> tuple[PublishedSet, B]:
    own: Any = block
    one = find_published(own.set, f"{own.title}, set")
    filled = {"name": own.name or one.title, "licence": own.licence or one.terms, "origin": own.origin or one.page}
    return one, block.model_copy(update=filled)


def _candidates(one: PublishedSet, block: Any, use: Use) -> tuple[list[Candidate], ScanReport, bool]:
    """Candidates, the report with what was left out, and whether they are photos with mattes."""
    located = _located(one, block, use)
    report = ScanReport(block.title, str(located.folder))
    found, exclude = files(located), read_exclude(block.exclude)
    for name, skip in [(name, f"no {LABELS[role]}") for role, name in _incomplete(found)]:
        report.skips.add(name, skip)
    report.skips.extend(found.skips)
    # A file of any plane excludes all of them.
    planes_of = {name + path.suffix: name for name, planes in found.complete.items() for path in planes.values()}
    left_out = exclude.select(planes_of.items(), located.folder)
    report.notes += exclude.check(found.complete, bool(block.allow_missing))
    gone = {planes_of[whole] for whole in left_out}
    report.excluded = len(gone)
    roles = list(located.layout.needed)
    rows = [
        (name, tuple(planes[role] for role in roles)) for name, planes in found.complete.items() if name not in gone
    ]
    return candidates(rows, report.skips), report, "image" in roles


def _located(one: PublishedSet, block: Any, use: Use) -> Located:
    root = place(block.path)
    where = f"{block.title}, {root}"
    part = one.part(block.part, use, where)
    if (part.use == "backgrounds") != (use == "backgrounds"):
        raise AimkitError(f"{one.title}, part {part.name} has no {use}", where, f"it has {part.use}")
    return locate(one, part, root, where)


def _searched(block: Any, use: Use) -> list[Place]:
    located = _located(find_published(block.set, f"{block.title}, set"), block, use)
    return [folder for folders in located.planes.values() for folder in folders]


def _incomplete(found: Files) -> list[tuple[str, str]]:
    return [(role, name) for role, names in found.missing.items() if role != "trimap" for name in names]
