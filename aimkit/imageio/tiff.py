"""TIFF: integers and floats of any depth, strips and tiles, interleaved or in planes.

Pillow holds no more than 8 bits of a colour, and OpenCV knows neither planes nor what alpha means, so both read many
files wrong. Only what compresses pictures rather than bytes (JPEG, fax), and colours other than grey, RGB and whole
YCbCr (which Pillow 12.3 reads wrong), are left to Pillow.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from aimkit.imageio.picture import DecodedImage, upright
from aimkit.imageio.pillow import decode_pillow
from aimkit.imageio.source import check_size
from aimkit.imageio.tiff_codecs import BYTEWISE, decompress, undo_float_predictor, undo_predictor
from aimkit.imageio.tiff_layout import TiffLayout, read_layout
from aimkit.types import Array, UInt8

#: Compressions of pictures that change pixels: JPEG in two ways, JPEG 2000, WebP, JPEG XL.
_LOSSY = (6, 7, 33003, 33005, 34712, 34934, 50001, 50002)

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _TABLE = range(4)
_YCBCR = 6
_RAW = (32803, 34892)

_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_KINDS = {_UNSIGNED: "u", _SIGNED: "i", _FLOAT: "f"}

#: Samples of a pixel that are worth memory: RGB, alpha, and a few that are left out.
_MOST_SAMPLES = 8


def decode_tiff(data: bytes, limit: int) -> DecodedImage:
    """Decode the first picture of a TIFF file.

    Raises:
        AimkitError, ValueError, OSError: It is damaged, cut short, over the pixel limit, or of a kind that is not read.
    """
    layout = read_layout(data)
    check_size(layout.width, layout.height, limit)
    if layout.photometric in _RAW:
        raise ValueError("it is a raw photo; develop it to TIFF or JPEG")
    ycbcr = layout.photometric == _YCBCR and (layout.bits, layout.samples, layout.subsampling) == (8, 3, (1, 1))
    if layout.compression not in BYTEWISE or (layout.photometric > _TABLE and not ycbcr):
        image = decode_pillow(data, limit, "TIFF")
        lossy = layout.compression in _LOSSY
        return replace(image, lossy=lossy, lossy_alpha=lossy, notes=image.notes + layout.notes)
    _check(layout, limit)
    return _meaning(_samples(data, layout), layout)


def _check(layout: TiffLayout, limit: int) -> None:
    known = {_UNSIGNED: (*range(1, 17), 32, 64), _SIGNED: (8, 16, 32, 64), _FLOAT: (16, 32, 64)}
    if layout.bits not in known.get(layout.format, ()):
        kind = {1: "unsigned", 2: "signed", 3: "float", 5: "complex", 6: "complex"}.get(layout.format, "unknown")
        raise ValueError(f"{kind} samples of {layout.bits} bits are not supported")
    if not 1 <= layout.samples <= _MOST_SAMPLES:
        raise ValueError(f"pixels of {layout.samples} samples are not a picture")
    if layout.predictor not in (1, 2, 3) or (layout.predictor == 3) > (layout.format == _FLOAT):
        raise ValueError(f"the predictor {layout.predictor} is unknown")
    if layout.predictor == 2 and layout.bits not in (8, 16, 32, 64):
        raise ValueError(f"a predictor of {layout.bits} bits is not supported")
    height, width = layout.tile
    check_size(width, height, limit)
    # Tiles are filled up beyond the edge, but never by more than one in each direction.
    check_size(layout.width + width, layout.height + height, 4 * limit)


def _samples(data: bytes, layout: TiffLayout) -> Array:
    """Samples as stored, (height, width, samples), in the machine's byte order."""
    tile_height, tile_width = layout.tile
    down, across = -(-layout.height // tile_height), -(-layout.width // tile_width)
    planes, interleaved = (layout.samples, 1) if layout.planar else (1, layout.samples)
    each = down * across
    if len(layout.offsets) < planes * each or len(layout.counts) < planes * each:
        raise ValueError("strips or tiles are missing")
    row = (tile_width * interleaved * layout.bits + 7) // 8
    rows = [tile_height] * each
    if not layout.tiled:
        rows[-1] = layout.height - (down - 1) * tile_height
    whole = np.empty((layout.height, layout.width, layout.samples), _dtype(layout))
    for plane in range(planes):
        at = range(plane * each, (plane + 1) * each)
        parts = [_part(data, layout.offsets[i], layout.counts[i]) for i in at]
        plain = decompress(parts, [n * row for n in rows], row, layout.compression, layout.reversed_bits)
        for i, part in enumerate(plain):
            top, left = i // across * tile_height, i % across * tile_width
            place = whole[top : top + tile_height, left : left + tile_width]
            place = place[..., plane : plane + 1] if layout.planar else place
            place[:] = _unpack(part, row, interleaved, layout)[: place.shape[0], : place.shape[1]]
    return whole


def _part(data: bytes, offset: int, count: int) -> bytes:
    if not count or offset + count > len(data):
        raise ValueError("the file is cut short")
    return data[offset : offset + count]


def _dtype(layout: TiffLayout) -> np.dtype[np.generic]:
    size = next(size for size in (1, 2, 4, 8) if layout.bits <= 8 * size)
    return np.dtype(f"{_KINDS[layout.format]}{size}")


def _unpack(part: bytes, row: int, samples: int, layout: TiffLayout) -> Array:
    """The samples of a strip or tile, (rows, columns, samples)."""
    width = layout.tile[1]
    if layout.predictor == 3:
        rows = np.frombuffer(part, np.uint8).reshape(-1, row)
        return undo_float_predictor(rows, samples, layout.bits // 8).reshape(-1, width, samples)
    if layout.bits in (8, 16, 32, 64):
        # Differences are taken of the bits, whatever they mean.
        kind = "u" if layout.predictor == 2 else _KINDS[layout.format]
        stored = np.frombuffer(part, f"{layout.order}{kind}{layout.bits // 8}").reshape(-1, width, samples)
        native = stored.astype(stored.dtype.newbyteorder("="), copy=False)
        return undo_predictor(native, layout.predictor).view(_dtype(layout))
    bits = np.unpackbits(np.frombuffer(part, np.uint8).reshape(-1, row), axis=1)
    bits = bits[:, : width * samples * layout.bits].reshape(-1, width, samples, layout.bits)
    values = np.zeros(bits.shape[:3], _dtype(layout))
    for bit in range(layout.bits):
        values = values << 1 | bits[..., bit]
    return values


def _meaning(samples: Array, layout: TiffLayout) -> DecodedImage:
    """What the samples say: colour tables, white as zero, alpha."""
    notes = list(layout.notes)
    indices = None
    colors = 3 if layout.photometric in (_RGB, _YCBCR) else 1
    if layout.samples < colors:
        raise ValueError(f"RGB of {layout.samples} samples is not a picture")
    extra = samples.shape[2] - colors
    kinds = (*layout.extras[-extra:], *(0,) * extra)[:extra] if extra else ()
    if colors == 1 and extra > 1 and not {1, 2} & set(kinds):
        raise ValueError(f"the file doesn't say what its {layout.samples} channels are; save it as grey or RGB")
    alpha, associated = _alpha(samples[..., colors:], kinds, bool(layout.extras), notes)
    planes = samples[..., :colors]
    if layout.photometric == _TABLE:
        indices = planes[..., 0].astype(np.uint8)
        planes = _looked_up(planes[..., 0], layout)
    else:
        planes = _spread(planes, layout.bits)
        if layout.photometric == _WHITE_IS_ZERO:
            planes = _inverted(planes, layout.format)
        elif layout.photometric == _YCBCR:
            planes = np.asarray(Image.fromarray(planes, "YCbCr").convert("RGB"))
    if alpha is not None:
        planes = np.concatenate([planes, _spread(alpha, layout.bits).astype(planes.dtype)], axis=2)
    pixels = upright(planes[..., 0] if planes.shape[2] == 1 else planes, layout.orientation)
    indices = None if indices is None else upright(indices, layout.orientation)
    return DecodedImage(pixels, associated, indices, format="TIFF", notes=tuple(notes))


def _alpha(extra: Array, kinds: tuple[int, ...], said: bool, notes: list[str]) -> tuple[Array | None, bool]:
    """The alpha channel among the samples beyond colour, (H, W, 1) or None, and whether it is associated."""
    at = next((i for i, kind in enumerate(kinds) if kind in (1, 2)), None)
    if at is not None:
        if len(kinds) > 1:
            notes.append(f"{len(kinds) - 1} channels other than colour and alpha are left out")
        return extra[..., at : at + 1], kinds[at] == 1
    if not kinds:
        return None, False
    first = extra[..., :1]
    opaque = np.iinfo(first.dtype).max if first.dtype.kind in "ui" else 1
    if first[0, 0, 0] != opaque and (first == first[0, 0]).all():
        notes.append("a constant channel next to the colours is left out")
        return None, False
    notes.append(
        f"the file {'leaves open' if said else 'does not say'} what its extra channel is; taken as straight alpha"
    )
    return first, False


def _spread(levels: Array, bits: int) -> Array:
    """Levels of odd depths over the whole range of their type: 1 bit becomes 0 and 255."""
    if bits in (8, 16, 32, 64):
        return levels
    top = (1 << bits) - 1
    full = np.iinfo(levels.dtype).max
    return ((levels.astype(np.uint32) * full + top // 2) // top).astype(levels.dtype)


def _inverted(levels: Array, kind: int) -> Array:
    if kind == _UNSIGNED:
        return np.iinfo(levels.dtype).max - levels
    if kind == _FLOAT and levels.min() >= 0 and levels.max() <= 1:
        return 1 - levels
    raise ValueError("white is zero, but the file doesn't say which level is black; save it with black as zero")


def _looked_up(indices: Array, layout: TiffLayout) -> UInt8:
    table = layout.color_map
    if table is None or layout.bits > 8 or layout.format != _UNSIGNED:
        raise ValueError("its colour table is missing or damaged")
    if int(indices.max()) >= table.shape[1]:
        raise ValueError("it has colours that are not in its table")
    # The table has 16 bits; some old writers filled it with 8.
    eight = table if table.max() < 256 else table >> 8
    return eight.astype(np.uint8).T[indices]
