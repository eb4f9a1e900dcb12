import json

import pytest

from aimkit.bench.backbones import measure
from aimkit.cli import run


def test_times_are_measured_for_both_precisions() -> None:
    speed = measure("test_resnet", size=64, batch=1, repeats=1)
    assert all(ms > 0 for ms in (*speed.forward, *speed.train))
    assert 0.5 < speed.params < 10


def test_the_command_sets_backbones_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["test_resnet", "test_vit"]
    assert run(["bench", "backbones", *names, "--size", "64", "--batch", "1", "--repeats", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in told["backbones"]] == names
    assert "torch" in told["machine"]
