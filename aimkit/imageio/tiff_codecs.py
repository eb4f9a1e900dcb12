"""Decompressing the strips and tiles of TIFF files, and undoing predictors."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from io import BytesIO

import numpy as np

from aimkit.types import Array, UInt8

NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS, LZMA, ZSTD = 1, 5, 8, 32946, 32773, 34925, 50000

#: Compressions of bytes, whatever the bytes mean. Others, such as JPEG, compress pictures.
BYTEWISE = (NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS, LZMA, ZSTD)

_REVERSED = np.array([int(f"{value:08b}"[::-1], 2) for value in range(256)], np.uint8)


def decompress(
    parts: Sequence[bytes], sizes: Sequence[int], row: int, compression: int, reversed_bits: bool
) -> list[bytes]:
    """Decompress strips or tiles.

    Args:
        parts: Their bytes in the file.
        sizes: Bytes of each when decompressed; all but the last are alike.
        row: Bytes of a row, of which every size is a multiple.
        compression: One of ``BYTEWISE``.
        reversed_bits: The lowest bit of a byte comes first.

    Returns:
        Exactly as many bytes as ``sizes`` says.

    Raises:
        ValueError, OSError, zlib.error: They are damaged or cut short.
    """
    if reversed_bits:
        parts = [_REVERSED[np.frombuffer(part, np.uint8)].tobytes() for part in parts]
    if compression == NONE:
        plain = list(parts)
    elif compression in (DEFLATE, OLD_DEFLATE):
        plain = [_inflate(part, size, sizes[0]) for part, size in zip(parts, sizes, strict=True)]
    elif compression == PACKBITS:
        plain = [_packbits(part, size) for part, size in zip(parts, sizes, strict=True)]
    else:
        plain = _libtiff(parts, sizes, row, compression)
    if any(len(part) < size for part, size in zip(plain, sizes, strict=True)):
        raise ValueError("the file is cut short")
    return [part[:size] for part, size in zip(plain, sizes, strict=True)]


def undo_predictor(samples: Array, predictor: int) -> Array:
    """Undo predictor 2, the differences between neighbours in a row; 1 is none.

    Args:
        samples: Unsigned integers in the machine's byte order, (rows, columns, samples).
        predictor: 1 or 2.
    """
    return np.cumsum(samples, axis=1, dtype=samples.dtype) if predictor == 2 else samples


def undo_float_predictor(rows: UInt8, samples: int, size: int) -> Array:
    """Undo predictor 3: differences of bytes, those of one significance beside each other, the highest first.

    Args:
        rows: (rows, bytes of a row).
        samples: Samples of a pixel.
        size: Bytes of a sample.

    Returns:
        Floats in big-endian order, (rows, values of a row).
    """
    count = len(rows)
    sums = np.cumsum(rows.reshape(count, -1, samples), axis=1, dtype=np.uint8).reshape(count, size, -1)
    return np.ascontiguousarray(sums.transpose(0, 2, 1)).view(f">f{size}")[..., 0]


def _inflate(data: bytes, size: int, most: int) -> bytes:
    inflate = zlib.decompressobj()
    found = inflate.decompress(data, size)
    # Going on to the end has the checksum compared. Some writers fill up the last strip to the size of the others.
    inflate.decompress(inflate.unconsumed_tail, most)
    if not inflate.eof:
        raise ValueError("the file is damaged")
    return found


def _packbits(data: bytes, size: int) -> bytes:
    """Runs of equal bytes and of different ones, each with its length before it."""
    found, at = bytearray(), 0
    while at < len(data) and len(found) < size:
        head = data[at]
        if head < 128:
            found += data[at + 1 : at + 2 + head]
            at += 2 + head
        else:
            if head > 128:
                found += data[at + 1 : at + 2] * (257 - head)
            at += 2 if head > 128 else 1
    return bytes(found)


def _libtiff(parts: Sequence[bytes], sizes: Sequence[int], row: int, compression: int) -> list[bytes]:
    """Let Pillow's libtiff decompress: the bytes are dressed as a grey 8-bit picture, whose levels are the result."""
    from PIL.TiffImagePlugin import TiffImageFile

    count, height = len(parts), sum(sizes) // row
    starts, at = [], 8
    for part in parts:
        starts.append(at)
        at += len(part)
    lists = struct.pack(f"<{2 * count}I", *starts, *map(len, parts))
    inline = count == 1
    tags = [
        (256, 4, 1, row),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (273, 4, count, starts[0] if inline else at),
        (277, 3, 1, 1),
        (278, 4, 1, sizes[0] // row),
        (279, 4, count, len(parts[0]) if inline else at + 4 * count),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + b"\0\0\0\0"
    head = b"II*\0" + struct.pack("<I", at + len(lists))
    with TiffImageFile(BytesIO(b"".join([head, *parts, lists, directory]))) as image:
        image.load()
        levels = image.tobytes()
    ends = np.cumsum(sizes).tolist()
    return [levels[end - size : end] for end, size in zip(ends, sizes, strict=True)]
