from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aimkit.bench import synth as bench


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "SHORT", 200)
        bench.write_photos(folder, 2)
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "CROPS", (64, 128))
    monkeypatch.setattr(bench, "SIZE", 64)


def test_all_ways_are_timed_against_the_usual_one(photos: Path) -> None:
    rows = bench.measure(photos, rounds=1, samples=2)
    assert [(row.way, row.source) for row in rows[2:]] == [
        ("exact", "image files"),
        ("fast", "image files"),
        ("exact", "pool"),
        ("fast", "pool"),
    ]
    assert rows[0].ratio == 1
    for row in rows:
        assert row.ratio == pytest.approx(rows[0].milliseconds / row.milliseconds)
        assert row.rate == pytest.approx(1000 / row.milliseconds)


def test_the_usual_pipeline_makes_what_the_engine_makes(photos: Path) -> None:
    """The yardstick is no straw man: its composites hold the equation, its trimap is that of its matte."""
    files = [sorted((photos / name).iterdir()) for name in ("fg", "bg")]
    for index in range(4):
        image, foreground, background, alpha, trimap = bench.usual_sample(files[0], files[1], index)
        assert image.shape == (64, 64, 3)
        assert alpha.shape == trimap.shape == (64, 64)
        weight = alpha[..., None] / 255
        difference = image - (weight * foreground + (1 - weight) * background)
        assert np.abs(difference).mean() < 4
        assert (trimap[(alpha > 0) & (alpha < 255)] > 0).all()


def test_parts_add_up_and_limits_and_writing_are_positive(photos: Path) -> None:
    for fast in (False, True):
        parts = dict(bench.time_parts(photos, fast, samples=3))
        assert min(parts.values()) >= 0
        assert parts["place foreground and background"] > 0
    assert all(milliseconds >= 0 for _, milliseconds in bench.time_limits(photos, repeats=1))
    both, encoding = bench.time_writing(photos, "jpg", samples=2)
    assert both > encoding > 0
