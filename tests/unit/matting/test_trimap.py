from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.matting.trimap import SCHEDULES, distance_trimap, generalized_trimap, make_trimap, trimap
from aimkit.types import ImageType

CASES = sorted((name, kernel, kind) for name in ("sample2", "sample5") for kernel in (10, 25, 30) for kind in ImageType)


def disc(size: int = 96, radius: int = 25, soft: int = 6) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - size / 2
    return np.clip((radius - np.hypot(x, y)) / soft + 0.5, 0, 1).astype(np.float32)


@pytest.mark.parametrize(("name", "kernel", "kind"), CASES)
def test_generalized_trimap_equals_the_reference(golden: Path, name: str, kernel: int, kind: ImageType) -> None:
    alpha = cv2.imread(str(golden / f"usr/{name}_alpha.png"), cv2.IMREAD_GRAYSCALE)
    expected = cv2.imread(str(golden / f"usr/{name}_k{kernel}_{kind}.png"), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(generalized_trimap(alpha, kind, kernel), expected)


def test_a_float_alpha_gives_the_same_trimap_as_its_8_bit_levels() -> None:
    alpha = disc()
    assert np.array_equal(trimap(alpha, 9), trimap(np.rint(alpha * 255).astype(np.uint8), 9))


def test_kernel_0_leaves_exactly_the_partial_pixels_unknown() -> None:
    alpha = np.rint(disc() * 255).astype(np.uint8)
    partial = (alpha > 0) & (alpha < 255)
    for schedule in SCHEDULES:
        assert np.array_equal(make_trimap(alpha, schedule, 0) == 128, partial)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_unknown_area_grows_with_the_kernel(schedule: str) -> None:
    unknown = [make_trimap(disc(), schedule, kernel) == 128 for kernel in (0, 3, 8, 15, 30)]
    for small, large in pairwise(unknown):
        assert (large | ~small).all()
        assert large.sum() > small.sum()


def test_dilation_and_erosion_have_kernels_of_their_own() -> None:
    wide, narrow = trimap(disc(), (20, 0)), trimap(disc(), (0, 20))
    assert np.array_equal(wide == 255, disc() == 1)
    assert np.array_equal(narrow == 0, disc() < 0.5 / 255)


def test_distance_schedule_agrees_with_brute_force() -> None:
    alpha = np.rint(disc(40, 10) * 255).astype(np.uint8)
    ys, xs = np.nonzero(alpha)
    grid_y, grid_x = np.mgrid[:40, :40]
    nearest = np.sqrt(((grid_y[..., None] - ys) ** 2 + (grid_x[..., None] - xs) ** 2).min(axis=2))
    assert np.array_equal(distance_trimap(alpha, 7) == 0, nearest > 3.5)


def test_an_empty_and_a_full_alpha_have_no_transition() -> None:
    for schedule in SCHEDULES:
        assert (make_trimap(np.zeros((20, 30), np.uint8), schedule, 10) == 0).all()
        assert (make_trimap(np.full((20, 30), 255, np.uint8), schedule, 10) == 255).all()


def test_bad_input_is_told() -> None:
    with pytest.raises(AimkitError, match=r"\(H, W\)"):
        trimap(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(AimkitError, match="negative"):
        trimap(np.zeros((4, 4), np.uint8), -1)
    with pytest.raises(AimkitError, match="not an image type"):
        generalized_trimap(np.zeros((4, 4), np.uint8), "XX")
    with pytest.raises(AimkitError, match="schedule"):
        make_trimap(np.zeros((4, 4), np.uint8), "ellipse", 3)
