"""Backgrounds stored as image files below a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from aimkit.bounds import PictureSide, Text, Texts
from aimkit.datasets.scan import Candidate, ScanRecord, candidates, scan
from aimkit.datasets.scan_report import ScanReport
from aimkit.errors import AimkitError
from aimkit.imageio import decode_again, open_again, read_rgb, rgb_of
from aimkit.synth.encoded_picture import EncodedPicture
from aimkit.synth.pyramid import ImagePyramid
from aimkit.synth.source import BackgroundBlock, Item, background_sources
from aimkit.synth.sources.inspect_stored import read_files, unchanged
from aimkit.synth.sources.listing import list_folder
from aimkit.synth.sources.split import SplitBlock, used
from aimkit.types import Float, to_float


class StoredBackgroundBlock(BackgroundBlock, SplitBlock):
    """Keys of all sources of stored backgrounds.

    Attributes:
        path: The folder, or a URL such as ``s3://bucket/folder``; ``~`` and ``${NAME}`` are expanded.
        exclude: Files to exclude: a list, or a text file with one per line. An entry is a name, with or without folder
            and suffix, or a shell pattern that begins with "glob:".
        allow_missing: Whether most entries of ``exclude`` may match nothing.
        max_side: Largest longer side in pixels; larger images are reduced when they are loaded. None keeps all sizes.
    """

    path: Text
    exclude: Text | Texts = Field(default_factory=list)
    allow_missing: Literal[True] | None = None
    max_side: PictureSide | None = None


class FolderBackgrounds(StoredBackgroundBlock):
    """All images below a folder, searched with its subfolders."""

    source: Literal["folder"] = "folder"


@dataclass
class StoredBackgrounds:
    """Stored backgrounds; see :class:`aimkit.synth.source.BackgroundSource`.

    Attributes:
        items: What can be loaded.
        report: What was left out, and why.
        candidates: Candidate of every item, in the same order.
        fetch: Reads the bytes of a candidate.
        max_side: Largest longer side in pixels, or None.
    """

    items: Sequence[Item]
    report: ScanReport
    candidates: Sequence[Candidate]
    fetch: Callable[[Candidate], tuple[bytes, ...]]
    max_side: int | None

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> Float:
        """Read a background; ``size`` and ``rng`` are not used."""
        return to_float(self.picture(position).level(0)[0])

    def picture(self, position: int) -> ImagePyramid:
        """Read a background, uint8.

        Raises:
            AimkitError: It can't be read, or is not the file any more that was scanned.
        """
        one = self.candidates[position]
        data = unchanged(self.fetch(one), self.items[position].digest, one.where)[0]
        opened = open_again(data)
        if opened is not None and (self.max_side is None or max(opened.size) <= self.max_side):
            return EncodedPicture(opened, where=one.where)
        rgb = rgb_of(decode_again(data, one.where), one.where)
        longer = max(rgb.shape[:2])
        if self.max_side is not None and longer > self.max_side:
            height, width = (max(1, round(side * self.max_side / longer)) for side in rgb.shape[:2])
            rgb = np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return ImagePyramid(rgb)


@background_sources.register("folder", params=FolderBackgrounds)
def folder(block: FolderBackgrounds) -> StoredBackgrounds:
    """A folder of images, searched with its subfolders."""
    _, images, report = list_folder(block)
    found = candidates([(name, (path,)) for name, path in images.files.items()], report.skips)
    return open_backgrounds(block, found, report, read_files)


def open_backgrounds(
    block: StoredBackgroundBlock,
    candidates: Sequence[Candidate],
    report: ScanReport,
    fetch: Callable[[Candidate], tuple[bytes, ...]],
) -> StoredBackgrounds:
    """Scan candidates and keep the readable ones on the block's side of the split, sorted by id.

    Args:
        block: The source's table.
        candidates: What was found.
        report: The source's report, which is completed and shown.
        fetch: Reads the bytes of a candidate.

    Raises:
        AimkitError: No candidate is left.
    """
    candidates = sorted(candidates, key=lambda c: c.id)
    report.found = len(candidates) + len(report.skips)
    key = f"background {report.where}"
    records = scan(candidates, lambda c: _inspect(c, fetch), key, block.title)
    for one, record in zip(candidates, records, strict=True):
        if record.problem:
            report.skips.add(one.id, record.problem, one.where)
    kept = [(one, r) for one, r in zip(candidates, records, strict=True) if not r.problem]
    chosen, items = [], []
    for (one, record), is_used in zip(kept, used([r.digest for _, r in kept], block, report.where), strict=True):
        if is_used:
            chosen.append(one)
            items.append(Item(one.id, block.title, licence=block.licence, origin=block.origin, digest=record.digest))
    report.used = len(items)
    report.tell()
    if not items:
        raise AimkitError("the source has no usable background", f"{block.title}, {report.where}", report.why_empty())
    return StoredBackgrounds(items, report, chosen, fetch, block.max_side)


def _inspect(one: Candidate, fetch: Callable[[Candidate], tuple[bytes, ...]]) -> ScanRecord:
    data = fetch(one)[0]
    height, width = read_rgb(data, one.where).shape[:2]
    digest = hashlib.sha256(data).hexdigest()
    return ScanRecord(digest=digest, content=digest, height=height, width=width)
