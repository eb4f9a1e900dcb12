from __future__ import annotations

import json
import os
import re
import signal
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from aimkit.data.loader import StreamDataset
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.train import loop, sweep
from aimkit.train.checkpoint import recipe_text
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import build_network
from aimkit.train.state import State
from aimkit.train.sweep import Variant, check, table, variants

Make = Callable[..., TrainRecipe]


@pytest.fixture
def tiny(tmp_path: Path, recipe: Make) -> str:
    """A recipe file of two steps on images that are quick to draw, seed 5."""
    generators = ['foregrounds.0.generators=["glass", "mesh"]', 'backgrounds.0.generators=["gradient"]']
    size = ["placement.height=64", "placement.width=64", "balance={NS=1, STM=1}"]
    train = {"source": "synth", "recipe": "quick", "reseed": False, "overrides": [*generators, *size]}
    data = {"workers": 0, "train": train, "transform": {"transform": "fit", "size": 64}}
    path = tmp_path / "tiny.toml"
    path.write_text(recipe_text(recipe(steps=2, data=data)))
    return str(path)


def test_every_combination_runs_with_every_seed_the_first_seed_first(tiny: str) -> None:
    runs = variants(tiny, ["batch=4"], ["model.name=aimnet,gfm", "optim.lr=0.1,1e-3"], 2)
    assert [run.name for run in runs] == [
        f"{model}-{rate}-seed{seed}" for seed in (5, 6) for model in ("aimnet", "gfm") for rate in ("lr0.1", "lr1e-3")
    ]
    told = [(r.recipe.model.name, r.recipe.optim.lr, r.recipe.seed, r.recipe.batch) for r in runs]
    assert told == [(m, lr, s, 4) for s in (5, 6) for m in ("aimnet", "gfm") for lr in (0.1, 1e-3)]


def test_a_value_may_be_a_table_or_a_list_with_commas_of_its_own(tiny: str) -> None:
    tables = 'model={name="gfm", options={rosta="FT"}},{name="aimnet", backbone="resnet18"}'
    runs = variants(tiny, [], [tables, "optim.betas=[0.5, 0.9],[0.9, 0.99]"], 1)
    models = [(r.recipe.model.name, r.recipe.model.options, r.recipe.optim.betas) for r in runs]
    assert models[0] == ("gfm", {"rosta": "FT"}, (0.5, 0.9))
    assert models[3] == ("aimnet", {}, (0.9, 0.99))
    assert all(re.fullmatch(r"[\w.+-]+", run.name) for run in runs)


@pytest.mark.parametrize(
    ("vary", "told"),
    [
        (["model.name"], "can't read 'model.name'"),
        (["model.name="], "can't read"),
        (["seed=1,2"], "--seeds N"),
        (["batch=1,2", "batch=4"], "varied twice"),
        (["batch=2,2"], "two runs would have the name 'batch2-seed5'"),
        (["optim.lrr=1,2"], "did you mean 'lr'"),
        (["optim.lr=-1,2"], "greater than 0"),
    ],
)
def test_what_can_not_be_varied_is_told(tiny: str, vary: list[str], told: str) -> None:
    with pytest.raises(AimkitError) as error:
        variants(tiny, [], vary, 1)
    assert told in str(error.value)


