"""Trackers get every line; a missing one is one error before anything is written."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aimkit.errors import AimkitError
from aimkit.train.loop import train
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import build
from aimkit.train.trackers import flat

Make = Callable[..., TrainRecipe]

_FAKE = """
import json, os
from pathlib import Path

class Run:
    def __init__(self, **options):
        self.file = Path(os.environ["FAKE_TRACKER"])
        self.write("init", options)
    def write(self, kind, content):
        with self.file.open("a") as file:
            file.write(json.dumps([kind, content]) + "\\n")
    def log(self, values, step=None, **more):
        self.write("log", [step, values])
    def finish(self):
        self.write("finish", None)

class Config:
    def update(self, values, **more):
        run.write("config", values)

config = Config()

def init(**options):
    global run
    run = Run(**options)
    return run
"""


@pytest.fixture
def wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of that name that writes down what it is told."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "wandb.py").write_text(_FAKE)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    monkeypatch.delitem(__import__("sys").modules, "wandb", raising=False)
    monkeypatch.setenv("FAKE_TRACKER", str(tmp_path / "told.jsonl"))
    return tmp_path / "told.jsonl"


def test_every_tracker_gets_every_line(
    recipe: Make, held_out: dict[str, Any], tmp_path: Path, wandb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("AIMKIT_OFFLINE", "1")
    run = tmp_path / "run"
    train(recipe(steps=2, trackers=["tensorboard", "wandb"], validation=held_out), run)
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    assert [point.step for point in events.Scalars("train/total")] == [1, 2]
    assert [point.step for point in events.Scalars("val/mad")] == [2]
    told = [json.loads(line) for line in wandb.read_text().splitlines()]
    assert [kind for kind, _ in told] == ["init", "config", "log", "log", "log", "finish"]
    assert told[0][1] == {"project": "aimkit", "dir": str(run), "name": "run", "mode": "offline"}
    assert told[1][1]["optim.lr"] == recipe().optim.lr
    logged = [content for kind, content in told if kind == "log"]
    assert [step for step, _ in logged] == [1, 2, 2]
    assert "train/total" in logged[0][1]
    assert logged[2][1]["val/mad"] == pytest.approx(events.Scalars("val/mad")[0].value)


_MLFLOW = """
import json, os
from pathlib import Path
from types import SimpleNamespace

utils = SimpleNamespace(validation=SimpleNamespace(MAX_PARAM_VAL_LENGTH=500, MAX_PARAMS_TAGS_PER_BATCH=100))

def told(kind, content=None):
    with Path(os.environ["FAKE_TRACKER"]).open("a") as file:
        file.write(json.dumps([kind, content, os.environ.get("MLFLOW_TRACKING_URI")]) + "\\n")

def search_experiments(**options):
    return []
def create_experiment(name, artifact_location=None, tags=None):
    told("experiment", [name, artifact_location])
    return "1"
def start_run(**options):
    told("run", options["run_name"])
def log_params(values):
    told("params")
def log_metrics(values, step=None):
    told("metrics", step)
def end_run():
    told("end")
"""


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Put a module in the place of a package; returns the file that it writes what it is told to."""

    def make(name: str, text: str) -> Path:
        (tmp_path / "packages").mkdir(exist_ok=True)
        (tmp_path / "packages" / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path / "packages")
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setenv("FAKE_TRACKER", str(tmp_path / "told.jsonl"))
        for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "TRACKIO_DIR", "TRACKIO_SPACE_ID"):
            monkeypatch.delenv(variable, raising=False)
        return tmp_path / "told.jsonl"

    return make


