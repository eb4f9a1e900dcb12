from __future__ import annotations

import numpy as np
import pytest

from aimkit.synth.pyramid import ImagePyramid, border_contact, bounding_box


def picture(height: int = 37, width: int = 50, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    color, alpha = draw.random((height, width, 3), np.float32), draw.random((height, width), np.float32)
    alpha[:10] = 0
    if dtype is np.uint8:
        return (color * 255).astype(np.uint8), (alpha * 255).astype(np.uint8)
    return color, alpha


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_a_pixel_of_the_next_level_is_the_mean_by_alpha_of_the_four_that_it_covers(dtype: type) -> None:
    color, alpha = picture(dtype=dtype)
    small, matte = ImagePyramid(color, alpha).level(1)
    assert small.shape == (19, 25, 3)
    assert small.dtype == matte.dtype == dtype
    unit = 1 if dtype is np.uint8 else 1 / 255
    for y, x in ((0, 0), (4, 7), (6, 9), (12, 24), (18, 3)):
        rows, columns = [min(2 * y + i, 36) for i in (0, 1)], [min(2 * x + i, 49) for i in (0, 1)]
        colors = color[np.ix_(rows, columns)].reshape(4, 3).astype(float)
        weights = alpha[np.ix_(rows, columns)].reshape(4).astype(float)
        assert matte[y, x] == pytest.approx(weights.mean(), abs=unit)
        expected = np.average(colors, axis=0, weights=weights if weights.sum() else None)
        assert small[y, x] == pytest.approx(expected, abs=0.51 * unit if weights.sum() else unit)


def test_levels_end_at_one_pixel_and_known_levels_are_taken_as_they_are() -> None:
    color, alpha = picture()
    made = ImagePyramid(color, alpha)
    assert made.level(99)[0].shape == (1, 1, 3)
    assert made.depth(99) == 6
    known = ImagePyramid(color, alpha, [made.level(1)])
    assert known.level(1)[0] is made.level(1)[0]
    assert np.array_equal(known.level(3)[0], made.level(3)[0])


def test_a_picture_without_a_matte_is_averaged_plainly() -> None:
    color, _ = picture(36, 50)
    small, matte = ImagePyramid(color).level(1)
    assert matte is None
    assert np.allclose(small, color.reshape(18, 2, 25, 2, 3).mean(axis=(1, 3)), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_bounding_box(dtype: type) -> None:
    alpha = np.zeros((10, 12), dtype)
    assert bounding_box(alpha) is None
    alpha[3:5, 7:11] = 0.5 if dtype is np.float32 else 128
    assert bounding_box(alpha) == (7, 3, 11, 5)


def test_contact_counts_from_a_hundredth_of_a_border() -> None:
    alpha = np.zeros((200, 300), np.uint8)
    alpha[5:7, 0] = 255
    assert border_contact(alpha) == (False, False, False, False)
    alpha[5:9, 0] = 255
    assert border_contact(alpha) == (True, False, False, False)
