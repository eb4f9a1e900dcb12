"""PNG of every colour type and depth, written by a slow and obvious encoder, read back exactly."""

from __future__ import annotations

import io
import itertools
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from aimkit import imageio
from aimkit.errors import AimkitError

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16)]
KINDS += [(3, 1), (3, 2), (3, 4), (3, 8), (4, 8), (4, 16), (6, 8), (6, 16)]
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(name, body, wrong=0):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) ^ wrong)


def packed(row, depth):
    """The bytes of a row of samples."""
    if depth >= 8:
        return row.astype(f">u{depth // 8}").tobytes()
    bits = "".join(f"{value:0{depth}b}" for value in row)
    return bytes(int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8))


def paeth(a, b, c):
    return min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]


def filtered(rows, step):
    """Rows under the five filters in turn (PNG specification, 9.2)."""
    before, result = bytes(len(rows[0])), b""
    for number, row in enumerate(rows):
        kind, line = number % 5, bytearray()
        for i, value in enumerate(row):
            left, up, corner = (row[i - step], before[i], before[i - step]) if i >= step else (0, before[i], 0)
            guess = (0, left, up, (left + up) // 2, paeth(left, up, corner))[kind]
            line.append((value - guess) & 255)
        result += bytes([kind]) + line
        before = row
    return result


def png(samples, kind, depth, *, interlaced=False, before=b"", after=b"", table=None):
    """A PNG of samples (H, W, C)."""
    step = max(1, CHANNELS[kind] * depth // 8)
    parts = [samples[y::dy, x::dx] for x, y, dx, dy in PASSES] if interlaced else [samples]
    stream = b"".join(filtered([packed(r.ravel(), depth) for r in part], step) for part in parts if part.size)
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], depth, kind, 0, 0, interlaced)
    palette = b"" if table is None else chunk(b"PLTE", table.astype(np.uint8).tobytes())
    data = zlib.compress(stream)
    pixels = chunk(b"IDAT", data[:20]) + chunk(b"IDAT", data[20:])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + before + pixels + after + chunk(b"IEND", b"")


def samples_of(kind, depth, shape=(11, 13)):
    return np.random.default_rng(kind * 100 + depth).integers(0, 1 << depth, (*shape, CHANNELS[kind]))


def meant(samples, kind, depth, table):
    """What the samples mean: levels over the whole range of 8 or 16 bits."""
    if kind == 3:
        return table[samples[..., 0]].astype(np.uint8)
    levels = samples * 255 // ((1 << depth) - 1) if depth < 8 else samples
    return (levels[..., 0] if kind == 0 else levels).astype(np.uint16 if depth == 16 else np.uint8)


TABLE = np.random.default_rng(1).integers(0, 256, (256, 3))
METADATA = [
    chunk(b"gAMA", struct.pack(">I", 45455)),
    chunk(b"iCCP", b"profile\0\0" + zlib.compress(b"not a profile")),
    chunk(b"sBIT", bytes(4)),
    chunk(b"tEXt", b"Comment\0hello"),
]


@pytest.mark.parametrize(("kind", "depth"), KINDS)
def test_every_colour_type_and_depth_is_exact(kind, depth):
    table = TABLE[: 1 << depth]
    samples = samples_of(kind, depth)
    expected = meant(samples, kind, depth, table)
    for interlaced, extra in itertools.product([False, True], [b"", *METADATA]):
        data = png(samples, kind, depth, interlaced=interlaced, before=extra, table=table if kind == 3 else None)
        found = imageio.decode(data)
        assert found.pixels.dtype == expected.dtype
        np.testing.assert_array_equal(found.pixels, expected)
        assert found.notes == ()
        if kind == 3:
            np.testing.assert_array_equal(found.indices, samples[..., 0])
        else:
            assert found.indices is None


