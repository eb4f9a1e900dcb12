"""Stored foregrounds, for all sources of them: scan, split, types, and loading."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from aimkit import console
from aimkit.bounds import Name, PictureSide, Text, Texts
from aimkit.cache import cache_folder
from aimkit.datasets.matte_folder import MatteFolder
from aimkit.datasets.scan import Candidate, ScanRecord
from aimkit.datasets.scan_report import ScanReport
from aimkit.datasets.types_file import Typed, match, read_types
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.imageio import decode_again, open_again
from aimkit.imageio.png_rows import PngRows
from aimkit.matting.foreground import bleed
from aimkit.matting.image_type import Statistics, decide
from aimkit.paths import as_text
from aimkit.synth.encoded_picture import EncodedPicture
from aimkit.synth.pyramid import ImagePyramid, ShadowPyramid
from aimkit.synth.source import ForegroundBlock, Item
from aimkit.synth.sources.inspect_stored import ForegroundReader, inspect_foregrounds, unchanged
from aimkit.synth.sources.split import SplitBlock, alike, sides, split_digest, used
from aimkit.types import Array, Float, Foreground, ImageType, UInt8, to_float, to_uint8

#: (RGB, alpha, digest) -> foreground colour, uint8 or float32, (H, W, 3).
Finish = Callable[[UInt8, Array, str], Array]


class StoredBlock(ForegroundBlock, SplitBlock):
    """Keys of all sources of stored foregrounds.

    Attributes:
        path: The folder, or a URL such as ``s3://bucket/folder``; ``~`` and ``${NAME}`` are expanded.
        exclude: Files to exclude: a list, or a text file with one per line. An entry is a name, with or without folder
            and suffix, or a shell pattern that begins with "glob:".
        allow_missing: Whether most entries of ``exclude`` may match nothing, and most files lack their partner.
        alpha_range: Scale of grey mattes: the levels of alpha 0 and 1; inferred from all mattes of the folder by
            default.
        types: Path of a types file; its entries override ``type`` and ``category``.
        dataset: Section of the types file.
        missing_types: What to do with items that the types file does not name: "infer" falls back to ``type``,
            "skip" leaves them out, "error" stops.
        max_side: Largest longer side in pixels; larger foregrounds are reduced when loaded. None keeps all sizes.
    """

    path: Text
    exclude: Text | Texts = Field(default_factory=list)
    allow_missing: Literal[True] | None = None
    alpha_range: Literal["0-1", "0-100", "0-255", "0-65535"] | None = None
    types: Text = ""
    dataset: Name = ""
    missing_types: Literal["infer", "skip", "error"] = "infer"
    max_side: PictureSide | None = None


@dataclass
class StoredForegrounds:
    """Stored foregrounds; see :class:`aimkit.synth.source.ForegroundSource`.

    Attributes:
        items: What can be loaded.
        report: What was left out, and why.
        candidates: Candidate of every item, in the same order.
        reader: Reads and decodes a candidate.
        mattes: How mattes are read.
        finish: Makes the foreground colour.
        max_side: Largest longer side in pixels, or None.
        contents: Digest (hex) of the group or, without one, of the visible pixels of every item; it decides the side of
            the split.
    """

    items: Sequence[Item]
    report: ScanReport
    candidates: Sequence[Candidate]
    reader: ForegroundReader
    mattes: MatteFolder
    finish: Finish
    max_side: int | None
    contents: Sequence[str] = ()

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
        """Read a foreground; ``size`` and ``rng`` are not used."""
        item = self.items[position]
        color, alpha = self.picture(position).level(0)
        assert item.type is not None
        assert alpha is not None
        return Foreground(to_float(color), to_float(alpha), item.type, item.category)

    def picture(self, position: int) -> ImagePyramid:
        """Read a foreground: colour uint8, matte uint8 or, if its file has more bits, float32.

        Raises:
            AimkitError: It can't be read, or is not the file any more that was scanned.
        """
        one, item = self.candidates[position], self.items[position]
        blobs = unchanged(self.reader.fetch(one), item.digest, one.where)
        encoded = self._encoded(blobs, one.where)
        if encoded is not None:
            return encoded
        rgb, image = self.reader.decode(blobs, one, decode_again)
        alpha = self.mattes.alpha(image, self.reader.matte_name(one))
        color = self.finish(rgb, alpha, item.digest)
        if self.max_side is None or max(alpha.shape) <= self.max_side:
            return ImagePyramid(color, alpha)
        reduced, matte = reduce(to_float(color), to_float(alpha), self.max_side)
        return ImagePyramid(to_uint8(reduced), matte)

    def casts(self, position: int) -> bool:
        """Whether a cut-out has a shadow layer."""
        return self.reader.channel == "alpha" and len(self.candidates[position].files) > 1

    def shadow(self, position: int) -> ShadowPyramid | None:
        """Read the shadow layer of a cut-out, in the scale of :meth:`picture`; None when it has none.

        Raises:
            AimkitError: It can't be read, or is not the file any more that was scanned.
        """
        one, item = self.candidates[position], self.items[position]
        if not self.casts(position):
            return None
        blobs = unchanged(self.reader.fetch(one), item.digest, one.where)
        where = as_text(one.files[1])
        light = decode_again(blobs[1], where).pixels
        if light.ndim != 2 or light.dtype not in (np.uint8, np.uint16):
            raise AimkitError("a shadow layer is a grey picture of 8 or 16 bits", where)
        dark: Array = 1 - light.astype(np.float32) / np.iinfo(light.dtype).max
        side = max(decode_again(blobs[0], one.where).size)
        if self.max_side is not None and side > self.max_side:
            height, width = (max(1, round(n * self.max_side / side)) for n in dark.shape)
            dark = cv2.resize(dark, (width, height), interpolation=cv2.INTER_AREA)
        return ShadowPyramid(to_uint8(np.asarray(dark, np.float32)))

    def _encoded(self, blobs: tuple[bytes, ...], where: str) -> EncodedPicture | None:
        """The picture before it is decoded; None where colours or levels of the matte depend on the whole of it."""
        scale = self.mattes.scales.get(("uint8", False, "grey"))
        if self.finish is not as_stored or len(blobs) != 2 or scale is None or scale.top != 255:
            return None
        color, matte = (open_again(blob) for blob in blobs)
        if color is None or not isinstance(matte, PngRows) or matte.channels != 1 or color.size != matte.size:
            return None
        small = self.max_side is None or max(color.size) <= self.max_side
        return EncodedPicture(color, matte, where) if small else None


def open_stored(
    block: StoredBlock,
    candidates: Sequence[Candidate],
    report: ScanReport,
    reader: ForegroundReader,
    *,
    finish: Finish | None = None,
    options: str = "",
) -> StoredForegrounds:
    """Scan candidates and keep the usable ones on the block's side of the split, sorted by id.

    Args:
        block: The source's table.
        candidates: What was found.
        report: The source's report, which is completed and shown.
        reader: Reads and decodes a candidate.
        finish: Makes the foreground colour; :func:`extend` when None.
        options: Text that changes with everything besides the bytes that ``reader`` depends on.

    Raises:
        AimkitError: No candidate is left, the scale of the mattes can't be told, or the types file does not match.
    """
    candidates = sorted(candidates, key=lambda c: c.id)
    report.found = len(candidates) + len(report.skips)
    key = f"{block.source} {options} {report.where}"
    records, mattes = inspect_foregrounds(candidates, reader, key, block.title, block.alpha_range or "", report.where)
    for one, record in zip(candidates, records, strict=True):
        if record.problem:
            report.skips.add(one.id, record.problem, one.where)
    report.warnings += [(c.id, r.warning) for c, r in zip(candidates, records, strict=True) if r.warning]
    report.notes += mattes.notes
    report.facts["mattes"] = mattes.alpha_range
    kept = [(c, r) for c, r in zip(candidates, records, strict=True) if not r.problem]
    deciding = [split_digest(record.content, one.group) for one, record in kept]
    divided = sides(deciding, block.val_share)
    _report_alike(kept, divided if block.split != "all" else [], report)
    typed = _typed([c.id for c, _ in kept], block, report)
    chosen, items, contents = [], [], []
    is_used = used(deciding, block, report.where)
    for (one, record), digest, wanted in zip(kept, deciding, is_used, strict=True):
        if not wanted:
            continue
        if one.id not in typed and block.types and block.missing_types == "skip":
            report.skips.add(one.id, "not in the types file")
            continue
        items.append(_item(one, record, block, typed.get(one.id)))
        chosen.append(one)
        contents.append(digest)
    report.used = len(items)
    report.types = dict(sorted(Counter(str(item.type) for item in items).items()))
    report.tell()
    if not items:
        raise AimkitError("the source has no usable foreground", f"{block.title}, {report.where}", report.why_empty())
    return StoredForegrounds(items, report, chosen, reader, mattes, finish or extend, block.max_side, contents)


def as_stored(rgb: UInt8, alpha: Array, digest: str) -> UInt8:
    """The colours of the file."""
    return rgb


def extend(rgb: UInt8, alpha: Array, digest: str) -> UInt8:
    """Extend the colours to the pixels where alpha is 0."""
    return bleed(rgb, alpha)


def reduce(color: Float, alpha: Float, max_side: int | None) -> tuple[Float, Float]:
    """Reduce a foreground that is larger than ``max_side`` by area averaging; colour is weighted by alpha."""
    height, width = alpha.shape
    if max_side is None or max(height, width) <= max_side:
        return color, alpha
    scale = max_side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    sums, plain = (cv2.resize(c, size, interpolation=cv2.INTER_AREA) for c in (color * alpha[..., None], color))
    small = np.asarray(np.clip(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), 0, 1), np.float32)
    weight = small[..., None]
    straight = np.where(weight > 1e-4, sums / np.maximum(weight, 1e-4), plain)
    return np.clip(straight, 0, 1).astype(np.float32), small


def _report_alike(kept: list[tuple[Candidate, ScanRecord]], divided: Sequence[str], report: ScanReport) -> None:
    for a, b in alike([record.look for _, record in kept]):
        pair = (kept[a][0].id, kept[b][0].id)
        report.duplicates.append(pair)
        if divided and divided[a] != divided[b]:
            report.divided.append(pair)


def _typed(ids: list[str], block: StoredBlock, report: ScanReport) -> dict[str, Typed]:
    if not block.types:
        return {}
    matching = match(ids, read_types(block.types, block.dataset))
    if not matching.missing and not matching.unknown:
        return matching.typed
    text = matching.text()
    file = _full_report(block, text)
    summary = f"types file: {text.splitlines()[0]}" + (f"; full list: {file}" if file else "")
    if block.missing_types == "error" and matching.missing:
        raise AimkitError(
            "\n  ".join(text.splitlines()[:8]),
            f"{block.title}, types = {block.types}",
            (f"{file} lists all of them; " if file else "")
            + 'to continue without them set missing_types = "infer" or "skip"',
        )
    report.notes += [summary, *text.splitlines()[1:4]]
    return matching.typed


def _full_report(block: StoredBlock, text: str) -> Path | None:
    key = hashlib.sha256(f"{block.path} {block.types} {block.dataset}".encode()).hexdigest()[:12]
    path = cache_folder("reports") / f"types-{key}.txt"
    try:
        write_bytes(path, f"{block.types} compared with {block.path}\n{text}\n".encode())
    except AimkitError as error:
        console.detail(f"the list of types is not kept: {error.what}")
        return None
    return path


def _item(one: Candidate, record: ScanRecord, block: StoredBlock, typed: Typed | None) -> Item:
    if typed is not None:
        kind = typed.type
    elif one.type:
        kind = ImageType.parse(one.type, one.where)
    elif block.type != "infer":
        kind = ImageType(block.type)
    else:
        kind = decide(Statistics(**record.statistics)).type
    category = (typed.category if typed else "") or one.category or block.category
    licence, origin = block.licence or one.licence, block.origin or one.origin
    return Item(one.id, block.title, kind, category, licence, origin, record.digest)
