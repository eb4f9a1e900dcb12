from __future__ import annotations

import cv2
import numpy as np
import pytest

from aimkit.matting import kernels
from aimkit.matting.composite import blend
from aimkit.synth.noise import add_noise, noise_from
from aimkit.synth.view import View
from aimkit.types import to_float, to_uint8


def planes(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    alpha = cv2.resize(draw.integers(0, 256, (5, 7), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    return (
        draw.integers(0, 256, (height, width, 3), np.uint8),
        alpha,
        draw.integers(0, 256, (height, width, 3), np.uint8),
    )


def test_blending_levels_is_blending_rounded() -> None:
    levels = np.arange(256, dtype=np.uint8)
    for color in range(256):
        # Every level of colour over every other one, at 256 alphas.
        foreground = np.full((256, 256, 3), color, np.uint8)
        alpha = np.broadcast_to(levels[:, None], (256, 256))
        background = np.ascontiguousarray(np.broadcast_to(levels[None, :, None], (256, 256, 3)))
        total = alpha[..., None] * foreground.astype(int) + (255 - alpha[..., None].astype(int)) * background
        assert np.array_equal(kernels.blend(foreground, alpha, background), (2 * total + 255) // 510)
    foreground, alpha, background = planes(61, 83)
    floats = blend(to_float(foreground), to_float(alpha), to_float(background))
    assert np.array_equal(kernels.blend(foreground, alpha, background), to_uint8(floats))


def test_blending_takes_views_of_larger_planes() -> None:
    whole = planes(64, 80)
    part = np.s_[5:50, 7:70]
    cut = kernels.blend(*(plane[part] for plane in whole))
    assert np.array_equal(cut, kernels.blend(*whole)[part])


@pytest.mark.parametrize("offset", [(0, 0), (1000, 1010), (5000, 3)])
def test_added_noise_is_the_noise_of_the_view_rounded(offset: tuple[int, int]) -> None:
    foreground, _, background = planes(90, 70)
    view = View((6000, 6000), (90, 70), offset)
    starts = np.array([[1000, 980], [3, 1029]])
    both = add_noise((foreground, background), view, starts, 12.5)
    noise = noise_from(view, starts) * np.float32(12.5)
    for made, plane in zip(both, (foreground, background), strict=True):
        wanted = np.clip(plane + noise, 0, 255)
        assert np.abs(made - wanted).max() <= 0.5 + 1e-4
    assert both[0].std() > foreground.std() / 2


@pytest.mark.parametrize("times", [1, 2, 3, 5])
def test_reduction_is_the_mean_of_blocks_weighted_by_alpha(times: int) -> None:
    foreground, alpha, background = planes(times * 20, times * 30)
    alpha[: 7 * times] = 0
    alpha[12 * times :] = 255
    image = kernels.blend(foreground, alpha, background)
    small = kernels.reduce(image, alpha, foreground, background, times)
    blocks = (20, times, 30, times)

    def mean(plane: np.ndarray, weight: np.ndarray) -> np.ndarray:
        weight = weight.astype(np.float64)
        share = weight.reshape(*blocks).mean(axis=(1, 3))
        sums = (plane * weight[..., None]).reshape(*blocks, 3).mean(axis=(1, 3))
        middle = plane[times // 2 :: times, times // 2 :: times]
        return np.where(share[..., None] > 0.5, np.floor(sums / np.maximum(share, 0.5)[..., None] + 0.5), middle)

    ones = np.ones_like(alpha)
    assert np.array_equal(small[0], mean(image, ones))
    assert np.array_equal(small[1], np.floor(alpha.reshape(*blocks).mean(axis=(1, 3)) + 0.5))
    assert np.array_equal(small[2], mean(foreground, alpha))
    assert np.array_equal(small[3], mean(background, 255 - alpha))