@pytest.mark.parametrize(("kind", "depth"), [(k, d) for k, d in KINDS if k in (0, 2, 3)])
@pytest.mark.parametrize("interlaced", [False, True])
def test_transparent_colours_become_an_alpha_channel(kind, depth, interlaced):
    table = TABLE[: 1 << depth]
    samples = samples_of(kind, depth)
    samples[2, 3] = samples[5, 1]
    expected = meant(samples, kind, depth, table)
    top = np.iinfo(expected.dtype).max
    if kind == 3:
        opacity = np.random.default_rng(2).integers(0, 256, len(table))
        clear, alpha = opacity.astype(np.uint8).tobytes(), opacity[samples[..., 0]]
    else:
        clear = samples[5, 1].astype(">u2").tobytes()
        alpha = np.where((samples == samples[5, 1]).all(axis=2), 0, top)
    table_ = table if kind == 3 else None
    data = png(samples, kind, depth, interlaced=interlaced, before=chunk(b"tRNS", clear), table=table_)
    np.testing.assert_array_equal(imageio.decode(data).pixels, np.dstack([expected, alpha]))


@pytest.mark.parametrize(("kind", "depth"), KINDS)
@pytest.mark.parametrize("after", [False, True])
def test_orientation_is_applied_at_every_depth(kind, depth, after):
    exif = Image.Exif()
    exif[0x0112] = 6
    body = chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    table = TABLE[: 1 << depth]
    samples = samples_of(kind, depth)
    place = {"after" if after else "before": body}
    data = png(samples, kind, depth, table=table if kind == 3 else None, **place)
    found = imageio.decode(data)
    np.testing.assert_array_equal(found.pixels, np.rot90(meant(samples, kind, depth, table), -1))
    if kind == 3:
        np.testing.assert_array_equal(found.indices, np.rot90(samples[..., 0], -1))


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(b"x" * 3_000_000)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"x" * 3_000_000)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"x" * 3_000_000),
        chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(3_000_000))),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(900_000))) * 100,
    ],
    ids=["zTXt", "iTXt compressed", "iTXt", "iCCP", "many"],
)
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("place", ["before", "after"])
def test_much_metadata_is_left_out_and_told(extra, depth, place):
    samples = samples_of(6, depth)
    found = imageio.decode(png(samples, 6, depth, **{place: extra}))
    np.testing.assert_array_equal(found.pixels, samples)
    assert found.notes == ("metadata of more than 1 MB was ignored",)


@pytest.mark.parametrize("name", [b"tEXt", b"zTXt", b"iTXt", b"gAMA", b"iCCP", b"eXIf", b"pHYs"])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_wrong_checksum_in_metadata_is_told(name, depth):
    samples = samples_of(2, depth)
    found = imageio.decode(png(samples, 2, depth, before=chunk(name, b"Comment\0\0\0\0\0\0", wrong=1)))
    np.testing.assert_array_equal(found.pixels, samples)
    assert found.notes == (f"a damaged {name.decode()} chunk was ignored: its checksum is wrong",)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_wrong_checksum_in_pixels_is_an_error(depth):
    data = bytearray(png(samples_of(6, depth), 6, depth))
    at = data.rindex(b"IDAT")
    data[at + 40] ^= 1
    with pytest.raises(AimkitError, match="checksum of the IDAT chunk is wrong"):
        imageio.decode(bytes(data))
    clear = chunk(b"tRNS", bytes(6), wrong=1)
    with pytest.raises(AimkitError, match="checksum of the tRNS chunk is wrong"):
        imageio.decode(png(samples_of(2, depth), 2, depth, before=clear))


@pytest.mark.parametrize(("kind", "depth"), KINDS)
def test_a_truncated_file_is_refused_at_every_length(kind, depth):
    data = png(samples_of(kind, depth), kind, depth, table=TABLE[: 1 << depth] if kind == 3 else None)
    for kept in range(len(data) - 12):
        with pytest.raises(AimkitError, match="can't read the image"):
            imageio.decode(data[:kept])
    whole = imageio.decode(data)
    for kept in range(len(data) - 12, len(data)):
        found = imageio.decode(data[:kept])
        np.testing.assert_array_equal(found.pixels, whole.pixels)
        assert found.notes == ("the end of the file is missing; the pixels are complete",)


def test_an_animation_is_told():
    file = io.BytesIO()
    frames = [Image.fromarray(np.full((4, 5, 3), value, np.uint8)) for value in (9, 200)]
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    found = imageio.decode(file.getvalue())
    np.testing.assert_array_equal(found.pixels, np.asarray(frames[0]))
    assert found.notes == ("it is an animation; the first picture is read",)
