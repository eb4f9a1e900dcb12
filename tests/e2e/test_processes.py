"""Training in two processes, as torchrun starts them, with gloo on CPUs: what one of them suffers, both end with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import tomli_w
import torch
from safetensors.torch import load_file
from small_run import SYNTH, held_out, recipe

from aimkit.train.recipe import TrainRecipe
from aimkit.train.state import latest

__all__ = ["held_out", "recipe"]

Make = Callable[..., TrainRecipe]

pytestmark = pytest.mark.slow

#: Names the processes of a launch; their data workers inherit it.
MARK = "AIMKIT_TEST_LAUNCH"

#: The command line, in which something befalls process 1 in its third step.
BEFALLEN = """
import os, signal, sys
from aimkit.cli import run
from aimkit.train import loop

def befallen(recipe, parts, state, batches, own=loop.one_step):
    if os.environ["RANK"] == "1" and state.step == 2:
        if os.environ["BEFALLS"] == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError("planted")
    return own(recipe, parts, state, batches)

if __name__ == "__main__":
    loop.one_step = befallen
    sys.exit(run(sys.argv[1:]))
"""


def launch(count: int, *arguments: str, **variables: str) -> tuple[subprocess.CompletedProcess[str], list[int]]:
    """Run a program in several processes; returns what it said, and the processes that it left behind."""
    mark = uuid.uuid4().hex
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", MARK: mark, **variables}
    done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, timeout=540)
    until = time.monotonic() + 20
    while (left := [process.pid for process in psutil.process_iter() if marked(process, mark)]) and (
        time.monotonic() < until
    ):
        time.sleep(0.5)
    return done, left


def marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(MARK) == mark
    except psutil.Error:
        return False


def written(folder: Path, made: TrainRecipe) -> str:
    path = folder / "r.toml"
    path.write_text(tomli_w.dumps(made.resolved()))
    return str(path)


def rows(run: Path, kind: str) -> list[dict[str, Any]]:
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [row for row in lines if row["kind"] == kind]


@pytest.mark.parametrize("what", ["raises", "dies"])
def test_a_process_that_ends_in_error_ends_all_with_their_workers(what: str, recipe: Make, tmp_path: Path) -> None:
    made = recipe(steps=4, checkpoint_every=2)
    made = made.model_copy(update={"data": made.data.model_copy(update={"workers": 1})})
    (tmp_path / "befallen.py").write_text(BEFALLEN)
    path, run = written(tmp_path, made), tmp_path / "run"
    done, left = launch(2, str(tmp_path / "befallen.py"), "train", path, "-o", str(run), BEFALLS=what)
    assert done.returncode != 0
    assert ("planted" if what == "raises" else "SIGKILL") in done.stderr
    assert left == []
    kept = latest(run)
    assert kept is not None
    assert kept.name == "step_00000002"
    # One process goes on where two were.
    again = subprocess.run([sys.executable, "-m", "aimkit", "train", "--resume", str(run)], capture_output=True)
    assert again.returncode == 0, again.stderr
    assert [row["step"] for row in rows(run, "train")] == [1, 2, 3, 4]


@pytest.mark.parametrize("compositing", [False, True], ids=["workers", "device"])
def test_two_processes_composite_and_validate_as_one_does(
    compositing: bool, recipe: Make, held_out: dict[str, Any], tmp_path: Path
) -> None:
    """Three images to validate: process 0 has two of them."""
    data = {
        "workers": 0,
        "train": {**SYNTH, "crop_first": "fast"},
        "transform": {"transform": "crop", "size": 64, "crops": [64]},
    }
    made = recipe(
        steps=2,
        batch=4,
        device_compositing=compositing,
        model={"backbone": "mobilenetv3_small_050", "options": {"width": 8}, "freeze_norm": True},
        optim={"name": "adam", "lr": 1e-4, "warmup": 1},
        validation={**held_out, "every": 2, "count": 3},
        data=data,
    )
    path = written(tmp_path, made)
    for count in (1, 2):
        done, left = launch(count, "-m", "aimkit", "train", path, "-o", str(tmp_path / str(count)))
        assert done.returncode == 0, done.stderr
        assert left == []
    one, two = (load_file(tmp_path / name / "checkpoints/step_00000002/model.safetensors") for name in "12")
    assert all(torch.allclose(one[name].float(), two[name].float(), atol=1e-5) for name in one)
    (alone,), (together,) = (rows(tmp_path / name, "val") for name in "12")
    for name in ("mad", "mse", "sad"):
        assert alone[name] == pytest.approx(together[name], rel=1e-3)


def test_a_sweep_is_refused_with_the_way_to_do_it(recipe: Make, tmp_path: Path) -> None:
    path = written(tmp_path, recipe(steps=1))
    done, left = launch(2, "-m", "aimkit", "sweep", path, "--seeds", "2", "-o", str(tmp_path / "sweep"))
    assert done.returncode != 0
    assert "a sweep runs in one process, not in 2" in done.stderr
    assert "torchrun --nproc-per-node 2 -m aimkit train" in done.stderr
    assert "seed=" in done.stderr
    assert left == []
    assert not (tmp_path / "sweep").exists()
