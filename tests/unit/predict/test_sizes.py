from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimkit.predict.reference import reference_size
from aimkit.predict.sizes import bilinear, shrink, working_size


def planes(height: int, width: int, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(0).random((1, channels, height, width), np.float32)


def opencv(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(x[0, 0], (size[1], size[0]), interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize(("source", "target"), [((37, 51), (90, 130)), ((90, 130), (37, 51)), ((1, 1), (5, 7))])
def test_bilinear_equals_opencv(source: tuple[int, int], target: tuple[int, int]) -> None:
    x = planes(*source)
    assert np.allclose(bilinear(x, target)[0, 0], opencv(x, target), atol=1e-5)


def test_mirroring_equals_padding_by_reflection() -> None:
    x, factor = planes(20, 30), 4
    padded = cv2.copyMakeBorder(x[0, 0], 1, 1, 1, 1, cv2.BORDER_REFLECT_101)
    enlarged = cv2.resize(padded, (32 * factor, 22 * factor), interpolation=cv2.INTER_LINEAR)
    wanted = enlarged[factor:-factor, factor:-factor]
    assert np.allclose(bilinear(x, (80, 120), mirror=True)[0, 0], wanted, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.integers(1, 40)] * 4), st.tuples(*[st.floats(0, 1)] * 4), st.booleans())
def test_a_window_is_a_part_of_the_whole(
    sides: tuple[int, int, int, int], cut: tuple[float, float, float, float], mirror: bool
) -> None:
    x, size = planes(*sides[:2]), sides[2:]
    top, bottom = sorted(int(c * size[0]) for c in cut[:2])
    left, right = sorted(int(c * size[1]) for c in cut[2:])
    if top == bottom or left == right:
        return
    whole = bilinear(x, size, mirror=mirror)
    part = bilinear(x, size, (top, left, bottom, right), mirror=mirror)
    assert np.array_equal(part, whole[..., top:bottom, left:right])


def test_equal_levels_stay_exactly_equal() -> None:
    assert (bilinear(np.full((1, 1, 33, 47), 255, np.uint8), (401, 307)) == 255).all()


def test_strong_reduction_averages_instead_of_skipping() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1, 1, 512, 512), np.uint8)
    assert shrink(noise, (32, 32)).std() < 0.7 * bilinear(noise, (32, 32)).std()
    assert np.array_equal(shrink(noise, (128, 128)), bilinear(noise, (128, 128)))


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 20000), st.integers(1, 20000), st.floats(0.01, 1))
def test_working_sizes_are_multiples_near_the_aspect_under_the_cap(height: int, width: int, scale: float) -> None:
    h, w = working_size((height, width), scale)
    assert min(h, w) >= 1
    assert max(h, w) <= 1600
    assert h <= height
    assert w <= width
    factor = min(max(scale, 128 / min(height, width)), 1, 1600 / max(height, width))
    if factor == 1:
        assert (h, w) == (height, width)
        return
    for found, side in ((h, height), (w, width)):
        assert found % 32 == 0 or found < 32
        # A side is rounded down by more than half a multiple only where rounding up would enlarge the photo.
        assert abs(found - side * factor) <= (16 if found + 32 <= side else 32)


def test_small_photos_are_not_reduced_to_nothing() -> None:
    assert working_size((1080, 1920), 1 / 4) == (256, 480)
    assert working_size((300, 400), 1 / 4) == (128, 160)
    assert working_size((100, 50), 1 / 4) == (100, 50)
    assert reference_size((1080, 1920), 1 / 4, 1600) == (256, 480)
