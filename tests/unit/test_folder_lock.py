"""One writer at a time in an output folder, whoever was killed before, and nothing of anybody else is removed."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from aimkit import files, folder_lock
from aimkit.errors import AimkitError
from aimkit.folder_lock import UNFINISHED, clean_leftovers, is_locked, locked
from aimkit.storage import place

HOLDER = """
import sys, time
from pathlib import Path
from aimkit.folder_lock import locked
with locked(Path(sys.argv[1]), "train", *sys.argv[2:]):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(folder: Path, *part: str) -> subprocess.Popen[bytes]:
    """Another process that holds the lock."""
    child = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder), *part], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    return child


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def foreign(**more: Any) -> str:
    facts = {"what": "synth", "pid": 7, "host": "elsewhere", "birth": "x", "since": "2024-05-01T10:00:00+0000"}
    return json.dumps(facts | {"command": "aimkit synth"} | more)


def test_the_lock_says_who_and_goes_with_its_holder(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with locked(folder, "train"):
        facts = json.loads((folder / ".aimkit.lock").read_text())
        assert (facts["what"], facts["pid"], facts["host"]) == ("train", os.getpid(), platform.node())
        assert names(folder) == [".aimkit.lock"]
        assert is_locked(folder)
    assert names(folder) == []
    assert not is_locked(folder)
    with pytest.raises(KeyError), locked(folder, "train"):
        raise KeyError
    assert names(folder) == []


def test_a_process_enters_its_own_lock_again(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with locked(tmp_path, "train"):
        with locked(tmp_path / "link", "evaluate"):
            pass
        assert (tmp_path / ".aimkit.lock").exists()
    assert not (tmp_path / ".aimkit.lock").exists()


def test_another_process_is_kept_out_until_the_first_is_gone_even_when_it_was_killed(tmp_path: Path) -> None:
    child = holder(tmp_path)
    try:
        with (
            pytest.raises(AimkitError, match=f"train, process {child.pid} on .*, since 20") as caught,
            locked(tmp_path, "train"),
        ):
            pass
        assert (caught.value.where, caught.value.exit_code) == (str(tmp_path), 1)
    finally:
        child.send_signal(signal.SIGKILL)
    # A killed process that nobody has waited for is still in the table of processes.
    deadline = time.monotonic() + 10
    while folder_lock._birth(child.pid) != "" and time.monotonic() < deadline:
        time.sleep(0.01)
    with locked(tmp_path, "train"):
        assert json.loads((tmp_path / ".aimkit.lock").read_text())["pid"] == os.getpid()
    child.wait()
    assert names(tmp_path) == []


def test_a_process_id_that_was_given_again_is_not_the_holder(tmp_path: Path) -> None:
    (tmp_path / ".aimkit.lock").write_text(foreign(pid=os.getppid(), host=platform.node(), birth="long ago"))
    with locked(tmp_path, "train"):
        pass
    assert names(tmp_path) == []


def test_a_lock_of_another_machine_is_left_alone_and_told(tmp_path: Path) -> None:
    file = tmp_path / ".aimkit.lock"
    file.write_text(foreign())
    with (
        pytest.raises(AimkitError, match="synth, process 7 on elsewhere, since 2024-05-01") as caught,
        locked(tmp_path, "synth"),
    ):
        pass
    assert "wait for it" in caught.value.hint
    os.utime(file, (time.time() - 90_000,) * 2)
    with pytest.raises(AimkitError) as caught, locked(tmp_path, "synth"):
        pass
    assert f"if nothing runs on elsewhere any more, remove {file}" in caught.value.hint
    assert json.loads(file.read_text())["host"] == "elsewhere"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": 1}', foreign(pid="x"), foreign(pid=-1)])
def test_a_damaged_lock_is_nobodys_after_a_minute(content: str, tmp_path: Path) -> None:
    file = tmp_path / ".aimkit.lock"
    file.write_text(content)
    with pytest.raises(AimkitError, match="can't be read") as caught, locked(tmp_path, "train"):
        pass
    assert str(file) in caught.value.hint
    os.utime(file, (time.time() - 100,) * 2)
    with locked(tmp_path, "train"):
        pass
    assert names(tmp_path) == []


def test_parts_share_a_folder_and_each_is_one(tmp_path: Path) -> None:
    child = holder(tmp_path, "0.2")
    try:
        with locked(tmp_path, "synth", "1.2"):
            assert names(tmp_path) == [".aimkit.0.2.lock", ".aimkit.1.2.lock"]
        with pytest.raises(AimkitError, match="another process"), locked(tmp_path, "synth", "0.2"):
            pass
    finally:
        child.kill()
        child.wait()
    with pytest.raises(ValueError, match="file name"), locked(tmp_path, "synth", "../x"):
        pass


@pytest.mark.parametrize(("first", "second"), [("", "whole.0.2"), ("whole.0.2", "")])
def test_the_whole_and_a_part_exclude_each_other(first: str, second: str, tmp_path: Path) -> None:
    child = holder(tmp_path, *([first] if first else []))
    try:
        before = names(tmp_path)
        with pytest.raises(AimkitError, match=f"another process .* process {child.pid}"), locked(tmp_path, "b", second):
            pass
        assert names(tmp_path) == before
    finally:
        child.kill()
        child.wait()
    with locked(tmp_path, "b", second):
        assert is_locked(tmp_path)


def test_a_place_behind_a_url_is_not_locked() -> None:
    with locked(place("memory://locks"), "synth"):
        assert not place("memory://locks").exists()


def test_a_forked_child_neither_holds_nor_frees_the_lock(tmp_path: Path) -> None:
    with locked(tmp_path, "train"):
        child = os.fork()
        if not child:
            try:
                with locked(tmp_path, "train"):
                    os._exit(1)
            except AimkitError:
                os._exit(0)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert (tmp_path / ".aimkit.lock").exists()


def test_a_file_system_without_links_is_locked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuses)
    with locked(tmp_path, "train"):
        assert json.loads((tmp_path / ".aimkit.lock").read_text())["what"] == "train"
    (tmp_path / ".aimkit.lock").write_text(foreign())
    with pytest.raises(AimkitError, match="another process"), locked(tmp_path, "train"):
        pass


def test_a_folder_that_can_not_be_locked_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AimkitError, match="can't lock the folder"), locked(tmp_path / "file", "train"):
        pass


