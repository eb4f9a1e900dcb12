"""PNG of the planes of samples, several times as fast as zlib and as small; the bytes are the same on every machine."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from aimkit.compiled import compiled
from aimkit.imageio.deflate import deflate
from aimkit.imageio.png import SIGNATURE
from aimkit.types import Array, UInt8


def encode_levels(levels: UInt8) -> bytes:
    """PNG bytes of a plane of levels.

    Args:
        levels: RGB (H, W, 3) or grey (H, W), uint8, not empty.
    """
    height, width = levels.shape[:2]
    channels = 1 if levels.ndim == 2 else 3
    rows = np.ascontiguousarray(levels).reshape(height, -1)
    filtered = np.empty((height, 1 + width * channels), np.uint8)
    _filter(rows, channels, filtered)
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", deflate(filtered.ravel())), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(kind, content) for kind, content in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(content, zlib.crc32(kind))
    return len(content).to_bytes(4, "big") + kind + content + check.to_bytes(4, "big")


@compiled
def _filter(rows: Array, channels: int, filtered: Array) -> None:
    """Filter rows, each by the filter that leaves the least differences."""
    height, length = rows.shape
    # The row above and the row, with nothing to the left.
    above, row = np.zeros(channels + length, np.uint8), np.zeros(channels + length, np.uint8)
    here, left, up, corner = row[channels:], row[:length], above[channels:], above[:length]
    tried = np.empty((4, length), np.uint8)
    plain, across, down, gradient = tried[0], tried[1], tried[2], tried[3]
    for y in range(height):
        _copy(here, up)
        _copy(rows[y], here)
        for i in range(length):
            plain[i] = here[i]
            across[i] = here[i] - left[i]
            down[i] = here[i] - up[i]
            gradient[i] = here[i] - _nearest(left[i], up[i], corner[i])
        best, least = 0, _size(plain)
        for kind in range(1, 4):
            size = _size(tried[kind])
            if size < least:
                best, least = kind, size
        filtered[y, 0] = best + (best == 3)
        _copy(tried[best], filtered[y, 1:])


@compiled
def _copy(source: Array, to: Array) -> None:
    """Copy bytes; an assignment to a slice takes Numba seconds to compile."""
    for i in range(len(to)):
        to[i] = source[i]


@compiled
def _size(differences: Array) -> np.int32:
    """Sum of absolute differences."""
    total = np.int32(0)
    for i in range(len(differences)):
        total += abs(np.int32(np.int8(differences[i])))
    return total


@compiled
def _nearest(left: np.uint8, up: np.uint8, corner: np.uint8) -> np.uint8:
    """Paeth's predictor: the neighbour that is nearest to ``left + up - corner``."""
    a, b, c = np.int16(left), np.int16(up), np.int16(corner)
    from_left, from_up, from_corner = abs(b - c), abs(a - c), abs(a + b - c - c)
    nearest = a if from_left <= from_up and from_left <= from_corner else b if from_up <= from_corner else c
    return np.uint8(nearest)