def _told(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_mlflow_writes_into_each_run_unless_the_environment_names_a_place(
    recipe: Make, tmp_path: Path, pretend: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = pretend("mlflow", _MLFLOW)
    for name in ("a", "b"):
        train(recipe(steps=1, trackers=["mlflow"]), tmp_path / name)
        folder = tmp_path / name / "mlflow"
        assert folder.is_dir()
        told = _told(file)
        assert told[0][:2] == ["experiment", ["aimkit", (folder / "artifacts").as_uri()]]
        assert [kind for kind, _, _ in told[1:]] == ["run", "params", "metrics", "end"]
        assert {uri for _, _, uri in told} == {f"sqlite:///{(folder / 'mlflow.db').as_posix()}"}
        assert "MLFLOW_TRACKING_URI" not in os.environ
        file.unlink()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mine.example")
    train(recipe(steps=1, trackers=["mlflow"]), tmp_path / "c")
    assert _told(file)[0] == ["experiment", ["aimkit", None], "http://mine.example"]
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://mine.example"
    assert not (tmp_path / "c" / "mlflow").exists()


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [("", "", "RUN"), ("TRACKIO_DIR", "/somewhere", "/somewhere"), ("TRACKIO_SPACE_ID", "me/space", None)],
)
def test_trackio_writes_into_the_run_unless_the_environment_names_a_place(
    recipe: Make,
    tmp_path: Path,
    pretend: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    expected: str | None,
) -> None:
    file = pretend("trackio", _FAKE + 'PLACE = os.environ.get("TRACKIO_DIR")\n')
    if variable:
        monkeypatch.setenv(variable, value)
    train(recipe(steps=1, trackers=["trackio"]), tmp_path / "run")
    assert [kind for kind, _ in _told(file)] == ["init", "config", "log", "finish"]
    place = tmp_path / "run" / "trackio"
    assert (str(place) if expected == "RUN" else expected) == sys.modules["trackio"].PLACE
    assert place.is_dir() == (expected == "RUN")
    assert os.environ.get("TRACKIO_DIR") == (value if variable == "TRACKIO_DIR" else None)


def test_a_tracker_that_fails_leaves_no_place_behind(
    recipe: Make, tmp_path: Path, pretend: Callable[[str, str], Path]
) -> None:
    pretend("mlflow", "def search_experiments(**options):\n    raise RuntimeError('no database')\n")
    with pytest.raises(AimkitError, match="can't start mlflow: no database"):
        train(recipe(trackers=["mlflow"]), tmp_path / "run")
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_the_older_key_still_means_tensorboard_and_changes_no_digest(recipe: Make) -> None:
    assert recipe(tensorboard=True).trackers == ("tensorboard",)
    assert recipe(tensorboard=False).trackers == ()
    assert recipe(tensorboard=True, trackers=["wandb"]).trackers == ("tensorboard", "wandb")
    assert recipe(trackers=["mlflow", "trackio"]).digest() == recipe().digest()
    with pytest.raises(AimkitError, match="trackers"):
        recipe(trackers=["tensorbord"])
    with pytest.raises(AimkitError, match="tensorboard"):
        recipe(tensorboard="yes")


def test_a_run_that_was_started_with_the_older_key_is_resumed(recipe: Make, tmp_path: Path) -> None:
    train(recipe(steps=1), tmp_path / "run")
    for file in (tmp_path / "run").rglob("recipe.toml"):
        assert "trackers = []" in file.read_text()
    from aimkit.train.start import _check_extended

    newest = next((tmp_path / "run" / "checkpoints").glob("step_*"))
    text = (newest / "recipe.toml").read_text()
    (newest / "recipe.toml").write_text(text.replace("trackers = []", "tensorboard = true"))
    _check_extended(recipe(steps=2), newest, extends=True)


@pytest.mark.parametrize(
    ("name", "install"),
    [("tensorboard", "pip install 'aimkit\\[tensorboard\\]'"), ("mlflow", "pip install mlflow")],
)
def test_a_tracker_that_is_not_installed_is_one_error_before_the_run(
    recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, install: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda it, *rest: None if it == name else find(it, *rest))
    with pytest.raises(AimkitError, match=install):
        train(recipe(trackers=[name]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_tracker_that_refuses_to_start_is_named(recipe: Make, tmp_path: Path, wandb: Path) -> None:
    (wandb.parent / "packages" / "wandb.py").write_text("def init(**options):\n    raise RuntimeError('no key')\n")
    with pytest.raises(AimkitError, match="can't start wandb: no key"):
        train(recipe(trackers=["wandb"]), tmp_path / "run")


def test_a_rehearsal_tracks_nothing(recipe: Make) -> None:
    assert build(recipe(trackers=["tensorboard"])).accelerator.trackers == []


def test_a_nested_table_becomes_dotted_keys() -> None:
    assert flat({"a": {"b": 1, "c": [1, 2]}, "d": True}) == {"a.b": 1, "a.c": "[1, 2]", "d": True}
