"""Which files are pictures: by their first bytes; their suffixes are the fast way in a walk through a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from aimkit.errors import AimkitError


@dataclass(frozen=True)
class ImageFormat:
    """A file format.

    Attributes:
        name: What messages call it; Pillow's name where Pillow reads it.
        suffixes: Usual suffixes, in lower case.
        magic: Openings of its files; a dot stands for any byte.
        refusal: What to say instead of reading it; "" for formats that are read.
        hint: How to convert what is refused.
    """

    name: str
    suffixes: tuple[str, ...]
    magic: tuple[bytes, ...] = ()
    refusal: str = ""
    hint: str = ""


#: Every format that is recognised. Those without magic bytes are recognised by :func:`sniff` itself.
FORMATS = (
    ImageFormat("PNG", (".png", ".apng"), (b"\x89PNG\r\n\x1a\n",)),
    ImageFormat("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), (b"\xff\xd8\xff",)),
    ImageFormat("WEBP", (".webp",), (b"RIFF....WEBP",)),
    ImageFormat("TIFF", (".tif", ".tiff"), (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    ImageFormat("BMP", (".bmp",), (b"BM",)),
    ImageFormat("DIB", (".dib",)),
    ImageFormat("GIF", (".gif",), (b"GIF87a", b"GIF89a")),
    ImageFormat("PPM", (".ppm", ".pgm", ".pbm", ".pnm")),
    ImageFormat("PFM", (".pfm",)),
    ImageFormat("JPEG2000", (".jp2", ".j2k"), (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")),
    ImageFormat("AVIF", (".avif",)),
    ImageFormat("HEIF", (".heic", ".heif")),
    ImageFormat("TGA", (".tga",)),
    ImageFormat("PSD", (".psd",), (b"8BPS\0\x01",)),
    ImageFormat("QOI", (".qoi",), (b"qoif",)),
    ImageFormat("SGI", (".sgi",), (b"\x01\xda",)),
    ImageFormat("NPY", (".npy",), (b"\x93NUMPY",)),
    ImageFormat("EXR", (".exr",), (b"\x76\x2f\x31\x01",)),
    ImageFormat(
        "HDR",
        (".hdr",),
        (b"#?RADIANCE", b"#?RGBE"),
        "Radiance HDR holds linear light, which has no white level",
        "tone-map it and save it as PNG, JPEG or TIFF",
    ),
    ImageFormat(
        "JXL",
        (".jxl",),
        (b"\xff\x0a", b"\0\0\0\x0cJXL "),
        "JPEG XL is not supported",
        "convert it to PNG: djxl IN OUT.png",
    ),
)

_BY_NAME = {form.name: form for form in FORMATS}

#: Suffixes of the files that are taken for pictures, in lower case.
SUFFIXES = frozenset(suffix for form in FORMATS for suffix in form.suffixes)

_HEAD, _FOOTER = 64, 26

_BRANDS = {"AVIF": {b"avif", b"avis"}, "HEIF": {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}}

_BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)


def sniff(data: bytes, suffix: str = "") -> ImageFormat:
    """The format of a file.

    Args:
        data: Its bytes, or at least the first 64 and the last 26.
        suffix: Its suffix, which decides only where the bytes leave it open (TGA).

    Raises:
        ValueError: It is in none of the known formats; the message says what it is instead, where that is known.
    """
    head = data[:_HEAD]
    for form in FORMATS:
        if any(_opens(head, magic) for magic in form.magic) and not (form.name == "BMP" and not _is_bitmap(head[14:])):
            return form
    if head[4:8] == b"ftyp":
        # The same container holds films: the brands tell.
        brands = {head[at : at + 4] for at in range(8, len(head), 4)}
        name = next((name for name, own in _BRANDS.items() if own & brands), "")
        if name:
            return _BY_NAME[name]
    if head[:1] == b"P" and head[1:2] in (b"1", b"2", b"3", b"4", b"5", b"6") and head[2:3].isspace():
        return _BY_NAME["PPM"]
    if head[:2] in (b"PF", b"Pf") and head[2:3].isspace():
        return _BY_NAME["PFM"]
    if _is_bitmap(head):
        return _BY_NAME["DIB"]
    # TGA opens without magic bytes; newer files close with a signature.
    if data[-18:-2] == b"TRUEVISION-XFILE" or (suffix.lower() == ".tga" and _is_targa(head)):
        return _BY_NAME["TGA"]
    raise ValueError(_instead(head))


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a picture: by its suffix where that is a known one, else by its bytes.

    Only regular files are opened. Formats that are recognised but refused, such as JPEG XL, count, so that they are
    told with a reason. A file with a known suffix is not opened at all: if it turns out to be something else, the
    decoder says so.
    """
    suffix = Path(path).suffix.lower()
    if suffix in SUFFIXES:
        return True
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            head = file.read(_HEAD)
            file.seek(0, os.SEEK_END)
            file.seek(max(len(head), file.tell() - _FOOTER))
            sniff(head + file.read(_FOOTER), suffix)
    except (OSError, ValueError):
        return False
    return True


def refuse(form: ImageFormat) -> None:
    """Refuse a format that is recognised but not read.

    Raises:
        AimkitError: It is one of those.
    """
    if form.refusal:
        raise AimkitError(f"can't read the image: {form.refusal}", "", form.hint)


def _opens(head: bytes, magic: bytes) -> bool:
    if b"." not in magic:
        return head.startswith(magic)
    return len(head) >= len(magic) and all(m in (ord("."), h) for h, m in zip(head, magic, strict=False))


def _is_bitmap(head: bytes) -> bool:
    """Whether a bitmap header starts here: its size is one of a few, and it says one plane of 1 to 32 bits."""
    size = int.from_bytes(head[:4], "little")
    if size not in _BITMAP_HEADERS or len(head) < 16:
        return False
    at = 8 if size == 12 else 12
    planes, bits = (int.from_bytes(head[i : i + 2], "little") for i in (at, at + 2))
    return planes == 1 and bits in (1, 2, 4, 8, 16, 24, 32)


def _is_targa(head: bytes) -> bool:
    return (
        len(head) >= 18 and head[1] in (0, 1) and head[2] in (1, 2, 3, 9, 10, 11) and head[16] in (1, 8, 15, 16, 24, 32)
    )


def _instead(head: bytes) -> str:
    if head.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, not the picture; run 'git lfs pull'"
    if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "it is a web page, not a picture; was the download blocked?"
    return "not an image, or an unknown format"
