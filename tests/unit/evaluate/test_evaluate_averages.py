"""Micro and macro averages, and the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.evaluate.averages import averages
from aimkit.evaluate.compare import bootstrap, compare
from aimkit.evaluate.tables import markdown
from aimkit.metrics.matting import METRICS, MORE

ROWS = [
    {"id": "a", "type": "SO", "category": "toy", "sad": 1.0, "conn": None},
    {"id": "b", "type": "SO", "category": "toy", "sad": 3.0, "conn": 4.0},
    {"id": "c", "type": "NS", "category": "", "sad": 8.0, "conn": None},
]


def test_micro_counts_images_and_macro_counts_groups() -> None:
    found = averages(ROWS, ("sad", "conn"))
    assert found["images"] == {"count": 3, "sad": 4.0, "conn": 4.0}
    assert found["types"] == {
        "SO": {"count": 2, "sad": 2.0, "conn": 4.0},
        "NS": {"count": 1, "sad": 8.0, "conn": None},
    }
    assert found["type_macro"] == {"count": 2, "sad": 5.0, "conn": 4.0}
    assert found["categories"] == {"toy": {"count": 2, "sad": 2.0, "conn": 4.0}}


def test_every_metric_has_both_averages() -> None:
    rows = [{"type": "SO", "category": "toy", **dict.fromkeys((*METRICS, *MORE), 1.0)}]
    found = averages(rows, (*METRICS, *MORE))
    assert all(found[name][metric] == 1 for name in ("type_macro", "category_macro") for metric in (*METRICS, *MORE))


def test_without_images_of_a_type_nothing_is_made_up() -> None:
    found = averages([{**ROWS[0], "type": "", "category": ""}], ("sad",))
    assert found["types"] == {}
    assert found["type_macro"] == {"count": 0, "sad": None}


def test_the_bootstrap_interval_covers_the_mean_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    inside = 0
    for trial in range(200):
        low, high = bootstrap(draw.normal(1, 2, 60), seed=trial, resamples=600)
        inside += low < 1 < high
    # 95 % of 200 is 190 with a standard deviation of 3; percentile intervals of 60 values are slightly narrow.
    assert 176 <= inside <= 199


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(1).normal(size=50)
    assert bootstrap(values, 3) == bootstrap(values, 3) != bootstrap(values, 4)


def result(offset: float, **protocol: str) -> dict:
    rows = [{"id": str(i), "sad": i + offset + 0.01 * (i % 3)} for i in range(20)]
    return {"model": {"title": f"m{offset}"}, "protocol": {"data": "x", **protocol}, "images": rows}


def test_a_constant_gap_is_clear_and_paired() -> None:
    rows = compare([result(0), result(0.5)])
    assert [row["metric"] for row in rows] == ["sad"]
    assert rows[0]["difference"] == pytest.approx(0.5)
    assert rows[0]["low"] == pytest.approx(0.5)
    assert rows[0]["high"] == pytest.approx(0.5)
    assert rows[0]["clear"]


def test_protocols_are_not_mixed_unless_wished() -> None:
    pair = [result(0, grad="aim"), result(1, grad="matlab")]
    with pytest.raises(AimkitError, match=r"grad: aim \| matlab"):
        compare(pair)
    assert compare(pair, mix_protocols=True)[0]["difference"] == pytest.approx(1)


def test_markdown_aligns_numbers_to_the_right_and_keeps_bars_out() -> None:
    assert markdown(["a", "b"], [["x|y", "1.0"], ["", "-"]]).split("\n") == [
        "| a | b |",
        "| --- | ---: |",
        "| x\\|y | 1.0 |",
        "|   | - |",
    ]
