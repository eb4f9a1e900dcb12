"""TIFF files of every layout, written by tifffile and OpenCV, read as they read them."""

from __future__ import annotations

import io
import itertools
import struct

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from aimkit import imageio
from aimkit.errors import AimkitError
from aimkit.types import to_uint8

SIZE = (33, 50)
DTYPES = ["bool", "uint8", "uint16", "uint32", "int16", "float16", "float32", "float64"]
CHANNELS = {"grey": (), "grey+alpha": (2,), "rgb": (3,), "rgb+alpha": (4,), "rgb*alpha": (4,)}


def levels(dtype, shape=SIZE, seed=0):
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.random(shape) > 0.5
    if kind == "f":
        return rng.random(shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def written(array, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def by_tifffile(data, planar):
    pixels = tifffile.TiffFile(io.BytesIO(data)).pages[0].asarray()
    return np.moveaxis(pixels, 0, -1) if planar else pixels


def full(dtype):
    return 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max


MATRIX = [
    (dtype, channels, planar)
    for dtype, channels, planar in itertools.product(DTYPES, CHANNELS, ["contig", "separate"])
    if (dtype != "bool" or channels == "grey") and (channels != "grey" or planar == "contig")
]


@pytest.mark.parametrize(("dtype", "channels", "planar"), MATRIX)
def test_every_layout_reads_as_tifffile_reads_it(dtype, channels, planar):
    array = levels(dtype, (*SIZE, *CHANNELS[channels]))
    extras = {"grey+alpha": ["unassalpha"], "rgb+alpha": ["unassalpha"], "rgb*alpha": ["assocalpha"]}.get(channels)
    whites = ["minisblack", "miniswhite"] if channels == "grey" and array.dtype.kind in "buf" else ["minisblack"]
    stored = np.moveaxis(array, -1, 0) if planar == "separate" else array
    for white, compression, order, tile, predictor in itertools.product(
        whites, [None, "zlib"], "<>", [None, (16, 16)], [False, True]
    ):
        if predictor and (compression is None or array.dtype.kind in "bf"):
            continue
        data = written(
            stored,
            photometric=white if channels.startswith("grey") else "rgb",
            planarconfig=planar if channels != "grey" else None,
            extrasamples=extras,
            compression=compression,
            byteorder=order,
            tile=tile,
            predictor=predictor,
            rowsperstrip=None if tile else 8,
            bigtiff=order == ">",
        )
        expected = by_tifffile(data, planar == "separate")
        np.testing.assert_array_equal(expected, array)
        if dtype == "bool":
            expected = expected.astype(np.uint8) * np.uint8(255)
        if white == "miniswhite":
            expected = full(expected.dtype) - expected
        found = imageio.decode(data)
        assert found.pixels.dtype == expected.dtype
        np.testing.assert_array_equal(found.pixels, expected)
        assert found.associated == (channels == "rgb*alpha")
        assert found.notes == ()


LIBTIFF = [
    pytest.param(dtype, compression, predictor, id=f"{dtype}-{name}-{predictor}")
    for dtype in ("uint8", "uint16", "float32")
    for name, compression in {"none": 1, "lzw": 5, "deflate": 8, "packbits": 32773}.items()
    # libtiff has predictors for LZW and deflate only.
    for predictor in ((1, 2, 3) if compression in (5, 8) else (1,))
    if predictor != 3 or dtype == "float32"
]


@pytest.mark.parametrize(("dtype", "compression", "predictor"), LIBTIFF)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_compression_of_libtiff_is_read(dtype, compression, predictor, channels):
    array = levels(dtype, SIZE if channels == 1 else (*SIZE, channels))
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    options += [cv2.IMWRITE_TIFF_ROWSPERSTRIP, 10]
    done, data = cv2.imencode(".tif", array if channels == 1 else array[..., [2, 1, 0, 3][:channels]], options)
    assert done
    page = tifffile.TiffFile(io.BytesIO(data.tobytes())).pages[0]
    assert (page.compression, page.predictor) == (compression, predictor)
    np.testing.assert_array_equal(imageio.decode(data.tobytes()).pixels, array)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 10, 12, 14])
