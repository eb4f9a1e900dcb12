"""What other systems lack is imported where it is used, and does without."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import psutil
import pytest
import torch

import aimkit
from aimkit.folder_lock import locked
from aimkit.train.log import memory

PACKAGE = Path(aimkit.__file__).parent

#: Modules of Python that Windows lacks.
POSIX = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}


def posix_only(source: str) -> list[str]:
    """What of a module fails on Windows when it is imported, and paths that only POSIX systems have."""
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


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_is_imported_that_windows_lacks(path: Path) -> None:
    assert posix_only(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("source", ["import resource", "from fcntl import flock", 'open("/dev/null")'])
def test_what_windows_lacks_is_found(source: str) -> None:
    assert posix_only(source)
    assert not posix_only("def f():\n    import resource")


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
