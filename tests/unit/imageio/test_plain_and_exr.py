"""Arrays in files: NPY, PFM and EXR."""

from __future__ import annotations

import base64
import io
import itertools
import struct
import zlib

import numpy as np
import pytest

from aimkit import imageio
from aimkit.errors import AimkitError


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i2", "i8", "f2", "f4", "f8", ">u2", ">f4"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 2), (5, 7, 3), (5, 7, 4)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_read_as_stored(dtype, shape, order):
    array = np.asarray(np.random.default_rng(0).integers(0, 200, shape), dtype, order=order)
    found = imageio.decode(npy(array)).pixels
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(found, array)


def test_truth_values_and_single_channels_are_mattes():
    mask = np.random.default_rng(0).random((5, 7)) > 0.5
    for array in (mask, mask[..., None], mask[None], np.asfortranarray(mask)[None]):
        np.testing.assert_array_equal(imageio.read_matte(npy(array)), mask * 255)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npy(np.array([{}, 1], object), allow_pickle=True), "array of object"),
        (npy(np.zeros((4, 5), np.complex64)), "array of complex64"),
        (npy(np.zeros(9)), r"shape \(9,\)"),
        (npy(np.zeros((5, 5, 5))), r"shape \(5, 5, 5\)"),
        (npy(np.zeros((0, 5))), "5x0 pixels"),
        (npy(np.zeros((4, 5)))[:-1], "cut short"),
        (npy(np.zeros((4, 5))).replace(b"(4, 5)", b"(9**9)"), "can't read the image"),
        (npy(np.zeros((4, 5))).replace(b"(4, 5), }  ", b"(99999,99999)"), "can't read the image"),
    ],
)
def test_arrays_that_are_not_pictures_are_refused(data, message):
    with pytest.raises(AimkitError, match=message):
        imageio.decode(data)


@pytest.mark.parametrize(("kind", "shape"), [("Pf", (3, 5)), ("PF", (3, 5, 3))])
@pytest.mark.parametrize("order", "<>")
def test_float_maps_are_stored_from_the_bottom(kind, shape, order):
    array = np.random.default_rng(0).random(shape).astype("f4")
    header = f"{kind}\n5 3\n{-1 if order == '<' else 1}.0\n".encode()
    data = header + array[::-1].astype(f"{order}f4").tobytes()
    np.testing.assert_array_equal(imageio.decode(data).pixels, array)
    with pytest.raises(AimkitError, match="cut short"):
        imageio.decode(data[:-1])


def exr(planes, compression, display=None, origin=(0, 0)):
    """An EXR file of planes by name (sorted), all of one size."""
    kinds = {"u4": 0, "f2": 1, "f4": 2}
    height, width = next(iter(planes.values())).shape
    window = (*origin, origin[0] + width - 1, origin[1] + height - 1)
    channels = b"".join(
        name.encode() + b"\0" + struct.pack("<iIii", kinds[plane.dtype.str[1:]], 0, 1, 1)
        for name, plane in sorted(planes.items())
    )
    attributes = {
        b"channels\0chlist\0": channels + b"\0",
        b"compression\0compression\0": bytes([compression]),
        b"dataWindow\0box2i\0": struct.pack("<4i", *window),
        b"displayWindow\0box2i\0": struct.pack("<4i", *(display or window)),
    }
    header = b"".join(name + struct.pack("<i", len(body)) + body for name, body in attributes.items())
    header = b"\x76\x2f\x31\x01" + struct.pack("<i", 2) + header + b"\0"
    lines = 16 if compression == 3 else 1
    chunks = []
    for top in range(0, height, lines):
        rows = range(top, min(top + lines, height))
        plain = b"".join(plane[y].tobytes() for y in rows for _, plane in sorted(planes.items()))
        mixed = plain[::2] + plain[1::2]
        steps = bytes([mixed[0], *((b - a + 128) & 255 for a, b in itertools.pairwise(mixed))])
        packed = plain if compression == 0 else zlib.compress(steps)
        body = packed if len(packed) < len(plain) else plain
        chunks.append(struct.pack("<ii", origin[1] + top, len(body)) + body)
    at = len(header) + 8 * len(chunks)
    starts = [at + sum(map(len, chunks[:i])) for i in range(len(chunks))]
    return header + struct.pack(f"<{len(starts)}Q", *starts) + b"".join(chunks)


