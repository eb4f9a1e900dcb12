from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from aimkit.errors import AimkitError
from aimkit.train import checkpoint
from aimkit.train.loop import train
from aimkit.train.metrics_file import read
from aimkit.train.readings import guard
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import build
from aimkit.train.state import State, latest

Make = Callable[..., TrainRecipe]


def weights(run: Path, step: int, name: str = "model") -> dict[str, torch.Tensor]:
    return load_file(run / f"checkpoints/step_{step:08d}/{name}.safetensors")


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, recipe: Make, held_out: dict[str, Any]) -> Path:
    """A run of four steps with everything on."""
    run = tmp_path_factory.mktemp("whole")
    train(recipe(validation=held_out, ema=0.9), run)
    return run


def test_two_steps_and_two_more_equal_four_bit_for_bit(
    whole: Path, tmp_path: Path, recipe: Make, held_out: dict[str, Any]
) -> None:
    from aimkit.train import loop

    same = recipe(validation=held_out, ema=0.9)
    before = loop.one_step

    def stop_after_two(recipe: Any, parts: Any, state: Any, *rest: Any) -> Any:
        terms = before(recipe, parts, state, *rest)
        if state.step == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return terms

    loop.one_step = stop_after_two
    try:
        assert train(same, tmp_path).step == 2
    finally:
        loop.one_step = before
    assert train(same, tmp_path, resume=True).step == 4
    for name in ("model", "raw"):
        assert equal(weights(whole, 4, name), weights(tmp_path, 4, name))
    for kind in ("train", "val"):
        for one, other in zip(log(whole, kind), log(tmp_path, kind), strict=True):
            assert one == pytest.approx(other, rel=1e-6)


def log(run: Path, kind: str) -> list[dict[str, float]]:
    """Lines of a kind, without what depends on the machine."""
    aside = ("kind", "samples_per_second", "memory_gb")
    rows = [row for row in read(run / "metrics.jsonl") if row["kind"] == kind]
    return [{name: value for name, value in row.items() if name not in aside} for row in rows]


def test_a_run_leaves_what_it_promises(whole: Path) -> None:
    assert {p.name for p in (whole / "checkpoints").iterdir()} == {"step_00000002", "step_00000004", "best"}
    rows = read(whole / "metrics.jsonl")
    assert [row["step"] for row in rows if row["kind"] == "train"] == [1, 2, 3, 4]
    assert {"mad", "mad/STM", "mad/NS", "conn"} <= next(row for row in rows if row["kind"] == "val").keys()
    page = (whole / "page.html").read_text()
    assert "<svg" in page
    assert "data:image/png" in page
    assert "http" not in page
    from safetensors import safe_open

    with safe_open(whole / "checkpoints/best/model.safetensors", "pt") as file:
        metadata = file.metadata()
        assert not any(key.startswith(("module.", "_orig_mod.")) for key in file.keys())  # noqa: SIM118
    assert metadata["architecture"] == "aimnet"
    assert metadata["backbone"] == "mobilenetv3_small_050"


def test_accumulating_gives_the_same_gradient_when_norms_are_frozen(tmp_path: Path, recipe: Make) -> None:
    model = {"backbone": "mobilenetv3_small_050", "options": {"width": 8}, "freeze_norm": True}
    for name, accumulate in (("a", 1), ("b", 2)):
        train(
            recipe(steps=2, batch=4, accumulate=accumulate, model=model, optim={"name": "adam", "lr": 1e-4}),
            tmp_path / name,
        )
    one, two = weights(tmp_path / "a", 2), weights(tmp_path / "b", 2)
    for name in one:
        assert torch.allclose(one[name].float(), two[name].float(), atol=1e-5), name


@pytest.mark.parametrize("frozen", [{"freeze_backbone": 2}, {"backbone_factor": 0}])
def test_a_frozen_backbone_does_not_move(frozen: dict[str, int], tmp_path: Path, recipe: Make) -> None:
    train(recipe(steps=2, optim={"lr": 1e-2, "weight_decay": 0.1, **frozen}), tmp_path)
    fresh, after = build(recipe()).network.state_dict(), weights(tmp_path, 2)
    moved = {name for name in after if not torch.equal(fresh[name], after[name])}
    assert moved
    assert not any(name.startswith("backbone.") for name in moved)


def test_resume_and_folders_that_do_not_go_together_are_told(whole: Path, tmp_path: Path, recipe: Make) -> None:
    with pytest.raises(AimkitError, match="already has a run"):
        train(recipe(), whole)
    with pytest.raises(AimkitError, match="no checkpoint to resume from"):
        train(recipe(), tmp_path, resume=True)
    with pytest.raises(AimkitError, match="started with another recipe"):
        train(recipe(seed=6), whole, resume="auto")


