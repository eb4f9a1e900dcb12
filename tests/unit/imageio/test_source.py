"""What is opened, what is a picture, and how large one may be."""

from __future__ import annotations

import errno
import io
import os
import socket

import numpy as np
import pytest
from PIL import Image, features

from aimkit import imageio
from aimkit.errors import AimkitError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)

WRITERS = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {}),
    ".jpe": ("JPEG", {}),
    ".jfif": ("JPEG", {}),
    ".tif": ("TIFF", {}),
    ".webp": ("WEBP", {"lossless": True}),
    ".avif": ("AVIF", {}),
    ".bmp": ("BMP", {}),
    ".dib": ("DIB", {}),
    ".gif": ("GIF", {}),
    ".ppm": ("PPM", {}),
    ".jp2": ("JPEG2000", {}),
    ".tga": ("TGA", {}),
    ".sgi": ("SGI", {}),
}
WRITERS = {suffix: writer for suffix, writer in WRITERS.items() if suffix != ".avif" or features.check("avif")}


def encoded(suffix, pixels=PIXELS):
    form, options = WRITERS[suffix]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_reads_as_pillow_reads_it(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(encoded(suffix))
    expected = np.asarray(Image.open(path).convert("RGB"))
    np.testing.assert_array_equal(imageio.read_rgb(path), expected)
    assert imageio.decode(path).lossy == (suffix in (".jpg", ".jpe", ".jfif", ".avif"))


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_picture_is_known_by_its_bytes_when_the_suffix_is_odd(tmp_path, suffix):
    odd = tmp_path / "a.jpg_large"
    odd.write_bytes(encoded(suffix))
    assert imageio.is_picture(odd) == (suffix != ".tga" or b"TRUEVISION" in encoded(suffix))
    assert suffix in imageio.SUFFIXES


@pytest.mark.parametrize(
    "content", [b"", b"BM is a text", b"P6", b"{}", bytes(200), b"<html>", b"RIFF....WAVE", b"\0\0\0\x18ftypisom...."]
)
def test_other_files_are_not_pictures(tmp_path, content):
    path = tmp_path / "a.dat"
    path.write_bytes(content)
    assert not imageio.is_picture(path)
    with pytest.raises(AimkitError, match="can't read the image"):
        imageio.decode(path)


def test_an_old_targa_is_known_by_its_suffix(tmp_path):
    data = encoded(".tga")[:-26]
    assert imageio.read_rgb(data, "a.TGA").shape == (6, 9, 3)
    (tmp_path / "a.tga").write_bytes(data)
    np.testing.assert_array_equal(imageio.read_rgb(tmp_path / "a.tga"), PIXELS)
    with pytest.raises(AimkitError, match="unknown format"):
        imageio.read_rgb(data, "a.png")


def test_what_is_not_a_regular_file_is_not_looked_into(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to(tmp_path / "gone")
    for name in ("pipe", "broken", "none", ""):
        assert not imageio.is_picture(tmp_path / name)
    assert not imageio.is_picture("/dev/zero")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer"),
        (b"\n<!DOCTYPE html><html>", "web page"),
        (b"#?RADIANCE\n", "linear light"),
        (b"\xff\x0aabc", "JPEG XL"),
        (b"plain text", "not an image, or an unknown format"),
    ],
)
def test_what_a_file_is_instead_is_said(tmp_path, content, message):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(AimkitError, match=message) as error:
        imageio.decode(path)
    assert error.value.where == str(path)


def test_special_files_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "broken.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "empty.png").touch()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "s.png"))
    expected = {
        "pipe": "it is a named pipe",
        "folder": "it is a folder",
        "broken": "the link is broken",
        "loop": "the link leads back to itself",
        "zero": "it is a device",
        "empty": "the file is empty",
        "s": "it is a socket",
        "none": os.strerror(errno.ENOENT),
        "nul\0": "null",
    }
    for name, reason in expected.items():
        with pytest.raises(AimkitError) as error:
            imageio.read_rgb(tmp_path / f"{name}.png")
        assert reason in error.value.what
        assert error.value.where == str(tmp_path / f"{name}.png")
    server.close()


def test_an_unreadable_file_is_named(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    path = tmp_path / "a.png"
    path.write_bytes(encoded(".png"))
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(AimkitError, match="Permission denied") as error:
        imageio.read_rgb(path)
    assert error.value.where == str(path)


def test_a_file_larger_than_any_picture_is_not_read(tmp_path):
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(AimkitError, match=r"the file has 1099\.5 GB") as error:
        imageio.read_rgb(path)
    assert "AIMKIT_MAX_PIXELS" in error.value.hint


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_pixel_limit_is_named_and_can_be_raised(suffix, monkeypatch):
    data = encoded(suffix)
    monkeypatch.setenv("AIMKIT_MAX_PIXELS", "53")
    with pytest.raises(AimkitError, match="9x6 are 0 megapixels, more than the limit") as error:
        imageio.read_rgb(data, "a")
    assert error.value.hint == "if you trust the file, set AIMKIT_MAX_PIXELS=54 or more"
    assert error.value.where == "a"
    assert imageio.decode(data, limit=54).size == (6, 9)
    monkeypatch.setenv("AIMKIT_MAX_PIXELS", "54")
    assert imageio.read_rgb(data).shape == (6, 9, 3)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".gif", ".ppm", ".tif"])
def test_pillow_s_own_limit_is_neither_used_nor_changed(suffix, monkeypatch):
    data = encoded(suffix)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3)
    assert imageio.read_rgb(data).shape == (6, 9, 3)
    assert Image.MAX_IMAGE_PIXELS == 3


@pytest.mark.parametrize("text", ["many", "0", "-5", "1e9"])
def test_a_wrong_limit_is_an_error(text, monkeypatch):
    monkeypatch.setenv("AIMKIT_MAX_PIXELS", text)
    with pytest.raises(AimkitError) as error:
        imageio.read_rgb(encoded(".png"))
    assert error.value.where == "AIMKIT_MAX_PIXELS"


def test_a_heif_file_says_what_is_needed(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(AimkitError, match="HEIF needs the package 'pillow_heif'") as error:
        imageio.decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), "a.heic")
    assert "pip install pillow-heif" in error.value.hint


@pytest.mark.parametrize(("quality", "lossy"), [({"lossless": True}, False), ({"quality": 80}, True)])
def test_lossy_webp_is_told_apart(quality, lossy):
    file = io.BytesIO()
    Image.fromarray(np.dstack([PIXELS, PIXELS[..., 0]])).save(file, "WEBP", **quality)
    found = imageio.decode(file.getvalue())
    assert (found.lossy, found.lossy_alpha) == (lossy, False)


@pytest.mark.parametrize("reversible", [True, False])
def test_lossy_jpeg2000_is_told_apart(reversible):
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "JPEG2000", irreversible=not reversible)
    assert imageio.decode(file.getvalue()).lossy == (not reversible)


def test_a_gif_says_that_it_moves():
    file = io.BytesIO()
    frames = [Image.fromarray(np.full((4, 5), value, np.uint8)) for value in (9, 200)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    assert imageio.decode(file.getvalue()).notes == ("it is an animation; the first picture is read",)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_large_pictures_are_copied_in_bands(mode, monkeypatch):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (45, 13, 4), np.uint8)).convert(mode)
    file = io.BytesIO()
    image.save(file, "PNG")
    monkeypatch.setattr("aimkit.imageio.pillow._BAND", 4 * 13)
    np.testing.assert_array_equal(imageio.decode(file.getvalue()).pixels, np.asarray(image))
