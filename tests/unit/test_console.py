from __future__ import annotations

import sys
import time

import pytest

from aimkit import console


def terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")  # It takes no escape codes.


def test_a_terminal_too_narrow_for_a_table_gets_whole_numbers_in_blocks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal_of_80_columns(monkeypatch)
    columns = ["model", "strategy", *(f"metric {n}" for n in range(11))]
    numbers = [f"{78.15 + 100 * n:.2f}" for n in range(11)]
    console.table(columns, [["aimnet resnet34_mp", "hybrid (detail_scale 0.5, semantic_scale 0.25)", *numbers]])
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    words = shown.split()
    assert all(words.count(number) == 1 for number in numbers)
    assert words.count("resnet34_mp") >= 2, "every block begins with the model"


def test_columns_that_may_be_left_out_go_first_and_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal_of_80_columns(monkeypatch)
    row = ["aimnet-resnet34_mp.matting", "matting", "0123456789ab", "CC BY-NC-SA 4.0, and others", "yes", "x" * 20]
    console.table(["id", "stage", "digest", "licence", "cached", "data"], [row], drop=["digest", "data"])
    shown = capsys.readouterr()
    assert max(map(len, shown.out.splitlines())) <= 80
    assert "aimnet-resnet34_mp.matting" in shown.out
    assert "0123456789ab" not in shown.out
    assert shown.err.strip() == "not shown for lack of width: digest"


def test_a_table_that_fits_stays_as_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    terminal_of_80_columns(monkeypatch)
    console.table(["name", "SAD"], [["a b", "1.5"], ["c", "12.25"]], title="two", drop=["SAD"])
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "two",
        "name    SAD",
        "a b     1.5",
        "c     12.25",
    ]


@pytest.mark.parametrize(("work", "told"), [(0.5, 1), (0.0, 0)])
def test_what_takes_long_is_told_while_it_runs(work: float, told: int, capsys: pytest.CaptureFixture[str]) -> None:
    with console.when_slow("still compiling", seconds=0.1):
        time.sleep(work)
        during = capsys.readouterr().err
    time.sleep(0.2)
    assert during.count("still compiling") == told
    assert capsys.readouterr().err == ""
