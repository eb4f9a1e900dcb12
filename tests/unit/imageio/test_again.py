"""What was read before is decoded faster or in part, with the same pixels: ``decode`` is the oracle."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from aimkit.imageio import decode, decode_again, encode_png, open_again
from aimkit.imageio.jpeg_scaled import JpegScaled, open_jpeg
from aimkit.types import UInt8


def picture(height: int, width: int, channels: int) -> UInt8:
    """Areas of one level beside noise: every filter and every shortcut is met."""
    rng = np.random.default_rng(height * width + channels)
    levels = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
    levels[height // 4 : height // 2] = 255
    levels[:, width // 3 : width // 2] = 0
    smooth = np.linspace(0, 255, width).astype(np.uint8)[:, None]
    levels[height // 2 : height // 2 + height // 4] = smooth
    return levels[..., 0] if channels == 1 else levels


def filtered_png(levels: UInt8, kinds: list[int]) -> bytes:
    """A PNG whose rows have these filters in turn."""
    height, width = levels.shape[:2]
    channels = 1 if levels.ndim == 2 else levels.shape[2]
    rows = levels.reshape(height, -1).astype(int)
    left = np.pad(rows, ((0, 0), (channels, 0)))[:, :-channels]
    above = np.pad(rows, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(left, ((1, 0), (0, 0)))[:-1]
    guess = left + above - corner
    distances = np.abs(np.stack([guess - left, guess - above, guess - corner]))
    nearest = np.choose(distances.argmin(axis=0), [left, above, corner])
    filters = [0 * rows, left, above, (left + above) // 2, nearest]
    stream = b"".join(
        bytes([kinds[y % len(kinds)]])
        + ((rows[y] - filters[kinds[y % len(kinds)]][y]) % 256).astype(np.uint8).tobytes()
        for y in range(height)
    )
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, color, 0, 0, 0])
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(stream)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big") for name, body in chunks
    )


def jpeg(levels: UInt8, **options: Any) -> bytes:
    file = BytesIO()
    Image.fromarray(levels).save(file, "JPEG", **{"quality": 90, **options})
    return file.getvalue()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kinds", [[0], [1], [2], [3], [4], [4, 0, 1, 3, 2]], ids=str)
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (37, 41)], ids=str)
def test_every_filter_of_png_is_undone(size: tuple[int, int], kinds: list[int], channels: int) -> None:
    levels = picture(*size, channels)
    data = filtered_png(levels, kinds)
    assert np.array_equal(decode(data).pixels, levels), "the test's own file is wrong"
    opened = open_again(data)
    assert opened is not None
    assert (opened.size, opened.channels) == (size, channels)
    bottom, right = (n // 2 + 1 for n in size)
    part = opened.pixels(bottom, right)
    assert part.shape[:2] == (min(bottom, size[0]), min(right, size[1]))
    assert np.array_equal(part, levels[:bottom, :right])
    assert np.array_equal(opened.pixels(*size), levels)


def test_a_window_stops_the_decoder_after_its_last_row() -> None:
    levels = picture(400, 300, 3)
    data = bytearray(encode_png(levels))
    opened = open_again(bytes(data))
    assert opened is not None
    stream = opened._stream  # type: ignore[attr-defined]
    # What comes later in the stream may be anything.
    opened._stream = stream[: len(stream) * 3 // 4] + bytes(len(stream) // 4)  # type: ignore[attr-defined]
    assert np.array_equal(opened.pixels(100, 50), levels[:100, :50])


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(16, 16), (37, 53)], ids=str)
def test_jpeg_is_decoded_as_pillow_does(size: tuple[int, int], progressive: bool, subsampling: str) -> None:
    data = jpeg(picture(*size, 3), subsampling=subsampling, progressive=progressive)
    found, expected = decode_again(data), decode(data)
    assert isinstance(open_again(data), JpegScaled)
    assert np.array_equal(found.pixels, expected.pixels)
    assert (found.lossy, found.format) == (expected.lossy, expected.format) == (True, "JPEG")


def test_grey_jpeg_is_decoded_as_pillow_does() -> None:
    data = jpeg(picture(37, 53, 1))
    assert isinstance(open_again(data), JpegScaled)
    assert np.array_equal(decode_again(data).pixels, decode(data).pixels)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_scaled_jpeg_is_nearly_the_mean_of_its_blocks(number: int) -> None:
    y, x = np.mgrid[:133, :150]
    levels = np.stack([x, y, 128 + 60 * np.sin(x / 9) * np.cos(y / 7)], axis=-1).astype(np.uint8)
    image = open_jpeg(jpeg(levels, quality=95), 10**9)
    assert image is not None
    scaled, times = image.scaled(number), 1 << number
    assert scaled.shape == (-(-133 // times), -(-150 // times), 3)
    height, width = 133 // times, 150 // times
    whole = image.scaled(0)[: height * times, : width * times].astype(float)
    mean = whole.reshape(height, times, width, times, 3).mean(axis=(1, 3))
    difference = np.abs(scaled[:height, :width] - mean)
    assert difference.mean() < 1
    assert difference.max() < 8


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def odd_files() -> dict[str, bytes]:
    small = Image.fromarray(picture(20, 30, 3))

    def saved(image: Image.Image, form: str, **options: Any) -> bytes:
        file = BytesIO()
        image.save(file, form, **options)
        return file.getvalue()

    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
    return {
        "turned PNG": saved(small, "PNG", exif=turned()),
        "PNG turned in XMP": saved(small, "PNG", pnginfo=text),
        "PNG with a colour table": saved(small.quantize(16), "PNG"),
        "PNG of 16 bits": encode_png(picture(20, 30, 1).astype(np.uint16) * 257),
        "PNG of 1 bit": saved(small.convert("1"), "PNG"),
        "PNG with a clear colour": saved(small, "PNG", transparency=(255, 255, 255)),
        "turned JPEG": saved(small, "JPEG", exif=turned()),
        "JPEG in CMYK": saved(small.convert("CMYK"), "JPEG"),
        "WebP": saved(small, "WEBP", lossless=True),
    }


@pytest.mark.parametrize("name", odd_files())
def test_rarer_files_are_left_to_the_thorough_way(name: str) -> None:
    data = odd_files()[name]
    assert open_again(data) is None
    found, expected = decode_again(data), decode(data)
    assert np.array_equal(found.pixels, expected.pixels)
    assert (found.format, found.lossy, found.notes) == (expected.format, expected.lossy, expected.notes)
