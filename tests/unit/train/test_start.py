"""What a run and its rehearsal find out before the first step."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from aimkit.errors import AimkitError
from aimkit.train import memory
from aimkit.train.dry_run import dry_run
from aimkit.train.log import read
from aimkit.train.loop import train
from aimkit.train.recipe import TrainRecipe
from aimkit.train.runs import open_run

Make = Callable[..., TrainRecipe]


def one_cutout(folder: Path) -> dict[str, Any]:
    """A stream of composites of the cut-outs' training side, and one of the other side, which is empty."""
    folder.mkdir()
    y, x = np.mgrid[:60, :60] - 30.0
    alpha = (np.clip((20 - np.hypot(y, x)) / 4, 0, 1) * 255).astype(np.uint8)
    cv2.imwrite(str(folder / "a.png"), np.dstack([alpha, alpha, alpha, alpha]))
    size = ["placement.height=64", "placement.width=64", "backgrounds=[{source='procedural', generators=['sky']}]"]
    block = f"foregrounds=[{{source='cutouts', path='{folder}', split='%s'}}]"
    return {
        side: {"source": "synth", "recipe": "cutouts", "overrides": [*size, block % side]} for side in ("train", "val")
    }


@pytest.mark.parametrize("rehearsed", [True, False])
def test_validation_data_that_can_not_be_opened_is_told_before_the_first_step(
    rehearsed: bool, tmp_path: Path, recipe: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = one_cutout(tmp_path / "cut")
    data = {"workers": 0, "train": sides["train"], "transform": {"transform": "crop", "size": 64, "crops": [64]}}
    one = recipe(data=data, validation={"data": sides["val"], "count": 1, "every": 2, "size": 64})
    with pytest.raises(AimkitError) as caught:
        dry_run(one) if rehearsed else train(one, tmp_path / "run")
    assert caught.value.where.startswith("validation.data")
    assert "step 1/" not in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_estimate_is_near_what_a_step_takes(recipe: Make) -> None:
    """The backward pass keeps twice as much for twice as many samples, and the weights come on top."""
    data = recipe().data.model_copy(update={"transform": recipe().data.transform.model_copy(update={"size": 128})})
    small, large = (recipe(batch=batch).model_copy(update={"data": data, "batch": batch}) for batch in (4, 8))
    first, second = (memory.estimate(one) - memory._BASE for one in (small, large))
    assert first < second < 2 * first
    network = sum(p.numel() for p in _network(small).parameters()) * 16
    assert (second - network) / (first - network) == pytest.approx(2, rel=0.02)


def _network(recipe: TrainRecipe) -> torch.nn.Module:
    from aimkit.train.setup import build_network

    return build_network(recipe)


def test_a_run_that_can_not_fit_is_refused_by_its_rehearsal(recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = time.monotonic()
    with pytest.raises(AimkitError, match=r"needs about [\d,.]+ GB of memory, and cpu has") as caught:
        dry_run(recipe(batch=65536))
    assert "accumulate" in caught.value.hint
    assert time.monotonic() - begin < 30


def test_batch_norm_that_can_not_learn_says_what_to_set(tmp_path: Path, recipe: Make) -> None:
    data = recipe().data.model_copy(update={"transform": recipe().data.transform.model_copy(update={"size": 32})})
    one = recipe(batch=1).model_copy(update={"data": data})
    with pytest.raises(AimkitError, match="batch norm") as caught:
        train(one, tmp_path / "run")
    assert "model.freeze_norm=true" in caught.value.hint
    frozen = one.model_copy(update={"model": one.model.model_copy(update={"freeze_norm": True}), "steps": 1})
    assert train(frozen, tmp_path / "frozen").step == 1


def test_given_weights_are_validated_before_they_are_trained(
    tmp_path: Path, recipe: Make, held_out: dict[str, Any]
) -> None:
    train(recipe(steps=2, validation=held_out), tmp_path / "first")
    model = {"backbone": "mobilenetv3_small_050", "options": {"width": 8}, "init": str(tmp_path / "first")}
    train(recipe(steps=2, validation=held_out, model=model), tmp_path / "second")
    before = [row["mad"] for row in read(tmp_path / "first/metrics.jsonl") if row["kind"] == "val"]
    after = [row for row in read(tmp_path / "second/metrics.jsonl") if row["kind"] == "val"]
    assert [row["step"] for row in after] == [0, 2]
    assert after[0]["mad"] == pytest.approx(before[-1], rel=1e-6)
    assert open_run(tmp_path / "second").best["step"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("pause", [0.0, 1.0, 3.0])
def test_ctrl_c_while_data_workers_start_prints_no_traceback(pause: float, tmp_path: Path, recipe: Make) -> None:
    import tomli_w

    data = {**recipe().resolved(), "steps": 500}
    data["data"]["workers"] = 2
    (tmp_path / "r.toml").write_text(tomli_w.dumps(data))
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code += "; from aimkit.cli import main; main()"
    words = [sys.executable, "-c", code, "train", str(tmp_path / "r.toml"), "-o", str(tmp_path / "run")]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
    end = time.monotonic() + 90
    while not (tmp_path / "run/metrics.jsonl").exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(pause)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    assert "stopped after step" in errors or "interrupted" in errors
