"""PNG of a sample's planes: zlib and three decoders read it back."""

import zlib

import cv2
import numpy as np
import pytest

from aimkit.imageio import decode, deflate
from aimkit.imageio.deflate import _lengths
from aimkit.imageio.png_encode import encode_levels
from aimkit.imageio.png_rows import open_png


def gradient(height, width):
    y, x = np.mgrid[:height, :width]
    return np.stack([x + y, 2 * x, 3 * y], axis=2).astype(np.uint8)


NOISE = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
PLANES = {
    "one pixel": NOISE[:1, :1],
    "one grey pixel": NOISE[:1, :1, 0],
    "a row": NOISE[:1],
    "a column": NOISE[:, :1],
    "noise": NOISE,
    "grey noise": NOISE[..., 0],
    "flat": np.full((300, 400), 255, np.uint8),
    "runs of many lengths": np.repeat(np.arange(256), np.arange(256) + 1).astype(np.uint8)[None],
    "gradient": gradient(60, 50),
    "more than a block": np.tile(gradient(200, 200) + NOISE[:50, :50].repeat(4, 0).repeat(4, 1), (2, 1, 1)),
    "not contiguous": NOISE[::2, ::-1, ::-1],
}


@pytest.mark.parametrize("plane", PLANES.values(), ids=PLANES)
def test_what_is_encoded_is_decoded_by_others(plane):
    data = encode_levels(plane)
    grey = plane.ndim == 2
    flag = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR_RGB
    assert np.array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), flag), plane)
    assert np.array_equal(decode(data, "a plane").pixels.reshape(plane.shape), plane)
    rows = open_png(data, 1 << 30)
    assert rows is not None
    assert np.array_equal(rows.pixels(*plane.shape[:2]), plane)
    assert encode_levels(plane.copy()) == data


@pytest.mark.parametrize("count", [1, 2, 3, 258, 259, 260, 1 << 16, (1 << 16) + 1, 300_000])
@pytest.mark.parametrize("levels", [1, 2, 256])
def test_zlib_reads_what_is_deflated(count, levels):
    data = np.random.default_rng(count).integers(0, levels, count).astype(np.uint8)
    assert zlib.decompress(deflate.deflate(data)) == data.tobytes()


def test_a_photo_is_as_small_as_by_zlib_and_a_label_smaller():
    photo = cv2.GaussianBlur(np.random.default_rng(1).normal(128, 60, (200, 300)), (0, 0), 2).astype(np.uint8)
    label = cv2.circle(np.zeros((200, 300), np.uint8), (150, 90), 80, 128, -1)
    for plane, factor in ((photo, 1.03), (label, 0.8)):
        rival = cv2.imencode(".png", plane, [cv2.IMWRITE_PNG_COMPRESSION, 3, cv2.IMWRITE_PNG_STRATEGY, 0])[1]
        assert len(encode_levels(plane)) <= factor * len(rival)


def test_codes_are_shortest_and_at_most_of_the_longest_length():
    counts = np.array([0, 5, 1, 1, 2, 9])
    lengths = _lengths(counts, 15)
    assert lengths.tolist() == [0, 2, 4, 4, 3, 1]
    fibonacci = [1, 1]
    while len(fibonacci) < 30:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    long, limited = _lengths(np.array(fibonacci), 40), _lengths(np.array(fibonacci), 15)
    assert long.max() == 29
    assert limited.max() <= 15
    assert (0.5**limited).sum() == pytest.approx(1)
