"""Radiance HDR: light as written, damage told."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.imageio.radiance import decode_radiance

LIMIT = 10**6


def light(height: int = 12, width: int = 24) -> np.ndarray:
    draw = np.random.default_rng(0)
    values = np.exp(draw.uniform(-4, 6, (height, width, 3))).astype(np.float32)
    values[3:6] = values[3, 0]  # runs
    values[0, 0] = 0
    return values


def encoded(values: np.ndarray) -> bytes:
    return cv2.imencode(".hdr", values[..., ::-1])[1].tobytes()


@pytest.mark.parametrize("width", [24, 5])
def test_it_reads_what_opencv_writes(width: int) -> None:
    """Rows of fewer than 8 pixels are plain, longer ones run-length encoded."""
    values = light(width=width)
    data = encoded(values)
    found = decode_radiance(data, LIMIT)
    assert found.dtype == np.float32
    # The three channels share the exponent of the brightest.
    level = values.max(axis=2, keepdims=True) / 128
    assert np.all(np.abs(found - values) <= level + 1e-6)
    assert (found[0, 0] == 0).all()


def test_plain_rows_of_any_width() -> None:
    rows = np.random.default_rng(1).integers(3, 255, (2, 10, 4), np.uint8)
    data = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X 10\n" + rows.tobytes()
    expected = rows[..., :3] * 2.0 ** (rows[..., 3:].astype(float) - 136)
    np.testing.assert_allclose(decode_radiance(data, LIMIT), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda data: data[:-9], "cut short"),
        (lambda data: data.replace(b"-Y", b"+Y"), "from the top"),
        (lambda data: data.replace(b"32-bit_rle_rgbe", b"32-bit_rle_xyze"), "32-bit_rle_rgbe"),
        (lambda data: data.replace(b"\n\n", b"\n"), "no end"),
        (lambda data: b"x" + data, "not a Radiance"),
        (lambda data: data.replace(b"-Y 12", b"-Y 99999999"), "99999999 are"),
    ],
)
def test_what_is_damaged_is_refused_and_nothing_printed(
    change: object, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises((ValueError, AimkitError), match=text):
        decode_radiance(change(encoded(light())), LIMIT)  # type: ignore[operator]
    assert capfd.readouterr() == ("", "")


def test_any_damage_is_refused_or_read() -> None:
    data = encoded(light())
    draw = np.random.default_rng(2)
    for _ in range(300):
        broken = bytearray(data)
        for at in draw.integers(0, len(data), 3):
            broken[at] = int(draw.integers(256))
        try:
            found = decode_radiance(bytes(broken[: int(draw.integers(20, len(data) + 1))]), LIMIT)
        except (ValueError, AimkitError):
            continue
        assert found.ndim == 3
