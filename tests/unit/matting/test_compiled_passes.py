"""The compiled passes equal what OpenCV and NumPy make in several, bit by bit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from aimkit.matting.box_blur import box_blur
from aimkit.matting.halving import halve
from aimkit.matting.premultiplied import THIN, fill_thin, premultiply, straighten
from aimkit.matting.stretch import stretch
from aimkit.types import Array, UInt8, to_float


def levels(*shape: int) -> UInt8:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


def matte(height: int, width: int) -> UInt8:
    alpha = levels(height, width)
    alpha[: height // 2, : width // 2] = 0
    alpha[height // 2 :, width // 2 :] %= 3
    return alpha


def box_by_opencv(image: UInt8, side: int, centered: bool) -> Array:
    sums: Array = image
    count = side * side
    if centered and side % 2 == 0:
        sums, count = cv2.boxFilter(image, cv2.CV_16U, (2, 2), anchor=(0, 0), normalize=False), 4 * count
    sums = cv2.boxFilter(sums, cv2.CV_32F, (side, side), normalize=False)
    return np.rint(sums * np.float32(1 / count)).astype(np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 3), (40, 33)], ids=str)
@pytest.mark.parametrize("side", [1, 2, 5, 20, 41])
@pytest.mark.parametrize("centered", [True, False])
def test_the_box_blur_is_opencvs(size: tuple[int, int], side: int, centered: bool) -> None:
    image = levels(*size, 3)
    assert np.array_equal(box_blur(image, side, centered), box_by_opencv(image, side, centered))


@pytest.mark.parametrize("scale", [(1.0, 1.0), (0.75, 1.25), (-1.5, 0.5), (1.0703125, 1.0)], ids=str)
def test_stretching_rounds_the_exact_bilinear_value(scale: tuple[float, float]) -> None:
    image, shift, size = levels(50, 60, 3), (-1.5 if scale[0] > 0 else 58.25, 0.3125), (45, 52)
    found = stretch(image, scale, shift, size)
    x, y = (np.arange(n) * s + o for n, s, o in zip(size[::-1], scale, shift, strict=True))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)

    def at(rows: Array, columns: Array) -> Array:
        return image[np.clip(rows, 0, 49)][:, np.clip(columns, 0, 59)].astype(float)

    u, v = (x - left)[None, :, None], (y - top)[:, None, None]
    exact = (1 - v) * ((1 - u) * at(top, left) + u * at(top, left + 1))
    exact += v * ((1 - u) * at(top + 1, left) + u * at(top + 1, left + 1))
    assert np.array_equal(found, np.rint(exact.astype(np.float32)).astype(np.uint8))


def test_halving_weights_colours_by_alpha() -> None:
    color, alpha = levels(24, 30, 3), matte(24, 30)
    small, half = halve(color, alpha)
    blocks = color.reshape(12, 2, 15, 2, 3).astype(float)
    weights = alpha.reshape(12, 2, 15, 2, 1).astype(float)
    total = weights.sum(axis=(1, 3))
    weighted = np.rint((blocks * weights).sum(axis=(1, 3)) / np.maximum(total, 1))
    plain = np.floor(blocks.sum(axis=(1, 3)) / 4 + 0.5)
    assert np.array_equal(small, np.where(total >= 2, weighted, plain).astype(np.uint8))
    assert np.array_equal(half, np.floor(total[..., 0] / 4 + 0.5).astype(np.uint8))
    assert (total < 2).any()
    assert (total >= 2).any()


@pytest.mark.parametrize("floats", [False, True])
def test_premultiplied_colours_come_back_but_where_alpha_is_thin(floats: bool) -> None:
    color, alpha = levels(24, 30, 3), matte(24, 30)
    share, weight = to_float(color), to_float(alpha)
    layer = premultiply(share, weight) if floats else premultiply(color, alpha)
    assert np.array_equal(layer[..., :3], share * weight[..., None])
    assert np.array_equal(layer[..., 3], weight)
    back, opacity, thin = straighten(layer)
    assert thin
    assert np.array_equal(opacity, weight)
    expected = np.clip(layer[..., :3] / np.maximum(weight, THIN)[..., None], 0, 1)
    assert np.array_equal(back, expected)
    other = levels(24, 30, 3)[::-1]
    fill_thin(back, opacity, to_float(other) if floats else other)
    assert np.array_equal(back, np.where((weight <= THIN)[..., None], to_float(other), expected))
    assert not straighten(premultiply(color, np.full_like(alpha, 200)))[2]
