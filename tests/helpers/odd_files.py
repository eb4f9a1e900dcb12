"""A folder of odd files: pictures of every kind that can be read, what only looks like a picture, and odd names."""

from __future__ import annotations

import io
import os
import struct
import unicodedata
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import tifffile
from PIL import Image, features

HEIGHT, WIDTH = 20, 24
PNG = b"\x89PNG\r\n\x1a\n"

#: Names that have tripped programs up; every one is a file name like any other.
NAMES = [
    b"a[1].png",
    b"a#b.png",
    b"50%25.png",
    b"${HOME}.png",
    b"two  words .png",
    b"-dash.png",
    b"~tilde.png",
    b"line\nbreak\x1b[31m.png",
    unicodedata.normalize("NFD", "caf\u00e9.png").encode(),
    b"\xff\xfe.png",
    b"n" * 240 + b".png",
    b"UPPER.PNG",
]


class OddFiles(NamedTuple):
    """What the folder holds.

    Attributes:
        folder: The folder.
        sound: Upright pixels of every sound picture by file name, uint8, (H, W, 3), or (H, W, 4) for cut-outs.
        close: How far a decoder may be off, by name, in levels; 0 unless the format loses something.
        unsound: Names of what can't be read as a picture, though its name says so.
    """

    folder: Path
    sound: dict[str, np.ndarray]
    close: dict[str, int]
    unsound: list[str]


def chunk(name: bytes, body: bytes, wrong: int = 0) -> bytes:
    """A chunk of a PNG file; ``wrong`` spoils its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) ^ wrong)


def encoded(pixels: np.ndarray, form: str = "PNG", **options: object) -> bytes:
    """A file of these pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def pixels(alpha: bool) -> np.ndarray:
    """Blocks of 60 colours, and for cut-outs a disc with a soft edge, uint8, (20, 24, 3 or 4)."""
    rgb = np.random.default_rng(3).integers(20, 236, (5, 6, 3), np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    disc = np.clip((9 - np.hypot(y - 9.5, x - 11.5)) / 3, 0, 1)
    return np.dstack([rgb, np.rint(disc * 255).astype(np.uint8)]) if alpha else rgb


def with_chunk(png: bytes, extra: bytes) -> bytes:
    """A PNG file with another chunk behind its header."""
    return png[:33] + extra + png[33:]


def fill(folder: Path, *, alpha: bool = False) -> OddFiles:
    """Write the folder, of photos or of cut-outs."""
    folder.mkdir(parents=True)
    plain = pixels(alpha)
    grey = np.repeat(plain[..., :1], 3, axis=2)
    sound: dict[str, np.ndarray] = {}
    close: dict[str, int] = {}

    def add(name: bytes | str, data: bytes, truth: np.ndarray = plain, off: int = 0) -> None:
        (folder / os.fsdecode(name)).write_bytes(data)
        sound[os.fsdecode(name)], close[os.fsdecode(name)] = truth, off

    def tiff(name: str, data: np.ndarray, truth: np.ndarray = plain, **options: object) -> None:
        extra = {"extrasamples": ["unassalpha"]} if alpha and truth is plain else {}
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, data, **extra, **options)
        add(name, buffer.getvalue(), truth)

    png = encoded(plain)
    for name in NAMES:
        add(name, png)
    add("plain.png", png)
    add("odd.photo1", png)
    add("without_suffix", png)
    add("misnamed.jpg", png)
    add("much_metadata.png", with_chunk(png, chunk(b"iTXt", b"XML\0\0\0\0\0" + b"x" * 2_000_000)))
    add("bad_text.png", with_chunk(png, chunk(b"tEXt", b"Comment\0hello", wrong=1)))
    channels = "BGRA" if alpha else "BGR"
    order = ["RGBA".index(c) for c in channels]
    add("sixteen.png", cv2.imencode(".png", plain[..., order].astype(np.uint16) * 257)[1].tobytes())
    tiff("float.tif", plain.astype(np.float32) / 255, photometric="rgb")
    tiff("planar.tif", np.moveaxis(plain, -1, 0), photometric="rgb", planarconfig="separate")
    frames = [Image.fromarray(plain), Image.fromarray(plain[::-1].copy())]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], lossless=True, exact=True)
    add("moving.webp", buffer.getvalue())
    if features.check("avif"):
        add("picture.avif", encoded(plain, "AVIF", quality=100, subsampling="4:4:4"), plain, 4)
    if alpha:
        add("la.png", encoded(plain[..., [0, 3]]), np.dstack([grey, plain[..., 3]]))
    else:
        add("one.png", encoded(plain[:1, :1]), plain[:1, :1])
        add("grey.png", encoded(plain[..., 0]), grey)
        add("grey16.png", encoded(plain[..., 0].astype(np.uint16) * 257), grey)
        tiff("white_is_zero.tif", 255 - plain[..., 0], grey, photometric="miniswhite")
        buffer = io.BytesIO()
        Image.fromarray(plain).convert("CMYK").save(buffer, "JPEG", quality=100, subsampling=0)
        add("cmyk.jpg", buffer.getvalue(), plain, 4)
        exif = Image.Exif()
        exif[0x0112] = 6
        turned = encoded(np.rot90(plain).copy(), "JPEG", quality=100, subsampling=0, exif=exif)
        add("turned.jpg", turned, plain, 4)
        buffer = io.BytesIO()
        frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
        add("frames.gif", buffer.getvalue())
        buffer = io.BytesIO()
        Image.fromarray(plain).quantize(256).save(buffer, "PNG", transparency=0)
        add("palette.png", buffer.getvalue())
    (folder / ".hidden.png").write_bytes(png)
    (folder / "notes.txt").write_text("no picture")
    (folder / "folder.png").mkdir()
    return OddFiles(folder, sound, close, spoil(folder, png))


def spoil(folder: Path, png: bytes) -> list[str]:
    """Add what can't be read as a picture."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    made: dict[str, bytes | Callable[[Path], object]] = {
        "text.png": b"not a picture\n",
        "empty.png": b"",
        "truncated.png": png[: len(png) // 2],
        "page.jpg": b"<!DOCTYPE html><html><body>404</body></html>",
        "bomb.png": PNG + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9999))) + chunk(b"IEND", b""),
        "pipe.png": os.mkfifo,
        "broken.png": lambda path: path.symlink_to("nowhere.png"),
        "loop.png": lambda path: path.symlink_to("loop.png"),
        "zero.png": lambda path: path.symlink_to("/dev/zero"),
    }
    for name, what in made.items():
        (folder / name).write_bytes(what) if isinstance(what, bytes) else what(folder / name)
    return list(made)
