"""Radiance HDR (.hdr): linear light, of which panoramas are made; no colours until it is tone-mapped."""

from __future__ import annotations

import re

import cv2
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
    light = _decode(data)
    if light is None or light.shape != (height, width, 3):
        raise ValueError("the file is damaged or cut short")
    return np.ascontiguousarray(light[..., ::-1])


def _decode(data: bytes) -> Float | None:
    """Decode with OpenCV, which would print what it finds wrong."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        light = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        return None if light is None else np.asarray(light, np.float32)
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(level)
