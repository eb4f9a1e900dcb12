"""Damage, full disks, kills and second writers: told in one line, by name, and the last whole checkpoint stays."""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError

from aimkit.cli import run as command
from aimkit.errors import AimkitError
from aimkit.folder_lock import LockHolder
from aimkit.imageio import write_png
from aimkit.models.weights import loading
from aimkit.train import checkpoint, drawn
from aimkit.train.loop import train
from aimkit.train.metrics_file import read
from aimkit.train.recipe import TrainRecipe
from aimkit.train.sweep import Variant, sweep
from aimkit.train.verify import verify

Make = Callable[..., TrainRecipe]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, recipe: Make, held_out: dict[str, Any]) -> Path:
    run = tmp_path_factory.mktemp("finished") / "run"
    train(recipe(steps=2, validation=held_out, ema=0.9), run)
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "run")


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


FILES = ["model.safetensors", "raw.safetensors", "optimizer.pt", "recipe.toml", "state.json"]


@pytest.mark.parametrize("name", FILES)
def test_one_changed_bit_of_a_checkpoint_is_named(name: str, run: Path) -> None:
    assert list(verify(run)) == []
    flip(run / "checkpoints/step_00000002" / name)
    assert [problem.split(":")[0] for problem in verify(run)] == [f"checkpoints/step_00000002/{name}"]
    with pytest.raises(AimkitError) as caught:
        checkpoint.load(run / "checkpoints/step_00000002")
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["recipe.toml", "data.json", "synth.train.toml", "synth.validation.toml"])
def test_one_changed_bit_of_what_describes_a_run_is_named(name: str, run: Path) -> None:
    flip(run / name)
    assert name in {problem.split(":")[0] for problem in verify(run)}


def test_one_changed_digit_of_the_log_is_named_and_not_used(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = run / "metrics.jsonl"
    whole = read(log)
    text = log.read_text()
    at = text.index('"total": ') + len('"total": ')
    log.write_text(text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :])
    assert list(verify(run)) == ["metrics.jsonl: line 1 changed since it was written"]
    assert read(log) == whole[1:]
    assert "line 1 changed" in capsys.readouterr().err


def test_a_recipe_that_is_no_longer_text_is_one_error(run: Path, recipe: Make, held_out: dict[str, Any]) -> None:
    file = run / "checkpoints/step_00000002/recipe.toml"
    file.write_bytes(b"# digest \xed\n" + file.read_bytes())
    with pytest.raises(AimkitError, match="not valid TOML"):
        train(recipe(steps=2, validation=held_out, ema=0.9), run, resume=True)


@pytest.mark.parametrize("name", ["page.html", "gallery/00_image.png", "gallery/00_00000002.png"])
def test_one_changed_bit_of_a_page_or_a_picture_is_named(name: str, run: Path) -> None:
    flip(run / name)
    assert [problem.split(":")[0] for problem in verify(run)] == [name]


