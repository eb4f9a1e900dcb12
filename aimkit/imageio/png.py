"""PNG: chunks are checked one by one, so that damaged or huge metadata costs neither the picture nor the memory."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np

from aimkit.imageio.picture import DecodedImage, upright
from aimkit.imageio.pillow import as_array
from aimkit.imageio.source import check_size, max_pixels
from aimkit.types import Array

SIGNATURE = b"\x89PNG\r\n\x1a\n"

#: Chunks that decide pixels; tRNS among them, though the standard calls it ancillary.
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")

#: Chunks in which an orientation can stand: as EXIF, in XMP, or in ImageMagick's way.
_TEXTS = (b"eXIf", b"iTXt", b"zTXt", b"tEXt")

#: Metadata beyond this is not read; no orientation needs as much.
_MOST = 1 << 20

#: Rows whose colours are put in order at a time.
_ROWS = 64

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


#: Views of the file, which save copies of large pictures.
Bytes = bytes | memoryview


@dataclass
class PngFile:
    width: int
    height: int
    depth: int
    kind: int
    interlaced: bool
    pixels: list[Bytes] = field(default_factory=list)
    texts: list[Bytes] = field(default_factory=list)
    transparent: bytes = b""
    notes: list[str] = field(default_factory=list)


def decode_png(data: bytes, limit: int) -> DecodedImage:
    """Decode a PNG of any of the 15 combinations of colour type and bit depth.

    Raises:
        AimkitError, ValueError, OSError: It is damaged, cut short or over the pixel limit.
    """
    from PIL.PngImagePlugin import PngImageFile

    file = parse_png(data, limit)
    deep = file.depth == 16 and file.kind != 0
    # Pillow gets a troublesome file without what troubles it; OpenCV gets no metadata at all.
    chunks = _header_only(file) if deep else [*file.pixels[:1], *file.texts, *file.pixels[1:]]
    image = PngImageFile(BytesIO(b"".join([SIGNATURE, *chunks]) if deep or file.notes else data))
    indices = None
    if deep:
        pixels = _deep(file)
        orientation = image.getexif().get(0x0112, 1)
    else:
        image.load()
        orientation = image.getexif().get(0x0112, 1)
        if file.kind == 3:
            indices = np.asarray(image)
            pixels = np.asarray(image.convert("RGBA" if file.transparent else "RGB"))
        else:
            pixels = as_array(image.convert("L") if image.mode == "1" else image)
            if pixels.dtype != np.uint8:
                pixels = pixels.astype(np.uint16)
    if file.transparent and file.kind in (0, 2):
        pixels = _with_transparent_color(pixels, file)
    if indices is not None:
        indices = upright(indices, orientation)
    return DecodedImage(upright(pixels, orientation), indices=indices, format="PNG", notes=tuple(file.notes))


def sound_png(data: bytes) -> bytes:
    """A PNG as OpenCV decodes it in silence: libpng prints what it finds wrong, where nobody can catch it.

    Returns:
        The file itself, or where its metadata or its end are damaged, a copy without them.

    Raises:
        AimkitError, ValueError: It is damaged, cut short or over the pixel limit.
    """
    file = parse_png(data, max_pixels())
    if not file.notes:
        return data
    _require_complete(file)
    return b"".join([SIGNATURE, *file.pixels])


def parse_png(data: bytes, limit: int) -> PngFile:
    file: PngFile | None = None
    metadata = 0
    for name, start, end in _chunks(data):
        chunk = memoryview(data)[start:end]
        sound = zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")
        if name == b"IHDR" and file is None and len(chunk) == 25:
            width, height, depth, kind, _, _, interlace = struct.unpack(">IIBBBBB", chunk[8:-4])
            if depth not in _DEPTHS.get(kind, ()):
                raise ValueError(f"the header says colour type {kind} with {depth} bits")
            check_size(width, height, limit)
            file = PngFile(width, height, depth, kind, bool(interlace))
        if file is None:
            raise ValueError("the header is missing")
        if name in _PIXELS:
            if not sound:
                raise ValueError(f"the file is damaged: the checksum of the {name.decode()} chunk is wrong")
            if name == b"tRNS":
                file.transparent = bytes(chunk[8:-4])
            file.pixels.append(chunk)
        elif not sound:
            label = name.decode("ascii", "replace")
            file.notes.append(f"a damaged {label} chunk was ignored: its checksum is wrong")
        elif name in (b"iCCP", *_TEXTS):
            metadata += _size(name, bytes(chunk[8:-4]))
            if metadata <= _MOST and name != b"iCCP":
                file.texts.append(chunk)
        elif name == b"acTL":
            file.notes.append("it is an animation; the first picture is read")
    if file is None or not any(chunk[4:8] == b"IDAT" for chunk in file.pixels):
        raise ValueError("the file is cut short")
    if file.pixels[-1][4:8] != b"IEND":
        file.notes.append("the end of the file is missing; the pixels are complete")
        file.pixels.append(_chunk(b"IEND", b""))
    if metadata > _MOST:
        file.notes.append("metadata of more than 1 MB was ignored")
    return file


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(name, start, end) of every complete chunk."""
    at, size = len(SIGNATURE), len(data)
    while at + 12 <= size:
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > size:
            return
        name = data[at + 4 : at + 8]
        yield name, at, end
        if name == b"IEND":
            return
        at = end


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _size(name: bytes, body: bytes) -> int:
    """Bytes of a text or profile when it is decompressed, as far as the limit."""
    _, _, rest = body.partition(b"\0")
    if name == b"iTXt" and rest[:1] == b"\x01":
        compressed = rest[2:].split(b"\0", 2)[-1]
    elif name in (b"zTXt", b"iCCP"):
        compressed = rest[1:]
    else:
        return len(body)
    try:
        return max(len(body), len(zlib.decompressobj().decompress(compressed, _MOST + 1)))
    except zlib.error:
        # Pillow would refuse the whole picture for it.
        return _MOST + 1


