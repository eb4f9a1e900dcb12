"""Tasks in processes of this machine: every item counted, errors whole, and an end at the second Ctrl-C, always."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aimkit.errors import AimkitError
from aimkit.synth.processes import spread

# A suite that was started in the background ignores Ctrl-C, and what it starts would too.
SCRIPT = """
import signal, sys
from functools import partial
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {here!r})
from test_processes import endless
from aimkit.synth.processes import spread
if __name__ == "__main__":
    spread([1, 2, 3, 4], 2, partial(endless, Path({folder!r})), lambda n: None, print)
"""


def squares(task: int, tick: Callable[[], None]) -> int:
    for _ in range(task):
        tick()
    if task == 7:
        raise AimkitError("seven", "the task", "choose another")
    if task == 8:
        raise OSError("eight")
    if task == 9:
        os.kill(os.getpid(), signal.SIGKILL)
    return task * task


def prepare() -> Any:
    return squares


def endless(folder: Path) -> Any:
    """Work that no polite word ends: its process notes its id, and never finishes an item."""

    def work(task: int, tick: Callable[[], None]) -> int:
        (folder / str(os.getpid())).touch()
        while True:
            time.sleep(0.01)

    return work


@pytest.mark.parametrize("workers", [0, 2, 9])
def test_every_task_and_item_is_done_once(workers: int) -> None:
    items, results = [], []
    spread([1, 2, 3, 4, 5], workers, prepare, items.append, results.append)
    assert sum(items) == 15
    assert sorted(results) == [1, 4, 9, 16, 25]


@pytest.mark.parametrize(("task", "error", "text"), [(7, AimkitError, "seven"), (8, OSError, "eight")])
def test_an_error_of_a_worker_arrives_whole(task: int, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        spread([1, task], 2, prepare, lambda n: None, lambda r: None)
    if task == 7:
        assert caught.value.hint == "choose another"  # type: ignore[attr-defined]
    else:
        assert "in squares" in caught.value.__notes__[0]


def test_a_killed_worker_is_one_clear_error() -> None:
    with pytest.raises(AimkitError, match="worker process was killed") as caught:
        spread([1, 9], 2, prepare, lambda n: None, lambda r: None, where="the output", hint="again")
    assert (caught.value.where, caught.value.hint, caught.value.exit_code) == ("the output", "again", 1)


def test_a_killed_worker_does_not_keep_the_others_from_ending() -> None:
    with pytest.raises(AimkitError, match="killed"):
        spread([9] * 4, 4, prepare, lambda n: None, lambda r: None)


def test_what_finished_raises_ends_the_work() -> None:
    def refuse(_: int) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        spread([1, 2, 3], 2, prepare, lambda n: None, refuse)


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks at processes through /proc")
@pytest.mark.parametrize("pause", [0.0, 0.02, 0.5])
def test_a_second_interrupt_ends_the_process_and_its_workers_at_once(pause: float, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    script = tmp_path / "endless.py"
    script.write_text(SCRIPT.format(here=str(Path(__file__).parent), folder=str(notes)))
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, text=True, start_new_session=True)
    end = time.monotonic() + 60
    while len(list(notes.iterdir())) < 2:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    workers = [int(path.name) for path in notes.iterdir()]
    begun = time.monotonic()
    # A terminal sends them to the whole group.
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(pause)
    os.killpg(process.pid, signal.SIGINT)
    if not pause:
        # Two that come together are one for the kernel.
        time.sleep(0.5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=10)
    assert time.monotonic() - begun < 5
    assert process.returncode != 0
    end = time.monotonic() + 2
    while any(map(alive, workers)) and time.monotonic() < end:
        time.sleep(0.01)
    assert not any(map(alive, workers))


def test_a_first_interrupt_waits_for_the_current_items(tmp_path: Path) -> None:
    results: list[int] = []

    def interrupt(result: int) -> None:
        results.append(result)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spread([1, 2], 2, partial(prepare), lambda n: None, interrupt)
    assert len(results) == 1
