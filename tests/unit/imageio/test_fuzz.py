"""Damaged pictures of every format: pixels, or one AimkitError."""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, features

from aimkit import imageio
from aimkit.errors import AimkitError


def seeds():
    """Small sound files of all formats and many modes."""
    rng = np.random.default_rng(0)
    grey, color, cutout = (rng.integers(0, 256, (17, 13, *c), np.uint8) for c in ((), (3,), (4,)))
    found = []

    def pil(array, form, **options):
        file = io.BytesIO()
        Image.fromarray(array).save(file, form, **options)
        found.append(file.getvalue())

    def tiff(array, **options):
        file = io.BytesIO()
        tifffile.imwrite(file, array, **options)
        found.append(file.getvalue())

    for form in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM", "JPEG2000", "TGA", "SGI", "TIFF", "DIB"):
        pil(grey, form)
        pil(color, form)
    for form in ("PNG", "WEBP", "TIFF", "JPEG2000", "TGA"):
        pil(cutout, form)
    if features.check("avif"):
        pil(cutout, "AVIF")
    pil(grey, "PNG", bits=4)
    pil(color, "TIFF", compression="jpeg")
    pil(color, "TIFF", compression="tiff_lzw")
    file = io.BytesIO()
    Image.fromarray(color).quantize(16).save(file, "PNG", transparency=3)
    found.append(file.getvalue())
    for suffix in (".png", ".tif"):
        found.append(cv2.imencode(suffix, cutout[..., :3].astype(np.uint16) * 257)[1].tobytes())
    found.append(cv2.imencode(".png", cutout.astype(np.uint16) * 257)[1].tobytes())
    for dtype in ("uint16", "float16", "float32", "int16", "uint32"):
        tiff(color.astype(dtype), photometric="rgb", compression="zlib", tile=(16, 16))
        tiff(np.moveaxis(cutout, 2, 0).astype(dtype), photometric="rgb", planarconfig="separate", bigtiff=True)
    for array in (grey, color.astype(np.float32), grey > 99):
        file = io.BytesIO()
        np.save(file, array)
        found.append(file.getvalue())
    found.append(b"Pf\n13 17\n-1.0\n" + grey.astype("<f4").tobytes())
    return found


SEEDS = seeds()


def mutated(rng):
    data = bytearray(SEEDS[rng.integers(len(SEEDS))])
    for _ in range(rng.integers(1, 8)):
        at = int(rng.integers(min(len(data), 400) if rng.random() < 0.6 else len(data)))
        kind = rng.integers(5)
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[at] = int(rng.choice([0, 1, 127, 128, 255]))
        elif kind == 2:
            data[at : at + 4] = bytes(rng.choice([0, 255, 128], 4).tolist())
        elif kind == 3:
            data[at : at + int(rng.integers(1, 30))] = b""
        else:
            data[at:at] = data[at : at + int(rng.integers(1, 30))]
        data = data or bytearray(1)
    return bytes(data)


def answer(data):
    """Read in every role; nothing but an AimkitError may come out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for read in (imageio.read_rgb, imageio.read_matte, imageio.read_rgba, imageio.read_grey):
            try:
                read(data, "broken")
            except AimkitError as error:
                assert error.where == "broken"  # noqa: PT017


def expect_answers(count, seed):
    rng = np.random.default_rng(seed)
    sound = 0
    for _ in range(count):
        data = mutated(rng)
        answer(data)
        sound += imageio_sound(data)
    # Some mutations leave a picture, some don't: the mutations are neither void nor all fatal.
    assert 0 < sound < count


def imageio_sound(data):
    try:
        image = imageio.decode(data)
    except AimkitError:
        return False
    assert image.pixels.ndim == 2 or image.pixels.shape[2] in (2, 3, 4)
    return True


def test_every_seed_is_sound():
    assert all(imageio_sound(data) for data in SEEDS)


def test_damaged_pictures_give_pixels_or_one_error():
    expect_answers(150, 0)


@pytest.mark.slow
def test_many_damaged_pictures_give_pixels_or_one_error():
    expect_answers(3000, 1)