def _header_only(file: PngFile) -> list[Bytes]:
    """A picture of one pixel with the texts of a larger one: to ask for its orientation."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return [header, *file.texts, _chunk(b"IDAT", zlib.compress(b"\0\0")), file.pixels[-1]]


def _deep(file: PngFile) -> Array:
    """Pixels of 16 bits in more than one channel, which Pillow can't hold."""
    import cv2

    _require_complete(file)
    stream = [chunk for chunk in file.pixels if chunk[4:8] in (b"IHDR", b"IDAT", b"IEND")]
    encoded = np.frombuffer(b"".join([SIGNATURE, *stream]), np.uint8)
    pixels = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape[:2] != (file.height, file.width) or pixels.dtype != np.uint16:
        raise ValueError("OpenCV can't decode it")
    if file.kind == 4:
        # OpenCV hands out grey with alpha as four channels.
        return np.ascontiguousarray(pixels[..., [0, 3]])
    code = cv2.COLOR_BGR2RGB if file.kind == 2 else cv2.COLOR_BGRA2RGBA
    for top in range(0, file.height, _ROWS):
        pixels[top : top + _ROWS] = cv2.cvtColor(pixels[top : top + _ROWS], code)
    return np.asarray(pixels)


def _require_complete(file: PngFile) -> None:
    """OpenCV fills what is missing with zeros; so the length of the stream is counted, at little cost of memory."""
    bits = _CHANNELS[file.kind] * file.depth
    expected = sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in _passes(file) if columns)
    inflate, found = zlib.decompressobj(), 0
    for part in (chunk[8:-4] for chunk in file.pixels if chunk[4:8] == b"IDAT"):
        while part and not inflate.eof:
            found += len(inflate.decompress(part, 1 << 20))
            part = inflate.unconsumed_tail
    while not inflate.eof:
        more = len(inflate.decompress(b"", 1 << 20))
        if not more:
            break
        found += more
    if not inflate.eof or found < expected:
        raise ValueError("the file is cut short")


def _passes(file: PngFile) -> list[tuple[int, int]]:
    """(columns, rows) of the picture, or of the seven passes of an interlaced one."""
    if not file.interlaced:
        return [(file.width, file.height)]
    starts = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    return [(-(-(file.width - x) // dx), -(-(file.height - y) // dy)) for x, y, dx, dy in starts]


def _with_transparent_color(pixels: Array, file: PngFile) -> Array:
    """Add the alpha channel of a picture that names one grey level or colour that is clear."""
    count = _CHANNELS[file.kind]
    if len(file.transparent) != 2 * count:
        raise ValueError("the tRNS chunk has a wrong length")
    key = np.frombuffer(file.transparent, ">u2") & ((1 << file.depth) - 1)
    top = np.iinfo(pixels.dtype).max
    if file.depth < 8:
        key = key * (255 // ((1 << file.depth) - 1))
    planes = pixels[..., None] if count == 1 else pixels
    alpha = np.where((planes == key).all(axis=2, keepdims=True), 0, top).astype(pixels.dtype)
    return np.concatenate([planes, alpha], axis=2)
