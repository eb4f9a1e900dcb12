from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from aimkit.bench import train as bench
from aimkit.cli import run
from aimkit.data.loader import StreamDataset
from aimkit.train.recipe import TrainRecipe


class Clock:
    """A clock that stands still until it is told how much time passes."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("samples", "seconds", "rate"), [(4, 0.1, 200), (1, 0, 50)])
def test_the_rate_counts_samples_and_works_at_least_once(samples: int, seconds: float, rate: float) -> None:
    clock = Clock()
    assert bench.rate(lambda: clock.wait(0.02), samples, seconds, clock) == pytest.approx(rate)
    assert clock.now == pytest.approx(max(seconds, 0.02))


def test_the_limit_is_what_the_other_waits_for() -> None:
    fed = bench.TrainingSpeed(data=10, network=15, together=15, workers=2)
    assert fed.limit == "network"
    assert fed.needed_workers == 1.5
    assert bench.TrainingSpeed(data=10, network=15, together=10, workers=1).limit == "data"
    assert bench.TrainingSpeed(data=10, network=15, together=6, workers=0).limit == "data"


@pytest.mark.parametrize(("sample", "step", "limit"), [(0.3, 0.1, "data"), (0.05, 0.2, "network")])
def test_the_slower_of_data_and_network_is_found_to_be_the_limit(
    recipe: Callable[..., TrainRecipe], monkeypatch: pytest.MonkeyPatch, sample: float, step: float, limit: str
) -> None:
    same, clock = recipe(), Clock()
    assert same.data.workers == 0
    usual_sample, usual_step = StreamDataset.__getitem__, bench.one_step

    def timed_sample(dataset: StreamDataset, position: int) -> object:
        clock.wait(sample)
        return usual_sample(dataset, position)

    def timed_step(*args: object) -> object:
        clock.wait(step)
        return usual_step(*args)

    monkeypatch.setattr(StreamDataset, "__getitem__", timed_sample)
    monkeypatch.setattr(bench, "one_step", timed_step)
    found = bench.measure(same, 0, clock)
    assert found.data == pytest.approx(1 / sample)
    assert found.network == pytest.approx(same.batch / step)
    assert found.together == pytest.approx(same.batch / (step + same.batch * sample))
    assert found.limit == limit


def test_the_command_prints_json_with_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    tiny = ["batch=2", "data.workers=0", 'data.transform={transform = "crop", size = 64, crops = [64]}']
    assert run(["bench", "train", "demo", *tiny, "--seconds", "0", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["network"] > 0
    assert report["limit"] in ("data", "network")
    assert "cores" in report["machine"]
