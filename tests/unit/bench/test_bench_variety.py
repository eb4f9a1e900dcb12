import cv2
import numpy as np
import pytest

from aimkit.bench import variety
from aimkit.bench.generators import time_generators
from aimkit.errors import AimkitError
from aimkit.generators import coverage
from aimkit.rng import rng
from aimkit.types import Foreground, ImageType


def disc(x, tone, soft=0.0):
    size = (128, 128)
    rows, cols = (np.indices(size) + 0.5) / 128
    alpha = coverage.edge(np.hypot(cols - x, rows - 0.5) - 0.25, size, soft)
    return Foreground(np.full((*size, 3), tone, np.float32), alpha, ImageType.SO)


def test_equal_foregrounds_have_no_variety():
    assert variety.measure([disc(0.5, 0.4)] * 3).distance == pytest.approx(0, abs=1e-5)


def test_variety_grows_with_differences_of_place_and_tone():
    near = variety.measure([disc(0.5, 0.4), disc(0.52, 0.42)]).distance
    far = variety.measure([disc(0.3, 0.1), disc(0.7, 0.9)]).distance
    assert far > 4 * near > 0


def test_transition_is_the_width_of_the_soft_edge():
    wide = variety.measure([disc(0.5, 0.4, soft=0.08)])
    # A linear ramp of width 0.08 + 1/128, without 1.5 % at either end.
    assert wide.transition == pytest.approx(1000 * (0.08 + 1 / 128) * 0.97, rel=0.08)
    hard = variety.measure([disc(0.5, 0.4)])
    assert hard.transition < wide.transition / 5
    # Pixels that the outline crosses are not solid.
    assert hard.solid == pytest.approx(np.pi * (0.25 - 0.5 / 128) ** 2, rel=0.02)


def test_a_folder_of_cutouts_is_measured(tmp_path):
    for i in range(3):
        rgba = (255 * rng(i).random((300, 200, 4))).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{i}.png"), rgba)
    assert variety.of_folder(tmp_path).count == 3
    (tmp_path / "empty").mkdir()
    with pytest.raises(AimkitError, match="no cut-outs"):
        variety.of_folder(tmp_path / "empty")


def test_bench_times_what_matches():
    rows = time_generators("gem", size=64)
    assert [row["name"] for row in rows] == ["gem"]
    assert 0 < rows[0]["ms"] <= rows[0]["worst"]
    assert rows[0]["type"] == "SO"
