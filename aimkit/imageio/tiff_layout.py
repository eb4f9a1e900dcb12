"""The directory of a TIFF file: how its pixels are laid out, in classic TIFF and BigTIFF of both byte orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

#: NumPy types of the field types that tags are written in.
_TYPES = {
    1: "u1",
    2: "u1",
    3: "u2",
    4: "u4",
    6: "i1",
    7: "u1",
    8: "i2",
    9: "i4",
    13: "u4",
    16: "u8",
    17: "i8",
    18: "u8",
}

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIP_OFFSETS, _ORIENTATION, _SAMPLES, _STRIP_ROWS, _STRIP_COUNTS, _PLANAR = 273, 274, 277, 278, 279, 284
_PREDICTOR, _COLOR_MAP, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS = 317, 320, 322, 323, 324, 325
_SUBFILE, _EXTRA, _SAMPLE_FORMAT, _SUBSAMPLING, _DNG = 254, 338, 339, 530, 50706

_USED = (*range(_WIDTH, _PHOTOMETRIC + 1), _FILL_ORDER, _STRIP_OFFSETS, _ORIENTATION, _SAMPLES, _STRIP_ROWS)
_USED += (_STRIP_COUNTS, _PLANAR, *range(_PREDICTOR, _TILE_COUNTS + 1), _SUBFILE, _EXTRA, _SAMPLE_FORMAT, _SUBSAMPLING)

#: More pages than anyone counts: the chain of directories of a damaged file may have no end.
_MOST_PAGES = 1000


@dataclass(frozen=True)
class TiffLayout:
    """How a picture lies in its file.

    Attributes:
        width: Pixels.
        height: Pixels.
        bits: Bits of a sample.
        samples: Samples of a pixel.
        format: 1 unsigned, 2 signed, 3 float.
        photometric: 0 white is zero, 1 black is zero, 2 RGB, 3 colour table, 6 YCbCr; others are not read here.
        compression: TIFF's number of it.
        predictor: 1 none, 2 differences, 3 differences of floats.
        planar: Every sample has a plane of its own.
        extras: For every sample beyond grey or RGB: 0 unspecified, 1 associated alpha, 2 straight alpha.
        tile: (height, width) of a tile; a strip is a tile as wide as the picture.
        tiled: Tiles, whose last row and column are filled up; strips are cut.
        offsets: Where each tile or strip starts.
        counts: Its bytes.
        color_map: (3, entries), uint16, or None.
        order: Byte order, NumPy's "<" or ">".
        reversed_bits: The lowest bit of a byte comes first.
        orientation: 1 to 8.
        subsampling: How many columns and rows share a chroma sample of YCbCr; (1, 1) for all other pictures.
        notes: What was doubted.
    """

    width: int
    height: int
    bits: int
    samples: int
    format: int
    photometric: int
    compression: int
    predictor: int
    planar: bool
    extras: tuple[int, ...]
    tile: tuple[int, int]
    tiled: bool
    offsets: list[int]
    counts: list[int]
    color_map: Any
    order: str
    reversed_bits: bool
    orientation: int
    subsampling: tuple[int, ...]
    notes: tuple[str, ...]


class _Reader:
    """Numbers of a file, bounds checked."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data[:2] == b"II" else ">"
        self.big = self.number(2, 2) == 43
        self.word = 8 if self.big else 4

    def number(self, at: int, size: int) -> int:
        if at < 0 or at + size > len(self.data):
            raise ValueError("the file is cut short")
        return int.from_bytes(self.data[at : at + size], "little" if self.order == "<" else "big")

    def directory(self, at: int) -> tuple[dict[int, Any], int]:
        """Tags of a directory, as arrays, and where the next one starts."""
        width, entry = (8, 20) if self.big else (2, 12)
        count = self.number(at, width)
        start, tags = at + width, {}
        if start + count * entry + self.word > len(self.data):
            raise ValueError("the file is cut short")
        for i in range(count):
            place = start + i * entry
            kind, length = self.number(place + 2, 2), self.number(place + 4, self.word)
            if kind not in _TYPES:
                continue
            dtype = np.dtype(self.order + _TYPES[kind])
            value = place + 4 + self.word
            if length * dtype.itemsize > self.word:
                value = self.number(value, self.word)
            tag = self.number(place, 2)
            if value + length * dtype.itemsize <= len(self.data):
                tags[tag] = np.frombuffer(self.data, dtype, length, value)
            elif tag in _USED:
                raise ValueError("the file is cut short")
        return tags, self.number(start + count * entry, self.word)


