"""Files are replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from aimkit import files
from aimkit.errors import AimkitError
from aimkit.files import own_mark, replacing, write_bytes


def fail_halfway(target: Path, error: BaseException) -> None:
    with replacing(target) as temporary:
        temporary.write_bytes(b"half")
        raise error


def test_a_file_keeps_its_old_content_until_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    write_bytes(target, b"old")
    with replacing(target) as temporary:
        temporary.write_bytes(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


def test_the_temporary_file_is_hidden_beside_the_target_and_names_its_process(tmp_path: Path) -> None:
    with replacing(tmp_path / "model.onnx") as one, replacing(tmp_path / "model.onnx") as other:
        assert one != other, "two writers of one file must not share a temporary file"
        assert one.parent == tmp_path
        assert one.name.startswith(".model.")
        assert one.suffix == ".onnx"
        assert f".{os.getpid()}-" in one.name
        for path in (one, other):
            path.write_bytes(b"")


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failed_block_leaves_the_folder_as_it_was(failure: type[BaseException], tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(b"old")
    with pytest.raises(failure):
        fail_halfway(target, failure())
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.txt", b"old")]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_error_with_place_and_hint(code: int, tmp_path: Path) -> None:
    with pytest.raises(AimkitError, match="disk full") as caught:
        fail_halfway(tmp_path / "a.txt", OSError(code, os.strerror(code)))
    assert caught.value.where == str(tmp_path / "a.txt")
    assert "free some space" in caught.value.hint
    assert caught.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AimkitError, match="can't write the file") as caught:
        write_bytes(tmp_path / "file" / "a.txt", b"")
    assert "permissions" in caught.value.hint


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AimkitError, match="can't write the file: No such file"), replacing(tmp_path / "a.txt"):
        pass


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_new_files_honour_the_umask(mask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write_bytes(tmp_path / "a.txt", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == mode


def test_what_a_killed_process_was_writing_goes_with_the_next_file_in_its_folder(tmp_path: Path) -> None:
    dead, machine = 2**22 + 1, own_mark().partition("-")[2][:4]
    elsewhere = "0000" if machine != "0000" else "1111"
    gone = [f".w.{dead}-{machine}0a1b.safetensors", f".aimkit.lock.{dead}-{machine}0a1b"]
    kept = [
        f".w.{os.getpid()}-{machine}0a1b.png",
        f".w.{dead}-{elsewhere}0a1b.png",
        ".w.part",
        f"w.{dead}-{machine}0a1b",
    ]
    for name in [*gone, *kept]:
        (tmp_path / name).write_text("x")
    write_bytes(tmp_path / "a.txt", b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "a.txt"])


def test_a_folder_is_searched_for_leftovers_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[Path] = []
    monkeypatch.setattr(files, "clean_after_killed", searched.append)
    for n in range(3):
        write_bytes(tmp_path / f"{n}.txt", b"")
    assert searched == [tmp_path]


def test_a_full_disk_that_torch_hides_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "[enforce fail at inline_container.cc:672] . unexpected pos 100992 vs 100912"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(AimkitError, match="disk full"):
        fail_halfway(tmp_path / "w.pth", RuntimeError(words))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 30))
    with pytest.raises(AimkitError, match="can't write the file"):
        fail_halfway(tmp_path / "w.pth", RuntimeError(words))
    with pytest.raises(RuntimeError, match="shapes"):
        fail_halfway(tmp_path / "w.pth", RuntimeError("shapes differ"))
    assert list(tmp_path.iterdir()) == []
