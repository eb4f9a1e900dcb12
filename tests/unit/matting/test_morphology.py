from __future__ import annotations

import cv2
import numpy as np
import pytest

from aimkit.matting.morphology import dilate


def masks(shape: tuple[int, int]) -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(draw.random(shape, np.float32), (0, 0), 7)
    sparse = draw.random(shape) < 0.001
    sparse[0, 0] = sparse[-1, -1] = True
    return [smooth > np.median(smooth), sparse, np.ones(shape, bool), np.zeros(shape, bool)]


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3), (64, 64), (91, 129), (130, 511)])
def test_dilation_by_bits_is_opencvs(shape: tuple[int, int]) -> None:
    for kernel in (0, 1, 2, 3, 11, 12, 13, 20, 29, 30, 50, 131):
        ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (max(kernel, 1), max(kernel, 1)))
        for mask in masks(shape):
            assert np.array_equal(dilate(mask, kernel), cv2.dilate(mask.astype(np.uint8), ellipse) > 0)
            assert np.array_equal(~dilate(~mask, kernel), cv2.erode(mask.astype(np.uint8), ellipse) > 0)
