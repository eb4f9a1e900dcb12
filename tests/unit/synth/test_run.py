"""Runs: whatever happens to them, the dataset is the same."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tiny_source import tiny, tree

from aimkit.datasets.reader import open_dataset
from aimkit.datasets.writers.shard import plan
from aimkit.errors import AimkitError
from aimkit.synth import run, workers
from aimkit.synth.job import ShardJob
from aimkit.synth.run import synthesize

linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks at processes through /proc")

# A suite that was started in the background ignores Ctrl-C, and what it starts would too.
SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {helpers!r})
from pathlib import Path
from tiny_source import tiny
from aimkit.synth.run import synthesize
if __name__ == "__main__":
    recipe = tiny(24, output={{"format": {format_!r}}})
    synthesize(recipe, Path({out!r}), workers={workers}, resume=True)
"""


def start(tmp_path: Path, out: Path, format_: str, workers: int) -> subprocess.Popen[str]:
    """A slow run in a process group of its own, for killing."""
    file = tmp_path / f"run_{workers}.py"
    helpers = str(Path(__file__).parents[2] / "helpers")
    file.write_text(SCRIPT.format(helpers=helpers, out=str(out), format_=format_, workers=workers))
    return subprocess.Popen(
        [sys.executable, str(file)],
        env=os.environ | {"TINY_SECONDS": "0.1"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def children(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if f"PPid:\t{pid}\n" in status.read_text():
                found.append(int(status.parent.name))
    return found


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def wait_until(true: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@linux
@pytest.mark.parametrize(("format_", "count", "kills"), [("folder", 1, (1, 3)), ("webdataset", 2, (2,))])
def test_resume_after_kill_gives_the_same_bytes(
    format_: str, count: int, kills: tuple[int, ...], tmp_path: Path
) -> None:
    out, recipe = tmp_path / "killed", tiny(24, output={"format": format_})
    for shards_before_kill in kills:
        process = start(tmp_path, out, format_, count)
        wait_until(lambda n=shards_before_kill: len(list(out.glob("shards/*.json"))) >= n)
        helpers = children(process.pid)
        process.kill()
        process.communicate()
        # Workers of a killed run must not go on writing beside the next one.
        wait_until(lambda pids=helpers: not any(alive(pid) for pid in pids))
        assert not (out / "README.md").exists()
    assert not open_dataset(out).complete
    (out / ".tmp" / "00005").mkdir(parents=True, exist_ok=True)
    (out / ".tmp" / "00005" / "left").write_text("over")
    synthesize(recipe, out, resume=True)
    synthesize(recipe, tmp_path / "whole")
    assert tree(out) == tree(tmp_path / "whole")
    assert not (out / ".tmp").exists()


def test_the_number_of_workers_does_not_show(tmp_path: Path) -> None:
    for count in (0, 2):
        synthesize(tiny(12), tmp_path / str(count), workers=count)
    assert tree(tmp_path / "0") == tree(tmp_path / "2")


@pytest.mark.parametrize("format_", ["folder", "parquet"])
def test_the_union_of_parts_equals_one_run(format_: str, tmp_path: Path) -> None:
    recipe = tiny(18, output={"format": format_})
    synthesize(recipe, tmp_path / "whole")
    first = synthesize(recipe, tmp_path / "parts", part=(1, 2))
    assert first.missing == 3
    assert not (tmp_path / "parts" / "README.md").exists()
    last = synthesize(recipe, tmp_path / "parts", part=(0, 2))
    assert last.missing == 0
    assert tree(tmp_path / "parts") == tree(tmp_path / "whole")


def test_a_part_leaves_the_unfinished_files_of_others_alone(tmp_path: Path) -> None:
    out = tmp_path / "d"
    synthesize(tiny(12), out, part=(0, 3))
    others, mine = out / ".tmp" / "00001" / "x", out / ".tmp" / "00002" / "x"
    for path in (others, mine):
        path.parent.mkdir(parents=True)
        path.write_text("unfinished")
    synthesize(tiny(12), out, part=(2, 3))
    assert others.exists()
    assert not mine.exists()
    synthesize(tiny(12), out, part=(1, 3))
    assert not (out / ".tmp").exists()


def test_finished_shards_are_not_made_again(tmp_path: Path) -> None:
    out = tmp_path / "d"
    synthesize(tiny(12), out)
    (out / "shards" / "00001.json").unlink()
    before = {path: path.stat().st_mtime_ns for path in out.glob("original/*")}
    outcome = synthesize(tiny(12), out, resume=True)
    assert outcome.written == 4
    changed = {path.stem for path, time_ in before.items() if path.stat().st_mtime_ns != time_}
    assert changed == {"000004", "000005", "000006", "000007"}


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(AimkitError, match="not empty"):
        synthesize(tiny(4), tmp_path)
    with pytest.raises(AimkitError, match="something else"):
        synthesize(tiny(4), tmp_path, resume=True)
    assert tree(tmp_path) == {"notes.txt": b"mine"}


def test_resume_of_another_recipe_names_the_keys_that_differ(tmp_path: Path) -> None:
    synthesize(tiny(4), tmp_path / "d")
    with pytest.raises(AimkitError) as caught:
        synthesize(tiny(8, seed=3, foreground={"items": 5}), tmp_path / "d", resume=True)
    for line in ("count: 4 in", "seed: 0 in the dataset, 3 now", "foregrounds.0.items: 9 in the dataset, 5 now"):
        assert line in caught.value.what
    assert "labels" not in caught.value.what


def test_another_limit_of_failures_does_not_keep_a_run_from_continuing(tmp_path: Path) -> None:
    out = tmp_path / "d"
    synthesize(tiny(12), out)
    whole = tree(out)
    (out / "shards" / "00001.json").unlink()
    outcome = synthesize(tiny(12, output={"max_failures": 0.5}), out, resume=True)
    assert (outcome.written, outcome.missing) == (4, 0)
    assert tree(out) == whole


def test_a_full_disk_is_told_and_leaves_finished_shards_usable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, write_bytes = tmp_path / "d", Path.write_bytes

    def fails_in_the_second_shard(path: Path, data: bytes) -> int:
        if path.stem == "000005":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", fails_in_the_second_shard)
    with pytest.raises(AimkitError, match="disk full") as caught:
        synthesize(tiny(12), out)
    assert caught.value.exit_code == 1
    assert [sample.meta["index"] for sample in open_dataset(out)] == [0, 1, 2, 3]
    assert not any(path for path in out.glob(".tmp/*") if path.name.startswith("0"))
    monkeypatch.undo()
    synthesize(tiny(12), out, resume=True)
    synthesize(tiny(12), tmp_path / "whole")
    assert tree(out) == tree(tmp_path / "whole")


def test_broken_sources_are_set_aside_and_reported(tmp_path: Path) -> None:
    recipe = tiny(12, foreground={"broken": [0]}, output={"max_failures": 0.9})
    outcome = synthesize(recipe, tmp_path / "d")
    assert {entry["id"] for entry in outcome.quarantined} == {"disc/0"}
    assert "Set aside" in (tmp_path / "d" / "README.md").read_text()
    again = synthesize(recipe, tmp_path / "d", resume=True)
    assert again.quarantined == outcome.quarantined


def test_too_many_broken_sources_stop_the_run(tmp_path: Path) -> None:
    recipe = tiny(12, foreground={"broken": [0, 1, 2, 3, 4]}, output={"max_failures": 0.1})
    with pytest.raises(AimkitError, match="samples drew source images") as caught:
        synthesize(recipe, tmp_path / "d")
    assert caught.value.exit_code == 1
    assert "max_failures" in caught.value.hint


def test_an_error_in_a_worker_arrives_whole(tmp_path: Path) -> None:
    recipe = tiny(12, foreground={"broken": list(range(9))})
    with pytest.raises(AimkitError, match="in a row can't be read"):
        synthesize(recipe, tmp_path / "d", workers=2)


@linux
def test_a_killed_worker_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_SECONDS", "0.1")
    killed: list[int] = []

    def kill_one(amount: int) -> None:
        if amount and not killed:
            pids = children(os.getpid())
            killed.append(next(pid for pid in pids if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()))
            os.kill(killed[0], signal.SIGKILL)

    job = ShardJob(tiny(24), tmp_path / "d")
    with pytest.raises(AimkitError, match="worker process was killed"):
        workers.execute(job, plan(24, 4), 2, kill_one, lambda sidecar: None)


@linux
def test_interrupt_ends_the_workers_and_keeps_finished_shards(tmp_path: Path) -> None:
    out = tmp_path / "d"
    process = start(tmp_path, out, "folder", 2)
    wait_until(lambda: any(out.glob("shards/*.json")))
    helpers = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    wait_until(lambda: not any(alive(pid) for pid in helpers))
    assert errors.count("Traceback") == 1, "only the main process may say that it was interrupted"
    assert not any(out.glob(".tmp/0*"))
    dataset = open_dataset(out)
    assert 0 < len(dataset) < 24
    assert dataset[0].image.shape == (40, 56, 3)


def test_other_versions_are_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synthesize(tiny(4), tmp_path / "d")
    told: list[str] = []
    monkeypatch.setattr(run, "versions", lambda: {"numpy": "0.1"})
    monkeypatch.setattr(run.console, "warn", told.append)
    synthesize(tiny(4), tmp_path / "d", resume=True)
    assert "new samples may differ in their bytes" in told[0]


def test_the_lock_is_a_recipe_that_makes_the_dataset_again(tmp_path: Path) -> None:
    from aimkit.recipe import load_recipe

    synthesize(tiny(4), tmp_path / "a")
    synthesize(load_recipe(tmp_path / "a" / "recipe.lock.toml"), tmp_path / "b")
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