def test_a_network_that_can_not_be_built_is_told_before_anything_is_trained(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for vary, told in (("model.name=aimnet,gmf", "gfm"), ("model.options.rosta=TT", "unknown option 'rosta'")):
        with pytest.raises(AimkitError) as error:
            sweep.sweep(variants(tiny, [], [vary], 1), tmp_path / "out")
        assert told in str(error.value)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(AimkitError, match="one process"):
        check(variants(tiny, [], [], 1), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_networks_of_a_sweep_see_the_same_batches(tiny: str) -> None:
    data = [
        StreamDataset(r.recipe.data.train, r.recipe.data.transform, r.recipe.seed)
        for r in variants(tiny, [], ["model.name=aimnet,gfm,p3mnet"], 1)
    ]
    for position in range(2):
        rows = [one[position] for one in data]
        assert all(torch.equal(row[name], rows[0][name]) for row in rows for name in ("image", "alpha", "label"))


def test_a_run_that_fails_is_told_and_the_others_go_on_and_what_is_finished_stays(
    tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = variants(tiny, ["guard=1e9"], ["optim.lr=1e30,1e-3"], 1)
    outcome = sweep.sweep(runs, tmp_path)
    assert list(outcome.failed) == ["lr1e30-seed5"]
    assert [path.name for path in outcome.finished] == ["lr1e-3-seed5"]
    assert "error: the loss is" in capsys.readouterr().err
    begun = []

    def fail(recipe: TrainRecipe, run: Path, resume: bool | str) -> Any:
        begun.append(run.name)
        raise RuntimeError("out of memory")

    monkeypatch.setattr(sweep, "train", fail)
    again = sweep.sweep(runs, tmp_path)
    assert begun == ["lr1e30-seed5"], "what is finished is not begun again"
    assert [path.name for path in again.finished] == ["lr1e-3-seed5"]
    assert again.failed["lr1e30-seed5"].what == "RuntimeError: out of memory"
    assert 'raise RuntimeError("out of memory")' in (tmp_path / "lr1e30-seed5/failed.txt").read_text()
    with pytest.raises(AimkitError, match="another recipe"):
        sweep.sweep(variants(tiny, ["guard=1e9", "batch=3"], ["optim.lr=1e30,1e-3"], 1), tmp_path)


def test_the_memory_of_a_run_that_failed_is_free_for_the_next(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks: list[weakref.ref[Any]] = []
    alive: list[int] = []

    def fail(recipe: TrainRecipe, run: Path, resume: bool | str) -> Any:
        alive.append(sum(network() is not None for network in networks))
        network = build_network(recipe)
        network.itself = [network]  # a circle, as accelerate's hooks make
        networks.append(weakref.ref(network))
        raise AimkitError("out of memory")

    monkeypatch.setattr(sweep, "train", fail)
    outcome = sweep.sweep(variants(tiny, [], ["optim.lr=1e-2,1e-3"], 1), tmp_path)
    assert len(outcome.failed) == 2
    assert alive == [0, 0]


def test_a_signal_ends_the_sweep_with_the_run_that_it_met(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def stopped(recipe: TrainRecipe, run: Path, resume: bool | str) -> State:
        begun.append(run.name)
        return State(step=1)

    monkeypatch.setattr(sweep, "train", stopped)
    outcome = sweep.sweep(variants(tiny, [], [], 3), tmp_path)
    assert (begun, outcome.interrupted, outcome.finished) == (["seed5"], True, [])


@pytest.mark.slow
def test_an_interrupted_sweep_goes_on_to_the_weights_of_runs_that_were_trained_alone(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = variants(tiny, [], ["model.name=gfm,aimnet"], 1)
    step = loop.one_step

    def stop(*args: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return step(*args)

    with monkeypatch.context() as patched:
        patched.setattr(loop, "one_step", stop)
        first = sweep.sweep(runs, tmp_path / "sweep")
    assert (first.interrupted, first.finished) == (True, [])
    assert check(runs, tmp_path / "sweep") == {"gfm-seed5": 1, "aimnet-seed5": 0}
    second = sweep.sweep(runs, tmp_path / "sweep")
    assert not second.interrupted
    assert [path.name for path in second.finished] == ["gfm-seed5", "aimnet-seed5"]
    for run in runs:
        loop.train(run.recipe, tmp_path / "alone" / run.name)
        files = [
            tmp_path / kind / run.name / "checkpoints/step_00000002/model.safetensors" for kind in ("sweep", "alone")
        ]
        ours, alone = map(load_file, files)
        assert all(torch.equal(ours[key], alone[key]) for key in alone)


def finished(folder: Path, run: Variant, seconds: float, scores: dict[str, float]) -> Path:
    """The folder of a run as the loop leaves it, as far as tables look."""
    path = folder / run.name
    write_bytes(path / "recipe.toml", recipe_text(run.recipe).encode())
    write_bytes(path / "metrics.jsonl", json.dumps({"kind": "val", "step": 2, **scores}).encode())
    state = json.dumps({"step": 2, "seconds": seconds}).encode()
    write_bytes(path / "checkpoints/step_00000002/state.json", state)
    return path


def test_the_table_has_a_row_for_each_value_with_mean_and_deviation_over_seeds(tiny: str, tmp_path: Path) -> None:
    runs = variants(tiny, [], ["model.name=aimnet,gfm"], 3)
    mads = {"aimnet": [0.1, 0.2, 0.3], "gfm": [0.5, 0.5, 0.5]}
    folders = [
        finished(tmp_path, run, 10.0 + number, {"mad": mads[run.recipe.model.name][number // 2], "mad/SO": 0.25})
        for number, run in enumerate(runs)
    ]
    columns, rows = table(folders)
    assert columns == ["run", "seeds", "steps", "seconds", "MAD", "MAD SO"]
    assert rows == [
        ["model.name=aimnet", 3, 2, "12", "0.2000 +- 0.1000", "0.2500 +- 0.0000"],
        ["model.name=gfm", 3, 2, "13", "0.5000 +- 0.0000", "0.2500 +- 0.0000"],
    ]
    assert table(folders[:1])[1] == [["aimnet-seed5", 1, 2, "10", "0.1000", "0.2500"]]
