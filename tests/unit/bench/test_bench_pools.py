"""The forms that a pool's own is compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aimkit.bench.pools import FORMS, WINDOWS, PoolForm, time_forms

EXACT = [form for form in FORMS if form.exact]


def pyramid() -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.integers(0, 256, (*size, 3), np.uint8) for size in ((600, 530), (300, 265))]


def test_the_forms_that_need_no_package_are_compared_bit_for_bit() -> None:
    assert len([form for form in EXACT if not form.needs]) == 3
    assert [form.name for form in FORMS if not form.exact] == ["PNG, decoded", "JPEG 95, decoded"]


@pytest.mark.parametrize("form", EXACT, ids=lambda form: form.name)
def test_a_form_reads_the_window_that_was_written(form: PoolForm, tmp_path: Path) -> None:
    if form.needs:
        pytest.importorskip(form.needs)
    levels = pyramid()
    read = form.write([levels], tmp_path)
    for level, top, left, side in ((0, 0, 0, 530), (0, 70, 3, 400), (1, 250, 255, 10)):
        assert np.array_equal(read(0, level, top, left, side), levels[level][top:, left:][:side, :side])


def test_every_installed_form_gets_a_row_with_a_time_for_each_window_that_fits(tmp_path: Path) -> None:
    rows = list(time_forms([pyramid()], tmp_path, repeats=1))
    assert {form.name for form in FORMS if not form.needs} <= {row["form"] for row in rows}
    keys = [f"{side} of level {level}" for level, side in WINDOWS]
    assert all(row[keys[0]] is None and row[keys[1]] is None for row in rows), "no picture is so large"
    assert list(tmp_path.iterdir()) == []