def test_a_loss_that_is_nan_or_jumps_stops_the_run_and_names_the_samples(tmp_path: Path, recipe: Make) -> None:
    state = State(step=30, average=1.0)
    guard(recipe(), state, 31, {"total": 2.0}, tmp_path)
    assert state.average == pytest.approx(1.02)
    for total, message in ((float("nan"), "the loss is NaN"), (1e6, "jumped to 1e")):
        with pytest.raises(AimkitError, match=message):
            guard(recipe(), state, 31, {"total": total}, tmp_path)
        dump = json.loads((tmp_path / "failed_step_00000031.json").read_text())
        assert (dump["step"], dump["positions"]) == (31, [60, 61])


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints/step_00000002"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text("{")
    with pytest.raises(AimkitError, match="the state of the checkpoint is damaged"):
        checkpoint.load(folder)


def test_weights_of_unknown_terms_are_told(recipe: Make) -> None:
    with pytest.raises(AimkitError, match="unknown term detail_laplacian in stage saliency"):
        recipe(stage="saliency", weights={"detail_laplacian": 1.0})


def test_a_run_can_start_from_another(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], recipe: Make
) -> None:
    model = {"backbone": "mobilenetv3_small_050", "options": {"width": 8}, "init": str(whole)}
    started = build(recipe(model=model)).network.state_dict()
    assert equal(started, load_file(whole / "checkpoints/best/model.safetensors"))
    assert "tensors loaded" in capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_weights(tmp_path: Path, recipe: Make) -> None:
    import tomli_w

    data = recipe(steps=6, checkpoint_every=1).resolved()
    (tmp_path / "r.toml").write_text(tomli_w.dumps(data))
    command = [sys.executable, "-m", "aimkit", "train", str(tmp_path / "r.toml"), "--auto-resume"]
    subprocess.run([*command, "-o", str(tmp_path / "whole")], check=True)
    process = subprocess.Popen([*command, "-o", str(tmp_path / "killed")])
    while not list((tmp_path / "killed/checkpoints").glob("step_00000002")):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    subprocess.run([*command, "-o", str(tmp_path / "killed")], check=True)
    assert equal(weights(tmp_path / "whole", 6), weights(tmp_path / "killed", 6))


#: Without a GPU, "accelerate launch" starts several processes only when it is told to.
LAUNCHERS = {
    "torchrun": ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"],
    "accelerate": [
        *("accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"),
        *("--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"),
    ],
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, recipe: Make) -> Path:
    """A run of one process, beside its recipe."""
    import tomli_w

    folder = tmp_path_factory.mktemp("alone")
    model = {"backbone": "mobilenetv3_small_050", "options": {"width": 8}, "freeze_norm": True}
    # The backbone thaws after the first step: then all processes must expect its gradients.
    optim = {"name": "adam", "lr": 1e-4, "freeze_backbone": 1}
    data = recipe(steps=3, batch=4, model=model, optim=optim).resolved()
    (folder / "r.toml").write_text(tomli_w.dumps(data))
    subprocess.run([sys.executable, "-m", "aimkit", "train", str(folder / "r.toml"), "-o", str(folder)], check=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_processes_equal_one_with_the_same_global_batch(launcher: str, alone: Path, tmp_path: Path) -> None:
    work = ["-m", "aimkit", "train", str(alone / "r.toml"), "-o", str(tmp_path)]
    command = [sys.executable, "-m", *LAUNCHERS[launcher], *work]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("step 3/3") == 1, "the main process alone speaks"
    one, two = weights(alone, 3), weights(tmp_path, 3)
    for name in one:
        assert torch.allclose(one[name].float(), two[name].float(), atol=1e-5), name
    # Norms that see half of the batch would change the result; equal weights alone could come from one process.
    assert "2 processes" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_torchrun_that_is_told_to_stop_leaves_a_checkpoint(number: int, tmp_path: Path, recipe: Make) -> None:
    """torchrun passes the signal on to whole process groups, data workers included."""
    import tomli_w

    data = recipe(steps=1000, checkpoint_every=1000).resolved()
    data["data"]["workers"] = 1
    (tmp_path / "r.toml").write_text(tomli_w.dumps(data))
    work = ["-m", "aimkit", "train", str(tmp_path / "r.toml"), "-o", str(tmp_path / "run")]
    command = [sys.executable, "-m", *LAUNCHERS["torchrun"], *work]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    text = ""
    for line in process.stderr:
        text += line
        if line.startswith("step 3/"):
            process.send_signal(number)
    process.wait()
    assert "resume with: aimkit train --resume" in text
    assert latest(tmp_path / "run") is not None


@pytest.mark.slow
def test_one_batch_can_be_learnt_by_heart(tmp_path: Path, recipe: Make) -> None:
    """The end-to-end check that the learning works: four samples, again and again, down to almost no error."""
    from aimkit.data.loader import make_loader, to_device
    from aimkit.data.sampler import PositionSampler
    from aimkit.train.setup import network_input, train_mode
    from aimkit.train.step import compute_losses

    same = recipe(batch=4, model={"backbone": "resnet18"}, optim={"lr": 1e-3})
    parts = build(same)
    batch = to_device(next(iter(make_loader(parts.dataset, PositionSampler(0, 1, 4)))), "cpu")
    for step in range(150):
        train_mode(parts.network, same, step)
        output = parts.model(network_input(parts.network, batch["image"]))
        compute_losses(same, parts, output, batch)["total"].backward()
        parts.optimizer.step()
        parts.optimizer.zero_grad()
    assert float((output.alpha.detach() - batch["alpha"] / 255).abs().mean()) < 0.03
