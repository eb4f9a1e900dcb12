"""The scripts and notebooks of examples/ run as they are, with smaller numbers."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import aimkit

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NOTEBOOKS = sorted(path.name for path in EXAMPLES.glob("[0-9]_*.py"))
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("train_*.py"))
#: Values in place of the notebooks' own.
TINY = {"COUNT": 4, "STEPS": 2, "SIZE": 64, "SIDE": 96, "BATCH": 2}
RECIPE = """
kind = "synth"
count = 4
[[foregrounds]]
source = "procedural"
generators = ["mesh"]
[[backgrounds]]
source = "procedural"
generators = ["gradient"]
[placement]
mode = "canvas"
height = 64
width = 64
[labels]
kernel = [5, 5]
"""


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def smaller(text: str) -> str:
    """A notebook with its numbers replaced."""

    def replaced(match: re.Match[str]) -> str:
        names = [name.strip() for name in match[1].split(",")]
        return f"{match[1]} = {', '.join(str(TINY[name]) for name in names)}"

    return re.sub(r"^([A-Z]+(?:, [A-Z]+)*) = \d+(?:, \d+)*$", replaced, text, flags=re.MULTILINE)


def test_the_plain_loop_fits_on_a_screen() -> None:
    assert len((EXAMPLES / "train_plain_pytorch.py").read_text().splitlines()) <= 40


def test_the_numbers_of_every_notebook_are_found() -> None:
    texts = {name: (EXAMPLES / name).read_text() for name in NOTEBOOKS}
    assert len(texts) == 5
    for name, text in texts.items():
        assert smaller(text) != text, name
        compile(text, name, "exec")


def trained(name: str, model: str, folder: Path, *more: str) -> Any:
    """Train two steps with a script, and load what it saved."""
    (folder / "tiny.toml").write_text(RECIPE)
    module = script(name)
    options = ["--data", str(folder / "tiny.toml"), "--model", model, "--steps", "2", "--batch", "2", "--size", "64"]
    module.main(module.parser.parse_args([*options, "--workers", "0", "--out", str(folder / "run"), *more]))
    return aimkit.create_model(weights=folder / "run")


def test_a_plain_loop_trains_and_saves_what_loads_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = trained("train_plain_pytorch.py", "aimnet", tmp_path)
    assert capsys.readouterr().out.count("total") == 2
    assert network.build["backbone"] == "mobilenetv3_small_050"
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("model", ["aimnet", "gfm", "p3mnet"])
def test_every_script_trains_every_network(name: str, model: str, tmp_path: Path) -> None:
    assert trained(name, model, tmp_path, "--backbone", "resnet18").build["name"] == model


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(name: str, tmp_path: Path) -> None:
    """In a process of its own, since it may register entries."""
    (tmp_path / name).write_text(smaller((EXAMPLES / name).read_text()))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, name], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
