"""What every packaged board keeps: numbers with sources and protocols, and no rank for what saw the test set."""

from __future__ import annotations

import pytest

from aimkit import resources
from aimkit.datasets.catalog import evaluation_parts
from aimkit.evaluate.tables import TITLES
from aimkit.publish.board import Board, board_names, read_board, standings
from aimkit.zoo.manifest import entries

NAMES = board_names()


@pytest.fixture(autouse=True)
def _no_rows_of_ones_own(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMKIT_ZOO", str(tmp_path))


def test_there_is_a_board_for_every_test_set_of_the_recipes() -> None:
    recipes = {name.partition("/")[2] for name in resources.recipes("evaluate")} - {"aim-parity"}
    assert set(NAMES) == recipes


@pytest.mark.parametrize("name", NAMES)
def test_a_board_is_of_the_set_as_published(name: str) -> None:
    board = read_board(name)
    assert set(board.metrics) <= set(TITLES)
    if name in evaluation_parts():
        _, part = evaluation_parts()[name]
        assert (board.tests[0], board.count) == (part.title, part.count)


@pytest.mark.parametrize("name", NAMES)
def test_its_rows_have_sources_and_plausible_numbers(name: str) -> None:
    board = read_board(name)
    methods = [row.method for row in board.row]
    assert len(methods) == len(set(methods))
    for row in board.row:
        assert set(row.values) <= set(board.metrics)
        assert len(row.source) > 5
        for metric, value in row.values.items():
            assert 0 < value < (1 if metric in ("mse", "mad") else 1000), row.method
        # Of values in [0, 1], the mean square is at most the mean.
        assert row.values.get("mse", 0) <= row.values.get("mad", 1)


@pytest.mark.parametrize("name", NAMES)
def test_no_network_that_saw_the_set_has_a_rank(name: str) -> None:
    found = standings(name)
    assert all(row.seen == "no" and row.training for row in found.ranked)
    values = [row.values["sad"] for row in found.ranked]
    assert values == sorted(values)
    assert all(why for _, why in found.below)
    barred = {row.method for row in found.board.row if row.seen != "no"}
    assert barred <= {row.method for row, _ in found.below}
    for entry in entries(resources.zoo_files()):
        if {*found.board.alike} & {*entry.seen}:
            assert entry.id not in {row.method for row in found.ranked}


def test_the_published_facts_stand() -> None:
    def row(board: str, method: str) -> dict[str, float]:
        return next(one.values for one in read_board(board).row if one.method == method)

    assert row("aim500", "GFM") == {"sad": 52.66, "mad": 0.0313}
    assert row("p3m-500-p", "P3M-Net ViTAE-S") == {"sad": 6.24, "mse": 0.0015}
    assert row("p3m-500-np", "P3M-Net") == {"sad": 11.23, "mse": 0.0035}
    assert row("ppm-100", "DAViD, 0.35 B parameters") == {"sad": 66.08}
    for name in ("aim500", "am2k", "ppm-100"):
        assert next(one.seen for one in read_board(name).row if one.method == "BiRefNet-matting") == "yes"
    ranked = [one.values["sad"] for one in standings("aim500").ranked if one.method.startswith("aimnet_")]
    assert ranked == [41.72, 43.92, 44.25]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seen": "no", "training": ""}, "needs 'training'"),
        ({"seen": "yes"}, "'why' is missing"),
        ({"protocol": "as published"}, "number of images"),
        ({"values": {}}, "needs values"),
        ({"values": {"iou": 0.9}}, "unknown metric iou"),
        ({"url": "javascript:alert(1)"}, "url"),
    ],
)
def test_a_row_that_says_too_little_is_refused(change: dict[str, object], message: str) -> None:
    from aimkit.errors import AimkitError
    from aimkit.publish.board import BoardRow
    from aimkit.recipe import parse

    row = {"method": "m", "training": "t", "source": "paper", "protocol": "500 images", "seen": "no"}
    row |= {"values": {"sad": 1.0}}  # type: ignore[dict-item]
    assert parse(BoardRow, row, "test").seen == "no"
    with pytest.raises(AimkitError, match=message):
        parse(BoardRow, row | change, "test")  # type: ignore[arg-type]


def test_the_schema_refuses_unknown_keys() -> None:
    assert Board.model_config.get("extra") == "forbid"
