"""Arguments are checked, and what is on disk is listed, before a process spends seconds on importing torch."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

CODE = """
import contextlib, io, json, sys
from aimkit.cli import run

HEAVY = {"torch", "timm", "accelerate", "scipy", "numba", "datasets"}
rows = []
for words in json.loads(sys.argv[1]):
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
        code = run(words)
    rows.append([code, told.getvalue(), sorted(HEAVY & set(sys.modules))])
print(json.dumps(rows))
"""

COMMANDS = [
    ("runs ls", 2, "folder not found"),
    ("runs show nothere", 2, "folder not found"),
    ("zoo ls", 0, ""),
    ("zoo show nothere", 2, "unknown zoo id or file 'nothere'"),
    ("recipes ls", 0, ""),
    ("models ls", 0, ""),
    ("models show nothere", 2, "unknown model 'nothere'"),
    ("models show aimnet --backbone nothere", 2, "unknown backbone 'nothere'"),
    ("models show --weights nothere", 2, "unknown zoo id or file 'nothere'"),
    ("export --model nothere -o x.onnx", 2, "unknown model 'nothere'"),
    ("export --backbone nothere -o x.onnx", 2, "unknown backbone 'nothere'"),
    ("export --weights nothere -o x.onnx", 2, "unknown zoo id or file 'nothere'"),
    ("export --weights nothere.safetensors -o x.onnx", 2, "weights file not found"),
    ("bench models nothere", 2, "unknown model 'nothere'"),
    ("bench backbones nothere", 2, "unknown backbone 'nothere'"),
    ("bench train nothere", 2, "unknown recipe 'nothere'"),
    ("train nothere", 2, "unknown recipe 'nothere'"),
    ("sweep nothere", 2, "unknown recipe 'nothere'"),
    ("learning-curve nothere", 2, "unknown recipe 'nothere'"),
    ("learning-curve finetune --sizes 2,x", 2, "can't read '2,x'"),
    ("predict nothere.jpg", 2, "file or folder not found"),
    ("evaluate", 2, "data 'aim500' needs its folder"),
    ("evaluate --data folder --root . --strategy hybird", 2, "did you mean 'hybrid'"),
    ("evaluate --root nothere --device gpu", 2, "unknown device 'gpu'"),
    ("evaluate --root nothere --weights default", 2, "nothere"),
    ("evaluate --root hf:nothere --weights nothere", 2, "unknown zoo id or file 'nothere'"),
    ("evaluate --root hf:nothere", 2, "an evaluation needs weights"),
    ("predict nothere.jpg --strategy hybird", 2, "did you mean 'hybrid'"),
    ("predict nothere.jpg --device gpu", 2, "unknown device 'gpu'"),
    ("evaluate nothere", 2, "unknown recipe 'nothere'"),
    ("evaluate compare a.json b.json", 2, "the results file is missing"),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Exit code, errors and heavy modules after each command, all run in one process, one after the other."""
    words = json.dumps([command.split() for command, _, _ in COMMANDS])
    done = subprocess.run(
        [sys.executable, "-c", CODE, words],
        cwd=tmp_path_factory.mktemp("empty"),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip([command for command, _, _ in COMMANDS], json.loads(done.stdout), strict=True))


@pytest.mark.parametrize(("command", "code", "told"), COMMANDS)
def test_no_command_imports_torch_before_its_arguments_are_checked(
    command: str, code: int, told: str, results: dict[str, Any]
) -> None:
    found, errors, heavy = results[command]
    assert (found, heavy) == (code, []), errors
    assert told in " ".join(errors.split())
