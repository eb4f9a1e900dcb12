"""OpenEXR, as far as mattes need it: scan lines of one part, stored plainly or with RLE or ZIP."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from aimkit.errors import AimkitError
from aimkit.imageio.picture import DecodedImage
from aimkit.imageio.source import check_size
from aimkit.types import Array, UInt8

_TILED, _DEEP, _PARTS = 0x200, 0x800, 0x1000

_NONE, _RLE, _ZIPS, _ZIP = range(4)
_OTHERS = {4: "PIZ", 5: "PXR24", 6: "B44", 7: "B44A", 8: "DWAA", 9: "DWAB"}

#: NumPy types of pixels: UINT, HALF, FLOAT.
_TYPES = {0: "<u4", 1: "<f2", 2: "<f4"}

#: (x0, y0, x1, y1), the last column and row included.
_Window = tuple[int, int, int, int]


@dataclass(frozen=True)
class _ExrHeader:
    channels: dict[str, str]
    compression: int
    data: _Window
    display: _Window
    end: int


def decode_exr(data: bytes, limit: int) -> DecodedImage:
    """Decode grey (Y, or a channel alone), RGB, and the alpha channel A, which EXR keeps associated.

    The picture is the display window; where the file holds no data, it is 0.

    Raises:
        AimkitError, ValueError: It is damaged, over the pixel limit, or of a kind that is not read.
    """
    flags = struct.unpack_from("<I", data, 4)[0]
    for flag, kind in ((_TILED, "tiles"), (_DEEP, "deep data"), (_PARTS, "several parts")):
        if flags & flag:
            raise _unsupported(kind)
    header = _read_header(data)
    for window in (header.display, header.data):
        check_size(window[2] - window[0] + 1, window[3] - window[1] + 1, limit)
    if header.compression > _ZIP:
        raise _unsupported(f"{_OTHERS.get(header.compression, 'unknown')} compression")
    names = _wanted(list(header.channels))
    planes = _planes(data, header, names)
    pixels = _in_display(planes, header)
    notes = () if header.data == header.display else ("the file holds data of a part of the picture; the rest is 0",)
    pixels = pixels[..., 0] if len(names) == 1 else pixels
    return DecodedImage(pixels, associated=names[-1] == "A" and len(names) > 1, linear=True, format="EXR", notes=notes)


def _unsupported(kind: str) -> AimkitError:
    hint = "save it as one scan-line part with ZIP compression, or as PNG, TIFF or NPY"
    return AimkitError(f"can't read the image: EXR files with {kind} are not supported", "", hint)


def _read_header(data: bytes) -> _ExrHeader:
    at, found = 8, {}
    while data[at : at + 1] not in (b"\0", b""):
        name, at = _text(data, at)
        _, at = _text(data, at)
        size = struct.unpack_from("<i", data, at)[0]
        if size < 0 or at + 4 + size > len(data):
            raise ValueError("the file is cut short")
        found[name] = data[at + 4 : at + 4 + size]
        at += 4 + size
    missing = {"channels", "compression", "dataWindow", "displayWindow"} - set(found)
    if missing:
        raise ValueError(f"the header has no {sorted(missing)[0]}")
    windows = [struct.unpack("<4i", found[name]) for name in ("dataWindow", "displayWindow")]
    return _ExrHeader(_channels(found["channels"]), found["compression"][0], windows[0], windows[1], at + 1)


def _channels(body: bytes) -> dict[str, str]:
    """The type of every channel, in the file's order."""
    at, found = 0, {}
    while body[at : at + 1] not in (b"\0", b""):
        name, at = _text(body, at)
        kind, _, across, down = struct.unpack_from("<iIii", body, at)
        if kind not in _TYPES or (across, down) != (1, 1):
            raise ValueError(f"its channel {name} is of a kind that is not supported")
        found[name] = _TYPES[kind]
        at += 16
    return found


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at, at + 257)
    return data[at:end].decode("latin-1"), end + 1


