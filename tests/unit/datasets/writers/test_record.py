from __future__ import annotations

import numpy as np
import pytest

from aimkit.datasets.writers.record import decode_plane
from aimkit.errors import AimkitError
from aimkit.imageio import encode_png

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)
PNG = encode_png(PIXELS)
MIDDLE = len(PNG) // 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (PNG[:MIDDLE] + bytes([PNG[MIDDLE] ^ 255]) + PNG[MIDDLE + 1 :], "checksum of the IDAT chunk is wrong"),
        (PNG[:MIDDLE], "cut short"),
        (PNG[:30], "cut short|header is missing"),
        (PNG[:8], "header is missing|cut short"),
        (PNG[:20] + b"\x7f\xff\xff\xff" + PNG[24:], "IHDR|megapixels|pixels"),
        (b"not a picture", "the alpha can't be decoded"),
    ],
)
def test_damage_is_told_by_us_and_not_by_the_c_library(
    data: bytes, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AimkitError, match=message) as caught:
        decode_plane(data, "alpha", "sample 3")
    assert "the alpha can't be decoded" in caught.value.what
    assert caught.value.where == "sample 3"
    assert capfd.readouterr() == ("", "")


def test_a_sound_picture_with_damaged_metadata_or_end_is_read_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    text = b"\x00\x00\x00\x05tEXtab\x00cd\x00\x00\x00\x00"  # its checksum is wrong
    for data in (PNG, PNG[:33] + text + PNG[33:], PNG[:-12]):
        assert np.array_equal(decode_plane(data, "alpha", "sample 3"), PIXELS)
    assert capfd.readouterr() == ("", "")
