"""The benchmark of the studio."""

from __future__ import annotations

import pytest

from aimkit.bench.studio import CHANGES, time_start, time_walls

pytestmark = pytest.mark.slow


def test_a_changed_step_draws_nothing_anew() -> None:
    pytest.importorskip("gradio")
    rows = {row.what: row for row in time_walls(count=3, side=64)}
    assert list(rows) == list(CHANGES)
    assert all(0 < row.first <= row.whole for row in rows.values())
    assert rows["slider moved"].processor < rows["other seed"].processor


def test_the_start_is_measured_until_the_page_answers() -> None:
    pytest.importorskip("gradio")
    row = time_start()
    assert 0.5 < row.processor < 10
    assert row.whole > 0
