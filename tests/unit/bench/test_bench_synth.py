from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate, count
from pathlib import Path

import numpy as np
import pytest

from aimkit.bench import photos as inputs
from aimkit.bench import synth as bench
from aimkit.bench import usual_pipeline
from aimkit.errors import AimkitError


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "SHORT", 200)
        inputs.write_photos(folder, 2)
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bench, usual_pipeline):
        monkeypatch.setattr(module, "CROPS", (64, 128))
        monkeypatch.setattr(module, "SIZE", 64)


def ticking(step: float = 0.0) -> Callable[[], float]:
    """A clock that goes on by a second at every look, and by ``step`` seconds more each time."""
    return accumulate(count(1.0, step)).__next__


def test_all_ways_are_timed_against_the_usual_one(photos: Path) -> None:
    # The intervals that this clock shows are 2, 4, 6, ... seconds.
    rows = bench.measure(photos, rounds=1, samples=2, clock=ticking(1.0))
    assert [(row.way, row.source) for row in rows[2:]] == [
        ("exact", "image files"),
        ("fast", "image files"),
        ("exact", "pool"),
        ("fast", "pool"),
    ]
    assert [row.milliseconds for row in rows] == [1000, 2000, 3000, 4000, 5000, 6000]
    assert [row.ratio for row in rows] == pytest.approx([1 / n for n in range(1, 7)])
    assert [row.rate for row in rows] == pytest.approx([1 / n for n in range(1, 7)])


def test_the_median_of_the_rounds_counts(photos: Path) -> None:
    rows = bench.measure(photos, rounds=3, samples=1, clock=ticking(1.0))
    # Six ways take 2, ..., 12 seconds, then 14, ..., 24, then 26, ..., 36.
    assert [row.milliseconds for row in rows] == [14000, 16000, 18000, 20000, 22000, 24000]
    assert rows[5].ratio == pytest.approx(14 / 24)


def test_the_usual_pipeline_makes_what_the_engine_makes(photos: Path) -> None:
    """The baseline is fair: its composites obey the equation, and its trimap is that of its matte."""
    files = [sorted((photos / name).iterdir()) for name in ("fg", "bg")]
    for index in range(4):
        image, foreground, background, alpha, trimap = usual_pipeline.usual_sample(files[0], files[1], index)
        assert image.shape == (64, 64, 3)
        assert alpha.shape == trimap.shape == (64, 64)
        weight = alpha[..., None] / 255
        difference = image - (weight * foreground + (1 - weight) * background)
        assert np.abs(difference).mean() < 4
        assert (trimap[(alpha > 0) & (alpha < 255)] > 0).all()


@pytest.mark.parametrize("fast", [False, True])
def test_every_part_takes_time_and_parts_add_up(photos: Path, fast: bool) -> None:
    # Every call and every return is a look at this clock, so each part takes at least a second.
    parts = dict(bench.time_parts(photos, fast, samples=8, clock=ticking()))
    assert list(parts) == [*bench.PARTS.values(), "other"]
    assert min(parts.values()) >= 1000 / 8


def test_a_part_whose_function_has_another_name_is_an_error(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "PARTS", {"composite.blended": "blend"})
    with pytest.raises(AimkitError, match=r"not called: composite\.blended"):
        bench.time_parts(photos, fast=True, samples=1)


def test_limits_and_writing_are_told_in_milliseconds(photos: Path) -> None:
    limits = bench.time_limits(photos, repeats=2, clock=ticking(1.0))
    # The first of two runs is the faster one by this clock: 2 of 2 and 4 seconds, 6 of 6 and 8, ...
    assert [milliseconds for _, milliseconds in limits] == [1000 * (2 + 4 * n) for n in range(len(limits))]
    for image in ("jpg", "png"):
        times = bench.time_writing(photos, image, samples=2, clock=ticking())
        assert (times.both, times.encoding, times.bare) == (2000, 1000, 1000)
        assert 0.5 < times.size < 1.1
