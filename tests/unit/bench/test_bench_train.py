from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from aimkit.bench import train as bench
from aimkit.cli import run
from aimkit.data.loader import StreamDataset
from aimkit.train.recipe import TrainRecipe


def test_the_rate_counts_samples_and_works_at_least_once() -> None:
    assert bench.rate(lambda: time.sleep(0.02), 4, 0.1) == pytest.approx(200, rel=0.3)
    assert bench.rate(lambda: time.sleep(0.02), 1, 0) == pytest.approx(50, rel=0.3)


def test_the_limit_is_what_the_other_waits_for() -> None:
    fed = bench.Speed(data=10, network=15, together=15, workers=2)
    assert fed.limit == "network"
    assert fed.needed_workers == 1.5
    assert bench.Speed(data=10, network=15, together=10, workers=1).limit == "data"
    assert bench.Speed(data=10, network=15, together=6, workers=0).limit == "data"


def test_slow_data_is_found_to_be_the_limit(
    recipe: Callable[..., TrainRecipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    same = recipe()
    usual = StreamDataset.__getitem__

    def slow(dataset: object, position: int) -> object:
        time.sleep(0.3)
        return usual(dataset, position)

    monkeypatch.setattr(StreamDataset, "__getitem__", slow)
    found = bench.measure(same, 0)
    assert found.data < 1 / 0.3
    assert found.together < 1 / 0.3
    assert found.network > found.data
    assert found.limit == "data"


def test_the_command_prints_json_with_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    tiny = ["batch=2", "data.workers=0", 'data.transform={transform = "crop", size = 64, crops = [64]}']
    assert run(["bench", "train", "demo", *tiny, "--seconds", "0", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["network"] > 0
    assert report["limit"] in ("data", "network")
    assert "cores" in report["machine"]