def test_an_interrupt_while_the_gallery_is_written_is_not_hidden(
    tmp_path: Path, recipe: Make, held_out: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from aimkit.train import validation

    written: list[str] = []

    def interrupted(path: Path, picture: Any) -> None:
        written.append(path.name)
        if len(written) == 2:
            raise KeyboardInterrupt
        write_png(path, picture)

    monkeypatch.setattr(validation, "write_png", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(recipe(steps=1, validation=held_out), tmp_path / "run")
    # The page that is written on the way out shows no image of which only a half is there.
    assert "same images over time" not in (tmp_path / "run" / "page.html").read_text()


def test_a_missing_file_of_a_checkpoint_is_named(run: Path) -> None:
    (run / "checkpoints/best/raw.safetensors").unlink()
    (problem,) = verify(run)
    assert problem == "checkpoints/best/raw.safetensors: No such file or directory"


def test_the_command_lists_problems_and_fails(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["runs", "verify", str(run)]) == 0
    flip(run / "checkpoints/best/model.safetensors")
    assert command(["runs", "verify", str(run)]) == 1
    captured = capsys.readouterr()
    assert "checkpoints/best/model.safetensors: changed since it was written" in captured.out


def test_damaged_weights_of_a_run_are_not_used(run: Path) -> None:
    assert loading.find(run) == run / "checkpoints/best/model.safetensors"
    flip(run / "checkpoints/best/model.safetensors")
    with pytest.raises(AimkitError, match=r"model\.safetensors: changed since it was written"):
        loading.find(run)


def test_a_checkpoint_of_an_earlier_version_has_no_digests_and_is_read(run: Path) -> None:
    state = run / "checkpoints/step_00000002/state.json"
    old = {name: value for name, value in json.loads(state.read_text()).items() if name not in ("files", "digest")}
    state.write_text(json.dumps(old))
    assert checkpoint.load(state.parent).state.step == 2


def test_a_kill_between_two_renames_loses_no_checkpoint(run: Path) -> None:
    best = run / "checkpoints/best"
    best.rename(run / "checkpoints/.best.old")
    assert loading.find(run).parent.name == ".best.old"
    checkpoint.recover(run)
    assert loading.find(run).parent == best
    shutil.copytree(best, run / "checkpoints/.best.old")
    checkpoint.recover(run)
    assert sorted(path.name for path in best.parent.iterdir()) == ["best", "step_00000002"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_while_a_checkpoint_is_written_is_one_error_and_keeps_the_others(
    error: Exception, run: Path, recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(tensors: Any, path: Path, *_: Any) -> None:
        path.write_bytes(b"half")
        raise error

    before = {path: path.read_bytes() for path in run.rglob("checkpoints/*/*")}
    monkeypatch.setattr(checkpoint, "write_tensors", full)
    with pytest.raises(AimkitError, match="disk full") as caught:
        checkpoint.save(run, "best", checkpoint.State(), recipe(), {}, None, {})
    assert caught.value.exit_code == 1
    assert {path: path.read_bytes() for path in run.rglob("checkpoints/*/*")} == before


def test_a_full_disk_while_the_log_is_written_is_one_error(
    tmp_path: Path, recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aimkit.train import log

    class Full:
        def write(self, _: str) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        def flush(self) -> None: ...

        close = flush

    begin = log.Log.__enter__

    def entered(self: log.Log) -> log.Log:
        self._file = Full()
        return begin(self)

    monkeypatch.setattr(log.Log, "__enter__", entered)
    with pytest.raises(AimkitError, match="disk full") as caught:
        train(recipe(steps=1), tmp_path / "run")
    assert "metrics.jsonl" in caught.value.where


@pytest.mark.parametrize("room", range(1, 9))
@pytest.mark.slow
def test_a_disk_that_fills_up_at_any_write_is_one_error(room: int, tmp_path: Path, recipe: Make, held_out: Any) -> None:
    """On a small file system of its own, where the system lets us make one."""
    import subprocess

    disk = tmp_path / "disk"
    disk.mkdir()
    size = f"size={room * 3}m"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("can't mount")
    try:
        with pytest.raises(AimkitError) as caught:
            train(recipe(steps=40, checkpoint_every=1, keep=30, validation=held_out), disk / "run")
        assert caught.value.what == "disk full"
        whole = [path for path in (disk / "run/checkpoints").glob("*") if not path.name.startswith(".")]
        assert not list((disk / "run").rglob("checkpoints/.*"))
        for path in whole:
            checkpoint.load(path)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def lock(folder: Path) -> None:
    """A lock of a process that lives."""
    folder.mkdir(exist_ok=True)
    holder = LockHolder("train", os.getppid(), platform.node(), "", "2026-01-01T00:00:00+0000", "aimkit train")
    (folder / ".aimkit.lock").write_text(json.dumps(asdict(holder)))


def test_two_processes_never_train_in_one_folder(run: Path, recipe: Make, held_out: dict[str, Any]) -> None:
    lock(run)
    with pytest.raises(AimkitError, match=f"another process .*: train, process {os.getppid()}"):
        train(recipe(steps=2, validation=held_out, ema=0.9), run, "auto")


def test_two_sweeps_never_share_a_folder(tmp_path: Path, recipe: Make) -> None:
    lock(tmp_path / "sweep")
    with pytest.raises(AimkitError, match="another process"):
        sweep([Variant("one", recipe())], tmp_path / "sweep")


def test_a_run_that_can_not_start_leaves_no_folder(tmp_path: Path, recipe: Make) -> None:
    with pytest.raises(AimkitError):
        train(recipe(model={"backbone": "no_such_backbone"}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


# What a run draws from --------------------------------------------------------------------------------------------


def test_a_synth_recipe_that_is_edited_under_a_run_is_named(run: Path, recipe: Make, tmp_path: Path) -> None:
    copy = tmp_path / "mine.toml"
    shutil.copy(run / "synth.train.toml", copy)
    data = {"workers": 0, "train": {"source": "synth", "recipe": str(copy)}}
    one = recipe(data={**data, "transform": {"transform": "crop", "size": 64, "crops": [64]}})
    (tmp_path / "other").mkdir()
    drawn.record(one, tmp_path / "other")
    drawn.record(one, tmp_path / "other")
    copy.write_text(copy.read_text().replace('blend = "gamma"', 'blend = "linear"'))
    with pytest.raises(AimkitError, match="blend: 'gamma' when the run began, 'linear' now") as caught:
        drawn.record(one, tmp_path / "other")
    assert caught.value.where.endswith("synth.train.toml")


def test_the_kept_recipe_draws_the_same_samples(run: Path, recipe: Make) -> None:
    original = recipe().data.train
    again = original.model_copy(update={"recipe": str(run / "synth.train.toml"), "overrides": []})
    for position in range(3):
        one, other = (block.open(5).sample(position) for block in (original, again))
        assert one.image.tobytes() == other.image.tobytes()


# More steps -------------------------------------------------------------------------------------------------------


def test_a_run_may_be_given_more_steps_and_nothing_else(
    run: Path, recipe: Make, held_out: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AimkitError, match=r"another recipe\n  seed: 5 in the run, 6 now"):
        train(recipe(steps=3, validation=held_out, ema=0.9, seed=6), run, resume=True)
    longer = recipe(steps=3, validation=held_out, ema=0.9)
    with pytest.raises(AimkitError, match="another recipe"):
        train(longer, run, "auto")
    assert train(longer, run, resume=True).step == 3
    assert "ends after 3 steps, not 2" in capsys.readouterr().err
    assert train(longer, run, resume=True).step == 3
    assert list(verify(run)) == []


def test_a_run_can_not_get_fewer_steps_than_it_has_done(run: Path, recipe: Make, held_out: dict[str, Any]) -> None:
    with pytest.raises(AimkitError, match="another recipe"):
        train(recipe(steps=1, validation=held_out, ema=0.9), run, resume=True)


def test_a_kill_while_an_old_checkpoint_is_removed_leaves_no_half_of_it(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (newest,) = (run / "checkpoints").glob("step_*")
    shutil.copytree(newest, newest.with_name("step_00000001"))

    def killed(path: Path, **_: object) -> None:
        next(path.iterdir()).unlink()
        raise KeyboardInterrupt

    whole = {path.name: len(list(path.iterdir())) for path in (run / "checkpoints").glob("step_*")}
    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.prune(run, 1)
    left = {path.name: len(list(path.iterdir())) for path in (run / "checkpoints").glob("step_*")}
    assert len(left) == len(whole) - 1
    assert left.items() <= whole.items()
