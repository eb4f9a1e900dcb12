from __future__ import annotations

import cv2
import numpy as np
import pytest

from aimkit.evaluate.classical import LONG_SIDE, closed_form, saliency, trimap_of


def scene(size: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """A soft red disc on green noise, and its matte."""
    y, x = np.mgrid[:size, : size + 20]
    alpha = np.clip((size / 4 - np.hypot(y - size / 2, x - size / 2)) / 4, 0, 1)[..., None]
    noise = np.random.default_rng(0).uniform(-0.05, 0.05, (*alpha.shape[:2], 1))
    image = alpha * np.array([0.8, 0.2, 0.2]) + (1 - alpha) * (np.array([0.3, 0.6, 0.3]) + noise)
    return np.rint(image * 255).astype(np.uint8), alpha[..., 0]


def test_what_is_rare_along_the_border_stands_out() -> None:
    image, alpha = scene()
    salient = saliency(image)
    assert salient[alpha == 1].min() > salient[alpha == 0].mean()
    # The same colours at the lower border alone: nothing is said about the background by them.
    standing = np.roll(image, 30, axis=0)
    assert saliency(standing)[np.roll(alpha, 30, axis=0) == 1].mean() > 2 * saliency(standing)[:20].mean()


def test_the_trimap_is_sure_of_nothing_wrong() -> None:
    image, alpha = scene()
    trimap = trimap_of(saliency(image))
    assert set(np.unique(trimap)) == {0.0, 0.5, 1.0}
    assert (alpha[trimap == 1] == 1).mean() > 0.99
    assert (alpha[trimap == 0] == 0).mean() > 0.99


@pytest.mark.slow
def test_the_matte_is_near_to_the_truth_and_better_than_its_trimap() -> None:
    image, alpha = scene()
    error = np.abs(closed_form(image) - alpha).mean()
    assert error < 0.01
    assert error < 0.5 * np.abs(trimap_of(saliency(image)) - alpha).mean()


def test_large_photos_are_reduced_and_plain_ones_have_no_matte_to_solve(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def nothing(image: np.ndarray) -> np.ndarray:
        seen.append(image.shape)
        return np.zeros(image.shape[:2], np.float32)

    monkeypatch.setattr("aimkit.evaluate.classical.saliency", nothing)
    image = cv2.resize(scene()[0], (LONG_SIDE * 3, LONG_SIDE))
    assert closed_form(image).shape == image.shape[:2]
    assert seen == [(round(LONG_SIDE / 3), LONG_SIDE, 3)]