def _wanted(names: list[str]) -> list[str]:
    """The channels of the picture, alpha last."""
    alpha = ["A"] if "A" in names else []
    if {"R", "G", "B"} <= set(names):
        return ["R", "G", "B", *alpha]
    if "Y" in names:
        return ["Y", *alpha]
    if len(names) == 1:
        return names
    raise ValueError(f"its channels {', '.join(names[:8])} are neither grey nor RGB")


def _planes(data: bytes, header: _ExrHeader, names: list[str]) -> Array:
    """The wanted channels of the data window, (H, W, channels)."""
    x0, y0, x1, y1 = header.data
    width, height = x1 - x0 + 1, y1 - y0 + 1
    starts: dict[str, int] = {}
    row = 0
    for name, code in header.channels.items():
        starts[name] = row
        row += width * np.dtype(code).itemsize
    lines = 16 if header.compression == _ZIP else 1
    count = -(-height // lines)
    if header.end + 8 * count > len(data):
        raise ValueError("the file is cut short")
    dtype = np.result_type(*(np.dtype(header.channels[name]) for name in names)).newbyteorder("=")
    planes = np.empty((height, width, len(names)), dtype)
    seen = np.zeros(height, bool)
    for start in struct.unpack_from(f"<{count}Q", data, header.end):
        if start + 8 > len(data):
            raise ValueError("the file is cut short")
        y, size = struct.unpack_from("<ii", data, start)
        top = y - y0
        if not 0 <= top < height or top % lines or size < 0 or start + 8 + size > len(data):
            raise ValueError("the file is damaged")
        rows = min(lines, height - top)
        block = _decompress(data[start + 8 : start + 8 + size], rows * row, header.compression).reshape(rows, row)
        for channel, name in enumerate(names):
            kind = np.dtype(header.channels[name])
            part = block[:, starts[name] : starts[name] + width * kind.itemsize]
            planes[top : top + rows, :, channel] = np.ascontiguousarray(part).view(kind)
        seen[top : top + rows] = True
    if not seen.all():
        raise ValueError("lines are missing")
    return planes


def _decompress(data: bytes, size: int, compression: int) -> UInt8:
    if compression == _NONE or len(data) == size:
        plain = np.frombuffer(data, np.uint8)
    else:
        packed = _run_lengths(data, size) if compression == _RLE else zlib.decompressobj().decompress(data, size)
        # Differences of bytes, the even ones before the odd ones.
        differences = np.frombuffer(packed, np.uint8).copy()
        differences[1:] -= 128
        sums = np.cumsum(differences, dtype=np.uint8)
        plain = np.empty_like(sums)
        half = (len(sums) + 1) // 2
        plain[::2], plain[1::2] = sums[:half], sums[half:]
    if len(plain) != size:
        raise ValueError("the file is cut short")
    return plain


def _run_lengths(data: bytes, size: int) -> bytes:
    found, at = bytearray(), 0
    while at < len(data) and len(found) < size:
        head = data[at]
        if head > 127:
            found += data[at + 1 : at + 257 - head]
            at += 257 - head
        else:
            found += data[at + 1 : at + 2] * (head + 1)
            at += 2
    return bytes(found)


def _in_display(planes: Array, header: _ExrHeader) -> Array:
    """The planes of the data window in the display window."""
    if header.data == header.display:
        return planes
    x0, y0, x1, y1 = header.display
    left, top = header.data[0] - x0, header.data[1] - y0
    whole = np.zeros((y1 - y0 + 1, x1 - x0 + 1, planes.shape[2]), planes.dtype)
    part = planes[max(0, -top) :, max(0, -left) :]
    place = whole[max(0, top) :, max(0, left) :][: part.shape[0], : part.shape[1]]
    place[:] = part[: place.shape[0], : place.shape[1]]
    return whole
