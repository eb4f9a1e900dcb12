from __future__ import annotations

import time

import pytest

from aimkit import console


@pytest.mark.parametrize(("work", "told"), [(0.5, 1), (0.0, 0)])
def test_what_takes_long_is_told_while_it_runs(work: float, told: int, capsys: pytest.CaptureFixture[str]) -> None:
    with console.when_slow("still compiling", seconds=0.1):
        time.sleep(work)
        during = capsys.readouterr().err
    time.sleep(0.2)
    assert during.count("still compiling") == told
    assert capsys.readouterr().err == ""
