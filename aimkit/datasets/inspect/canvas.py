"""Drawing for contact sheets, galleries and plots: tiles, text, grids."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from aimkit.types import Array, UInt8

PAPER = (255, 255, 255)
INK = (40, 40, 40)
FAINT = (150, 150, 150)
GREEN = (0, 177, 64)
#: Colours of SO, STM and NS in plots, distinct for colour-blind readers.
SERIES = {"SO": (0, 114, 178), "STM": (230, 159, 0), "NS": (0, 158, 115)}


@lru_cache(maxsize=8)
def font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Pillow's built-in font, so that pictures look the same on every machine."""
    return ImageFont.load_default(size)


def tile(picture: Array, width: int, height: int) -> UInt8:
    """Fit a picture into a tile, keeping its aspect ratio, on light grey.

    Args:
        picture: RGB (H, W, 3) or grey (H, W), uint8.
        width: Width of the tile in pixels.
        height: Height of the tile in pixels.

    Returns:
        RGB, uint8, (height, width, 3).
    """
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    result = np.full((height, width, 3), 236, np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    result[top : top + size[1], left : left + size[0]] = small
    return result


def tile_height(sizes: Sequence[tuple[int, ...]], width: int) -> int:
    """Height of tiles of a given width: that of the median picture of these (height, width), within bounds."""
    ratio = float(np.median([size[0] / size[1] for size in sizes]))
    return round(width * min(max(ratio, 0.4), 1.6))


def grid(header: Sequence[str], rows: Sequence[tuple[str, Sequence[UInt8]]], gap: int = 6) -> UInt8:
    """Draw rows of tiles of one size, with a caption above each row and a header above the columns; RGB, uint8."""
    height, width = rows[0][1][0].shape[:2]
    columns, caption = len(header), 20
    sheet = Image.new(
        "RGB", (gap + columns * (width + gap), caption + gap + len(rows) * (caption + height + gap)), PAPER
    )
    draw = ImageDraw.Draw(sheet)
    for column, text in enumerate(header):
        draw.text((gap + column * (width + gap), 5), text, INK, font(13))
    top = caption + gap
    for text, tiles in rows:
        draw.text((gap, top + 2), text, FAINT, font(12))
        for column, picture in enumerate(tiles):
            sheet.paste(Image.fromarray(picture), (gap + column * (width + gap), top + caption))
        top += caption + height + gap
    return np.asarray(sheet)


def wall(pictures: Sequence[tuple[str, UInt8]], columns: int, gap: int = 6) -> UInt8:
    """Draw tiles of one size in rows, each with its own caption; RGB, uint8."""
    height, width = pictures[0][1].shape[:2]
    caption, lines = 18, -(-len(pictures) // columns)
    sheet = Image.new("RGB", (gap + columns * (width + gap), gap + lines * (height + caption + gap)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (text, picture) in enumerate(pictures):
        line, column = divmod(number, columns)
        left, top = gap + column * (width + gap), gap + line * (height + caption + gap)
        draw.text((left, top), text, INK, font(12))
        sheet.paste(Image.fromarray(picture), (left, top + caption))
    return np.asarray(sheet)


def checkerboard(height: int, width: int, side: int = 16) -> UInt8:
    """Draw a grey checkerboard, RGB; white smoke and black wire both show on it."""
    y, x = np.mgrid[:height, :width] // side
    return np.where(((x + y) % 2)[..., None], np.uint8(150), np.uint8(105)).repeat(3, axis=2)


def encode_png(picture: UInt8) -> bytes:
    """Encode an RGB picture as PNG."""
    return bytes(cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 6])[1])
