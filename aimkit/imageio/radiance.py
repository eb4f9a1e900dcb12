"""Radiance HDR (.hdr): linear light, of which panoramas are made; no colours until it is tone-mapped."""

from __future__ import annotations

import re

import numpy as np

from aimkit.imageio.source import check_size
from aimkit.types import Float

_RESOLUTION = re.compile(rb"-Y (\d{1,9}) \+X (\d{1,9})\n")


def decode_radiance(data: bytes, limit: int) -> Float:
    """Decode RGBE, plain or run-length encoded, with rows from the top.

    Args:
        data: The file.
        limit: The most pixels it may have.

    Returns:
        Amounts of light, linear, from 0 up; RGB, float32, (H, W, 3).

    Raises:
        AimkitError, ValueError: It is damaged, over the pixel limit, or of a kind that is not read.
    """
    # Numba is imported only where its loops run.
    from aimkit.imageio.radiance_rows import read_rows

    if not data.startswith((b"#?RADIANCE", b"#?RGBE")):
        raise ValueError("not a Radiance HDR file")
    head, found, rest = data.partition(b"\n\n")
    if not found:
        raise ValueError("the header has no end")
    if b"FORMAT=" in head and b"FORMAT=32-bit_rle_rgbe" not in head:
        raise ValueError("only Radiance files of the format 32-bit_rle_rgbe are read")
    size = _RESOLUTION.match(rest)
    if not size:
        raise ValueError("only Radiance files with rows from the top are read")
    height, width = int(size[1]), int(size[2])
    check_size(width, height, limit)
    # A run of 127 takes 2 bytes: no sound file is smaller, and no header alone may claim memory.
    if width * height > 64 * len(rest):
        raise ValueError("the file is cut short")
    rows = np.empty((height, width, 4), np.uint8)
    if not read_rows(np.frombuffer(rest, np.uint8)[size.end() :], rows):
        raise ValueError("the file is damaged or cut short")
    exponent = np.ldexp(np.float32(1), rows[..., 3].astype(np.int32) - 136)
    light = rows[..., :3] * np.where(rows[..., 3] > 0, exponent, np.float32(0))[..., None]
    return np.asarray(light, np.float32)
