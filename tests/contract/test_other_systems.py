"""What other systems lack is imported where it is used, and does without."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import psutil
import pytest
import torch
from PIL import Image

import aimkit
from aimkit.datasets.find import find_images
from aimkit.datasets.pairing import pair_files
from aimkit.folder_lock import locked
from aimkit.train.log import memory

PACKAGE = Path(aimkit.__file__).parent

#: Modules of Python that Windows lacks.
POSIX = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}


def posix_only(source: str) -> list[str]:
    """What of a module fails on Windows when it is imported, and paths that only POSIX systems have."""
    if not any(word in source for word in (*POSIX, "/dev/null")):
        return []
    tree, found = ast.parse(source), []
    inside = {
        id(part)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for part in ast.walk(function)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        elif isinstance(node, ast.Constant) and node.value == "/dev/null":
            found.append("/dev/null")
        found += [name for name in names if name.split(".")[0] in POSIX and id(node) not in inside]
    return found


@pytest.mark.parametrize("source", ["import resource", "from fcntl import flock", 'open("/dev/null")'])
def test_what_windows_lacks_is_found(source: str) -> None:
    assert posix_only(source)
    assert not posix_only("def f():\n    import resource")


#: What starts processes by the system's own method where no other is named: a fork on Linux, which copies locked locks.
UNNAMED = {"Pool", "Process", "ProcessPoolExecutor", "Manager", "Queue", "fork", "forkpty", "set_start_method"}


def forks(source: str) -> list[str]:
    """Calls of a module that may fork."""
    if not any(word in source for word in (*UNNAMED, "fork", "get_context")):
        return []
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        owner, _, name = called.rpartition(".")
        told = {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
        unnamed = name in UNNAMED and owner in ("", "multiprocessing", "os", "futures", "concurrent.futures")
        if unnamed or "fork" in told or (name == "get_context" and not {"spawn", "forkserver"} & told):
            found.append(called)
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_is_imported_that_windows_lacks_and_processes_are_spawned(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert posix_only(source) == []
    assert forks(source) == []


@pytest.mark.parametrize(
    "source",
    ["os.fork()", "multiprocessing.Pool(2)", "get_context()", 'get_context("fork").Pool()', "Process(target=f)"],
)
def test_what_may_fork_is_found(source: str) -> None:
    assert forks(source)
    assert not forks('get_context("spawn").Pool(2)')


#: The command line as on a system that can only spawn.
SPAWNS = """
import multiprocessing, multiprocessing.context, os, sys
del os.fork
multiprocessing.context._default_context.get_all_start_methods = lambda: ["spawn"]
multiprocessing.get_all_start_methods = lambda: ["spawn"]
multiprocessing.set_start_method("spawn", force=True)

if __name__ == "__main__":
    from aimkit.cli import run
    sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.slow
def test_workers_of_synth_pool_and_train_need_no_fork(tmp_path: Path) -> None:
    (tmp_path / "spawns.py").write_text(SPAWNS)
    small = [
        "placement.height=48",
        "placement.width=48",
        "count=4",
        "output.shard_size=2",
        "labels.kernel=5",
        "balance={NS=1, STM=1}",
    ]
    drawn = ['foregrounds.0.generators=["mesh", "smoke"]', 'backgrounds.0.generators=["sky"]']

    def call(*arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, str(tmp_path / "spawns.py"), *arguments], capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr

    for workers in ("0", "2"):
        call("synth", "demo", *small, *drawn, "-o", f"d{workers}", "--workers", workers)
    written = {path.relative_to(tmp_path / "d0") for path in (tmp_path / "d0").rglob("*") if path.is_file()}
    assert written == {path.relative_to(tmp_path / "d2") for path in (tmp_path / "d2").rglob("*") if path.is_file()}
    images = [name for name in written if name.suffix in (".png", ".jpg", ".tar")]
    assert images
    for name in images:
        assert (tmp_path / "d0" / name).read_bytes() == (tmp_path / "d2" / name).read_bytes()
    call("pool", "build", "quick", *drawn, "-o", "pool", "--workers", "2", "--drawn", "4", "--size", "64")
    data = 'data.train={source="written", path="d0"}'
    call("train", "demo", data, "data.workers=2", "steps=2", "checkpoint_every=2", "batch=2", "-o", "run")


@pytest.mark.parametrize("folder", ["", "b\u00e4ren"])
def test_names_are_one_name_however_a_system_composes_them(folder: str, tmp_path: Path) -> None:
    """macOS may give the letter and its accent apart, in the names of files and of folders."""
    for form in ("NFC", "NFD"):
        path = tmp_path / form / unicodedata.normalize(form, f"{folder}/caf\u00e9.png".lstrip("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(path)
    files = [find_images(tmp_path / form).files for form in ("NFC", "NFD")]
    assert files[0].keys() == files[1].keys()
    paired = pair_files(*files, ("photos", "mattes"))
    assert len(paired.pairs) == 1
    assert len(paired.lost) == 0


def test_peak_memory_is_told_without_the_module_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    assert psutil  # On this system it needs that module itself, once.
    told = memory(torch.device("cpu"))
    monkeypatch.setitem(sys.modules, "resource", None)  # import then raises ImportError
    assert memory(torch.device("cpu")) == pytest.approx(told, rel=0.5)


def test_a_folder_is_locked_where_files_have_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / ".aimkit.lock"
    lock.write_text("what a killed process left")
    os.utime(lock, (0, 0))
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with locked(tmp_path, "test"):
        assert '"test"' in lock.read_text()