def race(folder: Path, start: Any, rounds: int) -> None:
    """Enter again and again; a file that must not be there while another holds the lock shows a failure."""
    start.wait()
    for _ in range(rounds):
        try:
            with locked(folder, "race"):
                os.close(os.open(folder / "inside", os.O_CREAT | os.O_EXCL))
                (folder / "inside").unlink()
                with (folder / "entered").open("a") as file:
                    file.write("x")
        except AimkitError:
            pass
        if os.getpid() % 2:
            # What a killed process leaves: a lock of a process that is gone.
            try:
                with (folder / ".aimkit.lock").open("x") as file:
                    file.write(foreign(pid=2**22 + 1, host=platform.node()))
            except FileExistsError:
                pass


def test_two_processes_that_race_are_never_inside_together(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Event()
    children = [context.Process(target=race, args=(tmp_path, start, 300)) for _ in range(4)]
    for child in children:
        child.start()
    start.set()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0] * 4
    assert len((tmp_path / "entered").read_text()) > 100
    assert set(names(tmp_path)) <= {"entered", ".aimkit.lock"}


def test_leftovers_of_the_dead_and_the_old_are_removed_and_nothing_else(tmp_path: Path) -> None:
    dead, own = 2**22 + 1, os.getpid()
    gone = [
        f".model.{dead}-0a1b2c3d.safetensors",
        f"sub/.a.b.{dead}-0a1b2c3d",
        ".old.k2j4h6.part",
        f"sub/.d.{dead}-00000000",
    ]
    kept = [
        "model.safetensors",
        f".model.{own}-0a1b2c3d.png",
        ".new.part",
        ".hidden",
        "x.part",
        f"a.{dead}-0a1b2c3d.png",
    ]
    (tmp_path / "sub").mkdir()
    for name in [*gone[:3], *kept]:
        (tmp_path / name).write_text("x")
    (tmp_path / gone[3]).mkdir()
    (tmp_path / gone[3] / "file").write_text("x")
    os.utime(tmp_path / ".old.k2j4h6.part", (time.time() - 90_000,) * 2)
    with pytest.raises(RuntimeError, match="needs the lock"):
        clean_leftovers(tmp_path)
    with locked(tmp_path, "train"):
        assert {path.relative_to(tmp_path).as_posix() for path in clean_leftovers(tmp_path)} == set(gone)
    assert sorted(names(tmp_path)) == sorted([*kept, "sub"])
    assert names(tmp_path / "sub") == []


def test_while_another_machine_holds_a_part_only_age_counts(tmp_path: Path) -> None:
    name = f".x.{2**22 + 1}-0a1b2c3d.png"
    (tmp_path / name).write_text("x")
    (tmp_path / ".aimkit.1.2.lock").write_text(foreign())
    with locked(tmp_path, "synth", "0.2"):
        assert clean_leftovers(tmp_path) == []
        os.utime(tmp_path / name, (time.time() - 90_000,) * 2)
        assert clean_leftovers(tmp_path) == [tmp_path / name]


def test_links_are_not_followed_when_leftovers_are_removed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    precious = tmp_path / "elsewhere" / f".x.{2**22 + 1}-0a1b2c3d.png"
    precious.write_text("x")
    (tmp_path / "out" / "link").symlink_to("../elsewhere")
    (tmp_path / "out" / f".y.{2**22 + 1}-0a1b2c3d").symlink_to("../elsewhere")
    with locked(tmp_path / "out", "train"):
        clean_leftovers(tmp_path / "out")
    assert precious.exists()
    assert names(tmp_path / "out") == ["link"]


@pytest.mark.skipif(not hasattr(files, "replacing"), reason="the one atomic writer is on another branch")
@pytest.mark.parametrize("name", ["model.safetensors", "README", "a.b.json", "x" * 200 + ".png"])
def test_the_names_of_the_atomic_writer_are_known(name: str, tmp_path: Path) -> None:
    with files.replacing(tmp_path / name) as temporary:
        temporary.write_text("x")
        match = UNFINISHED.fullmatch(temporary.name)
        assert match is not None
        assert match["pid"] == str(os.getpid())


@pytest.mark.parametrize("call", ["link", "unlink"])
def test_ctrl_c_while_a_lock_appears_or_goes_leaves_nothing(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pressed before and after the call: neither the lock nor what it was written to stays."""
    real = getattr(os, call)

    def pressed(*args: Any, **options: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        real(*args, **options)
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, call, pressed)
            with pytest.raises(KeyboardInterrupt), locked(tmp_path, "train"):
                pass
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert names(tmp_path) == []
    assert not is_locked(tmp_path)