def read_layout(data: bytes) -> TiffLayout:
    """Read the directory of the first picture that is not a thumbnail.

    Raises:
        ValueError: The directory is damaged, or describes no picture that can be.
    """
    reader = _Reader(data)
    pages = _pages(reader)
    tags = next((page for page in pages if not _one(page, _SUBFILE, 0) & 1), pages[0])
    if any(_DNG in page for page in pages):
        raise ValueError("it is a raw photo (DNG); develop it to TIFF or JPEG")
    width, height = _one(tags, _WIDTH), _one(tags, _HEIGHT)
    samples = _one(tags, _SAMPLES, 1)
    bits, formats = _alike(tags, _BITS, 1, "depth"), _alike(tags, _SAMPLE_FORMAT, 1, "type")
    notes = [f"the file has {len(pages)} pages; the first picture is read"] if len(pages) > 1 else []
    if _PHOTOMETRIC not in tags:
        notes.append("the file doesn't say what its levels mean; black is taken as zero")
    tiled = _TILE_WIDTH in tags
    if tiled:
        tile = (_one(tags, _TILE_HEIGHT), _one(tags, _TILE_WIDTH))
    else:
        tile = (min(_one(tags, _STRIP_ROWS, height), height), width)
    offsets = _all(tags, _TILE_OFFSETS if tiled and _TILE_OFFSETS in tags else _STRIP_OFFSETS)
    # Old writers leave out the counts of what is one uncompressed strip.
    rest = [len(data) - offsets[0]] if len(offsets) == 1 else []
    counts = _all(tags, _TILE_COUNTS if tiled and _TILE_COUNTS in tags else _STRIP_COUNTS, rest)
    extras = _all(tags, _EXTRA, [])
    return TiffLayout(
        width,
        height,
        bits,
        samples,
        1 if formats == 4 else formats,
        _one(tags, _PHOTOMETRIC, 2 if samples >= 3 else 1),
        _one(tags, _COMPRESSION, 1),
        _one(tags, _PREDICTOR, 1),
        _one(tags, _PLANAR, 1) == 2 and samples > 1,
        tuple(extras),
        tile,
        tiled,
        offsets,
        counts,
        tags[_COLOR_MAP].reshape(3, -1) if _COLOR_MAP in tags and tags[_COLOR_MAP].size % 3 == 0 else None,
        reader.order,
        _one(tags, _FILL_ORDER, 1) == 2,
        _one(tags, _ORIENTATION, 1),
        tuple(_all(tags, _SUBSAMPLING, [2, 2])) if _one(tags, _PHOTOMETRIC, 1) == 6 else (1, 1),
        tuple(notes),
    )


def _pages(reader: _Reader) -> list[dict[int, Any]]:
    at = reader.number(8 if reader.big else 4, reader.word)
    pages: list[dict[int, Any]] = []
    seen = set()
    while at and at not in seen and len(pages) < _MOST_PAGES:
        seen.add(at)
        try:
            tags, after = reader.directory(at)
        except ValueError:
            if not pages:
                raise
            # A later page is damaged; the first is still whole.
            break
        pages.append(tags)
        at = after
    if not pages:
        raise ValueError("the file has no pages")
    return pages


def _all(tags: dict[int, Any], tag: int, default: list[int] | None = None) -> list[int]:
    if tag in tags:
        return [int(value) for value in tags[tag]]
    if default is None:
        raise ValueError(f"the tag {tag} is missing")
    return default


def _one(tags: dict[int, Any], tag: int, default: int | None = None) -> int:
    values = _all(tags, tag, None if default is None else [default])
    if not values:
        raise ValueError(f"the tag {tag} is empty")
    return values[0]


def _alike(tags: dict[int, Any], tag: int, default: int, what: str) -> int:
    """The value that all samples share."""
    values = set(_all(tags, tag, [default]))
    if len(values) != 1:
        raise ValueError(f"its channels differ in {what}")
    return values.pop()
