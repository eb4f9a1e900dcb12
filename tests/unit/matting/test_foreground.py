from __future__ import annotations

import cv2
import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.matting.foreground import bleed, estimate


def scene(size=96, stripes=40):
    """A smoothly coloured foreground with a soft edge over a striped background (few stripes: smooth, too)."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    foreground = np.stack([0.9 - 0.3 * x, 0.2 + 0.2 * y, 0.3 + 0 * x], axis=-1)
    alpha = np.clip(0.5 + 4 * (0.32 - np.hypot(x - 0.5, y - 0.5)), 0, 1)
    background = np.repeat(np.clip(0.5 + stripes * np.sin(stripes * x) / 40, 0, 1)[..., None], 3, axis=2)
    image = alpha[..., None] * foreground + (1 - alpha[..., None]) * background
    return image.astype(np.float32), alpha, foreground


def error(color, truth, alpha):
    partial = (alpha > 0.05) & (alpha < 0.95)
    return float(np.abs(color - truth)[partial].mean())


def test_blur_fusion_removes_most_of_the_background():
    image, alpha, truth = scene()
    assert error(estimate(image, alpha, "blur_fusion"), truth, alpha) < 0.4 * error(image, truth, alpha)


def test_multilevel_removes_most_of_the_background():
    image, alpha, truth = scene(stripes=6)
    assert error(estimate(image, alpha, "multilevel"), truth, alpha) < 0.25 * error(image, truth, alpha)


@pytest.mark.parametrize("method", ["multilevel", "blur_fusion"])
def test_an_opaque_image_is_its_own_foreground(method):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    np.testing.assert_array_equal(estimate(image, np.full((20, 30), 255, np.uint8), method), image)


@pytest.mark.parametrize("method", ["multilevel", "blur_fusion"])
def test_opaque_pixels_keep_the_colour_of_the_image(method):
    image = np.random.default_rng(0).integers(0, 256, (37, 50, 3), np.uint8)
    alpha = np.random.default_rng(1).choice(np.uint8([0, 100, 254, 255]), (37, 50))
    np.testing.assert_array_equal(estimate(image, alpha, method)[alpha == 255], image[alpha == 255])


@pytest.mark.parametrize("method", ["multilevel", "blur_fusion"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_dtype_of_the_image_is_kept(dtype, method):
    image, alpha, _ = scene(32)
    image = (image * 255).astype(np.uint8) if dtype == np.uint8 else image
    assert estimate(image, alpha, method).dtype == dtype


def test_views_are_taken_like_arrays():
    image, alpha, _ = scene(33)
    turned, matte = image[::-1].transpose(1, 0, 2), alpha[::-1].T
    np.testing.assert_array_equal(estimate(turned, matte), estimate(turned.copy(), matte.copy()))


def test_wrong_shapes_and_methods_are_refused():
    image, alpha, _ = scene(32)
    with pytest.raises(AimkitError, match="shape mismatch"):
        estimate(image, alpha[:-1])
    with pytest.raises(AimkitError, match="unknown method"):
        estimate(image, alpha, "guess")


def test_bleeding_keeps_what_can_be_seen_and_fills_the_rest():
    color = np.zeros((40, 50, 3), np.float32)
    alpha = np.zeros((40, 50), np.float32)
    color[10:20, 10:20], alpha[10:20, 10:20] = (0.8, 0.4, 0.2), 1
    filled = bleed(color, alpha)
    np.testing.assert_array_equal(filled[10:20, 10:20], color[10:20, 10:20])
    np.testing.assert_allclose(filled, np.broadcast_to(np.float32([0.8, 0.4, 0.2]), filled.shape), atol=1e-5)


def test_bleeding_takes_the_colour_that_is_near():
    color = np.zeros((32, 96, 3), np.float32)
    alpha = np.zeros((32, 96), np.float32)
    color[:, :8], alpha[:, :8] = (1, 0, 0), 1
    color[:, -8:], alpha[:, -8:] = (0, 0, 1), 1
    filled = bleed(color, alpha)
    assert filled[16, 12, 0] > 0.9
    assert filled[16, -12, 2] > 0.9


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (13, 1), (5, 3)])
def test_bleeding_works_at_any_size(shape):
    color = np.random.default_rng(0).random((*shape, 3), np.float32)
    alpha = np.zeros(shape, np.float32)
    np.testing.assert_array_equal(bleed(color, alpha), color)
    alpha[0, 0] = 0.5
    filled = bleed(color, alpha)
    np.testing.assert_allclose(filled, np.broadcast_to(color[0, 0], color.shape), atol=1e-5)


def test_resizing_a_bled_foreground_shows_no_fringe():
    alpha = np.zeros((64, 64), np.float32)
    alpha[16:48, 17:49] = 1
    color = alpha[..., None] * np.float32([0.9, 0.8, 0.7])
    small = cv2.resize(bleed(color, alpha), (31, 31), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(small[..., 0], 0.9, atol=1e-4)


def test_bleeding_white_floats_stays_in_range():
    alpha = np.zeros((24, 32), np.float32)
    alpha[5:9, 3:20] = np.random.default_rng(0).random((4, 17), np.float32)
    filled = bleed(np.full((24, 32, 3), np.float32(1)), alpha)
    assert filled.min() > 0.99
    assert filled.max() <= 1
