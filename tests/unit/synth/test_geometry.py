from __future__ import annotations

import cv2
import numpy as np
import pytest

from aimkit.synth import geometry


def disc(size: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """A disc whose straight colour is red inside and green where there is nothing: any mixing shows."""
    y, x = np.mgrid[:size, :size] + 0.5 - size / 2
    alpha = np.clip(size / 4 - np.hypot(x, y) + 0.5, 0, 1).astype(np.float32)
    color = np.zeros((size, size, 3), np.float32)
    color[..., 0] = alpha > 0
    color[..., 1] = alpha == 0
    return color, alpha


@pytest.mark.parametrize("kernel", [*geometry.KERNELS, "auto"])
@pytest.mark.parametrize("size", [(40, 40), (57, 31), (160, 150)])
def test_resizing_leaves_no_fringe(kernel: str, size: tuple[int, int]) -> None:
    color, alpha = geometry.resize(*disc(), size, kernel)
    assert color.shape == (*size, 3)
    assert alpha.shape == size
    assert color[alpha > 0.05][:, 1].max() < 0.05, "green of the empty outside bled in"


@pytest.mark.parametrize("kernel", ["auto", "linear", "cubic", "lanczos"])
def test_warping_leaves_no_fringe_and_keeps_the_area(kernel: str) -> None:
    color, alpha = disc()
    for scale, degrees in ((0.5, 0), (1, 30), (0.3, 45), (1.4, 10)):
        matrix = geometry.affine((40, 40), scale=scale, degrees=degrees, to=(60, 60))
        moved, coverage = geometry.warp(color, alpha, matrix, (120, 120), kernel)
        tolerance = 0.02 if kernel == "auto" or scale >= 1 else 0.1
        assert coverage.sum() == pytest.approx(alpha.sum() * scale**2, rel=tolerance)
        if kernel == "auto":
            assert moved[coverage > 0.05][:, 1].max() < 0.05


def test_a_pure_shift_by_whole_pixels_is_exact() -> None:
    color, alpha = disc()
    matrix = geometry.affine((40, 40), to=(43, 38))
    coverage = geometry.warp(color, alpha, matrix, (80, 80), "linear")[1]
    assert np.array_equal(coverage[:-2, 3:], alpha[2:, :-3])


def test_the_centre_of_mass_goes_where_the_map_says() -> None:
    alpha = np.zeros((64, 64), np.float32)
    alpha[10:20, 40:50] = 1
    matrix = geometry.affine((32, 32), scale=0.7, degrees=25, shear=5, flip=True)
    _, moved = geometry.warp(np.ones((64, 64, 3), np.float32), alpha, matrix, (64, 64))
    y, x = np.mgrid[:64, :64] + 0.5
    center = np.array([(moved * x).sum(), (moved * y).sum()]) / moved.sum()
    assert np.allclose(center, matrix @ [45, 15, 1], atol=0.1)


def test_flipping_twice_is_the_identity() -> None:
    matrix = geometry.affine((20, 30), flip=True)
    square = np.vstack([matrix, [0, 0, 1]])
    assert np.allclose(square @ square, np.eye(3))


def test_premultiplied_blur_equals_blurring_over_any_background() -> None:
    """Blur of (F over B) with B uniform equals (blurred F) over B: only premultiplied blur does that."""
    color, alpha = disc()
    kernel = cv2.getGaussianKernel(9, 2).astype(np.float32)
    kernel = kernel @ kernel.T
    moved, coverage = geometry.filter_premultiplied(color, alpha, kernel)
    background = np.float32([0.2, 0.4, 0.9])
    blend = lambda c, a: c * a[..., None] + (1 - a[..., None]) * background  # noqa: E731
    expected = cv2.filter2D(blend(color, alpha), -1, kernel, borderType=cv2.BORDER_REPLICATE)
    assert np.abs(blend(moved, coverage) - expected).max() < 1 / 255


def test_displace_shows_what_lies_where_the_field_points() -> None:
    image = np.random.default_rng(0).random((20, 30, 3), np.float32)
    field = np.zeros((20, 30, 2), np.float32)
    assert np.allclose(geometry.displace(image, field), image)
    field[..., 0], field[..., 1] = 3, -2
    assert np.allclose(geometry.displace(image, field)[2:, :-3], image[:-2, 3:], atol=1e-6)
