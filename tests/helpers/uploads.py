"""Files that people upload, good and bad: name, content, and what must be said of a bad one."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

PHOTO = np.random.default_rng(3).integers(0, 255, (48, 64, 3), np.uint8)


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)  # type: ignore[arg-type]
    return out.getvalue()


def bomb() -> bytes:
    """A PNG of a few bytes whose header promises 900 megapixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 10_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bad() -> dict[str, tuple[bytes, str]]:
    """Content by name, and a part of the reason."""
    jpeg = saved(Image.fromarray(PHOTO), "JPEG")
    return {
        "empty.png": (b"", "empty"),
        "truncated.jpg": (jpeg[: len(jpeg) // 2], ""),
        "bomb.png": (bomb(), "megapixels"),
        "text.jpg": (b"hello, I am a text\n" * 20, "not an image"),
        "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", ""),
        "big.png": (b"\x89PNG\r\n\x1a\n" + bytes(5 << 20), "4 MB"),
    }


def odd() -> dict[str, tuple[bytes, tuple[int, int]]]:
    """Content by name of files that are unusual and right, with their upright (height, width)."""
    photo, exif = Image.fromarray(PHOTO), Image.Exif()
    exif[0x0112] = 6
    frames = [Image.fromarray(np.roll(PHOTO, i, 1)) for i in (1, 2)]
    deep = Image.fromarray(PHOTO[..., 0].astype(np.uint16) * 257)
    return {
        "animated.gif": (saved(photo, "GIF", save_all=True, append_images=frames), (48, 64)),
        "dot.png": (saved(Image.new("RGB", (1, 1), "red"), "PNG"), (1, 1)),
        "lying.jpg": (saved(photo, "JPEG", exif=exif), (64, 48)),
        "print.jpg": (saved(photo.convert("CMYK"), "JPEG"), (48, 64)),
        "deep.png": (saved(deep, "PNG"), (48, 64)),
        "clear.png": (saved(Image.fromarray(np.dstack([PHOTO, PHOTO[..., :1]])), "PNG"), (48, 64)),
    }