@pytest.mark.parametrize("white", ["minisblack", "miniswhite"])
def test_odd_depths_are_spread_over_the_whole_range(bits, white):
    width, height = 13, 9
    values = np.random.default_rng(bits).integers(0, 1 << bits, (height, width))
    rows = ["".join(f"{v:0{bits}b}" for v in row) for row in values]
    packed = b"".join(int(row.ljust(-(-len(row) // 8) * 8, "0"), 2).to_bytes(-(-len(row) // 8), "big") for row in rows)
    data = tiff({256: width, 257: height, 258: bits, 259: 1, 262: 0 if white == "miniswhite" else 1}, packed)
    top = (1 << bits) - 1
    shown = top - values if white == "miniswhite" else values
    found = imageio.decode(data).pixels
    whole = 255 if bits <= 8 else 65535
    np.testing.assert_array_equal(found, np.rint(shown * (whole / top)))
    np.testing.assert_array_equal(by_tifffile(data, False) if bits == 1 else values, values)


def tiff(tags, pixels, order="<"):
    """A TIFF file of one strip; tag values are numbers or lists of shorts."""
    tags = {277: 1, 278: tags[257], 273: 8, 279: len(pixels), **tags}
    at = 8 + len(pixels)
    extra, entries = b"", []
    for tag, value in sorted(tags.items()):
        if isinstance(value, int):
            entries.append(struct.pack(f"{order}HHII", tag, 4, 1, value))
        else:
            body = struct.pack(f"{order}{len(value)}H", *value)
            place = struct.pack(f"{order}I", at + len(extra)) if len(body) > 4 else body.ljust(4, b"\0")
            extra += body if len(body) > 4 else b""
            entries.append(struct.pack(f"{order}HHI", tag, 3, len(value)) + place)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)
    return mark + struct.pack(f"{order}I", at + len(extra)) + pixels + extra + directory


def test_bits_in_reversed_order_are_read():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    turned = np.packbits(np.unpackbits(values[..., None], axis=2)[..., ::-1], axis=2)[..., 0]
    data = tiff({256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 266: 2}, turned.tobytes())
    np.testing.assert_array_equal(imageio.decode(data).pixels, values)


@pytest.mark.parametrize("scale", [257, 1])
def test_a_colour_table_gives_colours_and_indices(scale):
    indices = np.arange(12, dtype=np.uint8).reshape(3, 4) % 5
    table = np.random.default_rng(0).integers(0, 256, (3, 256))
    table[0, 0] = 255
    data = tiff({256: 4, 257: 3, 258: 8, 259: 1, 262: 3, 320: (table * scale).ravel().tolist()}, indices.tobytes())
    found = imageio.decode(data)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_array_equal(found.pixels, table.T[indices])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_associated_alpha_is_divided_out_exactly(dtype):
    top = full(dtype)
    straight = levels(dtype, (*SIZE, 3))
    alpha = levels(dtype)
    alpha[:4] = 0
    product = straight * (alpha[..., None] / top)
    stored = (np.rint(product) if top > 1 else product).astype(dtype)
    data = written(np.dstack([stored, alpha]), photometric="rgb", extrasamples=["assocalpha"])
    exact = np.zeros((*SIZE, 3))
    np.divide(stored.astype(float) * top, alpha[..., None], out=exact, where=alpha[..., None] > 0)
    rgb, matte = imageio.read_rgba(data)
    exact = np.minimum(np.floor(exact + 0.5), top) if top > 1 else np.minimum(exact, 1)
    expected = np.rint(exact * (255 / top))
    np.testing.assert_array_equal(rgb, expected)
    np.testing.assert_array_equal(matte, alpha if dtype == "uint8" else (alpha / np.float32(top)).astype(np.float32))
    sure = alpha > top / 2
    assert np.abs(rgb.astype(int) - to_uint8(straight / top))[sure].max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_orientation_is_applied_at_every_depth(orientation, dtype):
    array = levels(dtype, (4, 6, 3))
    data = written(array, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6)).save(file, "PNG", exif=exif)
    order = imageio.decode(file.getvalue()).pixels
    np.testing.assert_array_equal(imageio.decode(data).pixels, array.reshape(24, 3)[order])


@pytest.mark.parametrize("kind", ["raw", "tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits", "group4"])
def test_what_pillow_writes_is_read_as_pillow_reads_it(kind):
    image = Image.fromarray(levels("uint8", (20, 30, 3)))
    image = image.convert("1") if kind == "group4" else image
    file = io.BytesIO()
    image.save(file, "TIFF", compression=kind)
    found = imageio.decode(file.getvalue())
    expected = Image.open(io.BytesIO(file.getvalue()))
    np.testing.assert_array_equal(found.pixels, np.asarray(expected.convert("L") if kind == "group4" else expected))
    assert found.lossy == (kind == "jpeg")


def test_pages_and_thumbnails_are_told():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(levels("uint8", (4, 5)), subfiletype=1)
        writer.write(levels("uint8", (40, 50)), photometric="minisblack")
    found = imageio.decode(file.getvalue())
    assert found.size == (40, 50)
    assert found.notes == ("the file has 2 pages; the first picture is read",)


def test_an_extra_channel_of_unknown_meaning_is_doubted():
    array = levels("uint8", (*SIZE, 4))
    found = imageio.decode(written(array, photometric="rgb", extrasamples=["unspecified"]))
    np.testing.assert_array_equal(found.pixels, array)
    assert "taken as straight alpha" in found.notes[0]
    array[..., 3] = 7
    found = imageio.decode(written(array, photometric="rgb", extrasamples=["unspecified"]))
    np.testing.assert_array_equal(found.pixels, array[..., :3])
    assert "left out" in found.notes[0]


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (levels("float32", (8, 8)).astype(np.complex64), {}, "complex samples of 64 bits"),
        (
            levels("uint8", (8, 8, 3)),
            {"photometric": "minisblack", "planarconfig": "contig"},
            "what its 3 channels are",
        ),
        (levels("int16", (8, 8)), {"photometric": "miniswhite"}, "which level is black"),
        (levels("float32", (8, 8)) * 9, {"photometric": "miniswhite"}, "which level is black"),
        (levels("uint8", (8, 8)), {"extratags": [(50706, 1, 4, (1, 4, 0, 0), True)]}, "raw photo"),
        (levels("uint8", (8, 8)), {"photometric": 32803}, "raw photo"),
    ],
)
def test_what_has_no_meaning_is_refused(array, options, message):
    with pytest.raises(AimkitError, match=message):
        imageio.decode(written(array, **options))


