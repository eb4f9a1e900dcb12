from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.evaluate.baselines import baseline, baselines
from aimkit.evaluate.images import EvaluationSet
from aimkit.evaluate.sets import open_set


@pytest.fixture
def discs(tmp_path: Path) -> EvaluationSet:
    """Bright discs on dark ground, and the other way round."""
    for name in ("original", "mask"):
        (tmp_path / name).mkdir()
    y, x = np.mgrid[:40, :50]
    for i in range(4):
        alpha = (np.clip((10 + i - np.hypot(y - 20, x - 25)) / 3, 0, 1) * 255).astype(np.uint8)
        image = np.dstack([alpha if i % 2 else 255 - alpha] * 3)
        cv2.imwrite(str(tmp_path / f"mask/{i}.png"), alpha)
        cv2.imwrite(str(tmp_path / f"original/{i}.png"), image)
    return open_set("folder", str(tmp_path), kernel=5)


#: Importing numba takes seconds.
SLOW = ("closed-form",)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in baselines.list()])
def test_every_baseline_gives_a_matte(name: str, discs: EvaluationSet) -> None:
    predict = baseline(name, discs)
    for entry in discs.entries:
        image = discs.read(entry).image
        alpha = predict(image)
        assert alpha.dtype == np.float32
        assert alpha.shape == image.shape[:2]
        assert 0 <= alpha.min() <= alpha.max() <= 1


def test_otsu_finds_an_object_whether_it_is_bright_or_dark(discs: EvaluationSet) -> None:
    predict = baseline("otsu", discs)
    for entry in discs.entries:
        planes = discs.read(entry)
        assert np.abs(predict(planes.image) - planes.alpha / 255).mean() < 0.05


def test_no_other_constant_is_better(discs: EvaluationSet) -> None:
    alphas = np.concatenate([discs.read(entry).alpha.ravel() for entry in discs.entries]) / 255
    best = float(baseline("constant", discs)(np.zeros((1, 1, 3), np.uint8))[0, 0])
    errors = [np.abs(alphas - value).sum() for value in np.arange(256) / 255]
    assert np.abs(alphas - best).sum() == pytest.approx(min(errors), rel=1e-6)


def test_no_other_constant_has_a_smaller_squared_error(discs: EvaluationSet) -> None:
    alphas = np.concatenate([discs.read(entry).alpha.ravel() for entry in discs.entries]) / 255
    best = float(baseline("mean", discs)(np.zeros((1, 1, 3), np.uint8))[0, 0])
    errors = [((alphas - value) ** 2).sum() for value in np.arange(256) / 255]
    assert ((alphas - best) ** 2).sum() <= min(errors)


def test_an_unknown_baseline_is_told(discs: EvaluationSet) -> None:
    with pytest.raises(AimkitError, match="did you mean 'zeros'"):
        baseline("zero", discs)
