"""Crops of pictures: found in another size and format, and nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from planted import texture

from aimkit.imageio import decode, encode_jpeg, encode_png
from aimkit.imageio.reduced import reduced
from aimkit.lint.crops import corners, crops
from aimkit.lint.item import LintItem, LintTarget
from aimkit.lint.run import lint
from aimkit.lint.view import SMALL


def _corners(rgb: np.ndarray) -> object:
    return corners(reduced(np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8), SMALL))


@pytest.mark.parametrize("kept", [0.95, 0.9, 0.8])
def test_each_crop_finds_its_picture_and_no_other(kept: float) -> None:
    """Crops at random places, enlarged or reduced, and compressed."""
    draw = np.random.default_rng(1)
    pictures = [texture(seed, (380, 420)) for seed in range(8)]
    height, width = (round(kept * side) for side in (380, 420))
    parts = []
    for picture in pictures:
        y, x = draw.integers(0, 380 - height + 1), draw.integers(0, 420 - width + 1)
        other = cv2.resize(picture[y : y + height, x : x + width], None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
        parts.append(decode(encode_jpeg(np.ascontiguousarray(other), 80), "a crop").pixels)
    assert crops([_corners(one) for one in [*pictures, *parts]]) == [(i, 8 + i) for i in range(8)]  # type: ignore[misc]


def test_what_shares_only_a_corner_is_not_the_same_picture() -> None:
    """The two pictures have a quarter of their area in common."""
    wide = texture(3, (380, 620))
    first, second = wide[:, :360], wide[:, 260:]
    assert crops([_corners(np.ascontiguousarray(one)) for one in (first, second)]) == []  # type: ignore[misc]


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 400, 3), (200, 200, 3)])
def test_pictures_without_corners_match_nothing(shape: tuple[int, int, int]) -> None:
    plain = _corners(np.full(shape, 90, np.uint8))
    assert crops([plain, None, plain]) == crops([]) == []  # type: ignore[list-item]


def test_a_crop_leaks_between_splits_and_into_test_sets() -> None:
    whole = texture(5, (380, 420))
    blobs = {"train/a.png": encode_png(whole), "test/b.png": encode_png(np.ascontiguousarray(whole[20:, 30:]))}

    def target(*names: str) -> LintTarget:
        items = [LintItem(n, "single", (n,), (lambda n=n: blobs[n],), "g", n.partition("/")[0]) for n in names]
        return LintTarget("x", items=items)

    leak = lint(target(*blobs), only=["near-duplicate", "split-leak"]).findings
    assert [(one.check, one.files) for one in leak] == [("split-leak", ("train/a.png", "test/b.png"))]
    assert "(cropped)" in leak[0].what
    known = lint(target("train/a.png"), against=[target("test/b.png")]).findings
    assert [one.check for one in known if one.check != "tiny"] == ["test-leak"]