@pytest.mark.parametrize("compression", [1, 5, 8])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_truncated_file_is_refused_at_every_length(compression, dtype):
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    whole = cv2.imencode(".tif", levels(dtype, (20, 20, 3)), options)[1].tobytes()
    page = tifffile.TiffFile(io.BytesIO(whole)).pages[0]
    for kept in range(0, len(whole), 97):
        with pytest.raises(AimkitError, match="can't read the image"):
            imageio.decode(whole[:kept])
    start, count = page.dataoffsets[-1], page.databytecounts[-1]
    damaged = bytearray(whole)
    damaged[start + count // 2 : start + count] = bytes(count - count // 2)
    if compression != 1:
        with pytest.raises(AimkitError, match="can't read the image"):
            imageio.decode(bytes(damaged))


def test_a_header_that_promises_too_much_takes_no_memory():
    tags = {256: 100_000, 257: 100_000, 258: 8, 259: 1, 262: 1}
    with pytest.raises(AimkitError, match="10000 megapixels"):
        imageio.decode(tiff(tags, b"\0" * 100))
    tags = {256: 10_000, 257: 10_000, 258: 8, 259: 1, 262: 1}
    with pytest.raises(AimkitError, match="cut short"):
        imageio.decode(tiff(tags, b"\0" * 100))
    tags = {256: 4, 257: 4, 258: 8, 259: 1, 262: 1, 322: 1 << 30, 323: 1 << 30, 324: 8, 325: 16}
    with pytest.raises(AimkitError, match="megapixels"):
        imageio.decode(tiff(tags, b"\0" * 16))