@pytest.mark.parametrize("compression", [0, 2, 3], ids=["none", "zips", "zip"])
@pytest.mark.parametrize("dtype", ["f2", "f4", "u4"])
@pytest.mark.parametrize("names", ["Y", "YA", "RGB", "RGBA", "m"])
def test_exr_pixels_are_exact(compression, dtype, names):
    array = np.random.default_rng(0).random((37, 21, len(names)))
    array[4:30] = array[4]
    array = (array * (1 if dtype[0] == "f" else 1000)).astype(dtype)
    found = imageio.decode(exr({name: array[..., i] for i, name in enumerate(names)}, compression))
    np.testing.assert_array_equal(found.pixels, array if len(names) > 1 else array[..., 0])
    assert found.associated == ("A" in names)


#: Written by OpenEXR 3.5: 10x4 halfs, np.arange(40).reshape(4, 10) // 5 / 7.
HEADER = (
    "di8xAQIAAABjaGFubmVscwBjaGxpc3QAEwAAAFkAAQAAAAAAAAABAAAAAQAAAABjb21wcmVzc2lvbgBjb21wcmVzc2lvbgABAAAAA%sRhdGFXaW5k"
    "b3cAYm94MmkAEAAAAAAAAAAAAAAACQAAAAMAAABkaXNwbGF5V2luZG93AGJveDJpABAAAAAAAAAAAAAAAAkAAAADAAAAbGluZU9yZGVyAGxpbmVP"
    "cmRlcgABAAAAAHBpeGVsQXNwZWN0UmF0aW8AZmxvYXQABAAAAAAAgD9zY3JlZW5XaW5kb3dDZW50ZXIAdjJmAAgAAAAAAAAAAAAAAHNjcmVlbldp"
    "bmRvd1dpZHRoAGZsb2F0AAQAAAAAAIA/dHlwZQBzdHJpbmcADQAAAHNjYW5saW5laW1hZ2UA"
)
RLE = (
    "UgEAAAAAAABqAQAAAAAAAIIBAAAAAAAAmgEAAAAAAAAAAAAAEAAAAP8AA4D/EgOA/+4DgP+wA4ABAAAAEAAAAP+SA4D/yQOA/9kDgP+CA4ACAAAA"
    "EAAAAP+SA4D/pQOA/wEDgP+BA4ADAAAAEAAAAP/bA4D/pQOA/7oDgP+CA4A="
)
ZIP = "OgEAAAAAAAAAAAAAKAAAAHheY2gAAiEQAQYnQYQ5iFgKIpbAWWCwAUS0gIgmONEIJ8BcACreJ70="


@pytest.mark.parametrize(("mark", "body"), [("W", RLE), ("2", ZIP)], ids=["rle", "zip"])
def test_files_of_the_reference_library_are_read(mark, body):
    data = base64.b64decode(HEADER % mark + body)
    expected = (np.arange(40).reshape(4, 10) // 5 / 7).astype("f2")
    np.testing.assert_array_equal(imageio.decode(data).pixels, expected)
    np.testing.assert_array_equal(imageio.read_alpha(data), expected.astype("f4"))


def test_the_picture_of_an_exr_is_its_display_window():
    plane = np.random.default_rng(0).random((4, 5)).astype("f4")
    found = imageio.decode(exr({"Y": plane}, 0, display=(0, 0, 9, 7), origin=(3, 2)))
    expected = np.zeros((8, 10), "f4")
    expected[2:6, 3:8] = plane
    np.testing.assert_array_equal(found.pixels, expected)
    assert "the rest is 0" in found.notes[0]
    found = imageio.decode(exr({"Y": plane}, 0, display=(0, 0, 2, 1), origin=(-2, -1)))
    np.testing.assert_array_equal(found.pixels, plane[1:3, 2:5])


def test_exr_colours_are_light_and_refused():
    plane = np.full((4, 5), 0.5, "f2")
    data = exr(dict.fromkeys("RGB", plane), 0)
    with pytest.raises(AimkitError, match="linear light"):
        imageio.read_rgb(data)
    np.testing.assert_array_equal(imageio.read_alpha(data), plane)


@pytest.mark.parametrize(("at", "value", "message"), [(4, 0x202, "tiles"), (4, 0x802, "deep"), (4, 0x1002, "parts")])
def test_other_kinds_of_exr_say_how_to_convert(at, value, message):
    data = bytearray(exr({"Y": np.zeros((4, 5), "f2")}, 0))
    data[at : at + 4] = struct.pack("<I", value)
    with pytest.raises(AimkitError, match=message) as error:
        imageio.decode(bytes(data))
    assert "ZIP compression" in error.value.hint


def test_a_truncated_exr_is_refused_at_every_length():
    data = exr({"Y": np.random.default_rng(0).random((20, 5)).astype("f4")}, 3)
    for kept in range(len(data)):
        with pytest.raises(AimkitError, match="can't read the image"):
            imageio.decode(data[:kept])
