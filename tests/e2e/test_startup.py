"""A cut-out at once: what a fresh process imports, pipes, and the benchmark of both."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aimkit.bench.startup import slowest_imports
from aimkit.cli import run

pytest.importorskip("onnxruntime")

CODE = """
import json, sys
from aimkit.cli import run
code = run(sys.argv[1:])
print("\\n" + json.dumps([code, sorted({name.split(".")[0] for name in sys.modules})]))
"""
#: What makes a process slow to start.
HEAVY = {
    "torch",
    "timm",
    "torchvision",
    "numba",
    "datasets",
    "pymatting",
    "scipy",
    "pyarrow",
    "pandas",
    "onnx",
    "sympy",
}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    y, x = np.mgrid[:120, :160]
    disc = np.clip((40 - np.hypot(y - 60, x - 80)) / 4 + 0.5, 0, 1)[..., None]
    image = np.rint(255 * (disc * (0.9, 0.4, 0.1) + (1 - disc) * (0.2, 0.5, 0.8))).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def aimkit(*words: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "aimkit", *words], input=data, capture_output=True)


def test_the_first_cut_out_of_a_process_needs_neither_pytorch_nor_a_compiler(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    command = ["-v", "predict", str(photo), "-o", str(tmp_path / "out"), "--device", "cpu"]
    done = subprocess.run([sys.executable, "-c", CODE, *command], capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    assert not HEAVY & set(modules)
    assert "onnxruntime" in modules
    assert "runtime onnx, device cpu" in done.stderr
    assert not (tmp_path / "numba").exists()
    assert Image.open(tmp_path / "out" / "cutout" / "photo.png").mode == "RGBA"


def test_a_pipe_gives_what_files_give(photo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", str(photo), "-o", str(tmp_path / "out"), "--device", "cpu"]) == 0
    for kind, options in (("cutout", []), ("alpha", ["--outputs", "alpha"])):
        done = aimkit("predict", "-", "--device", "cpu", *options, data=photo.read_bytes())
        assert done.returncode == 0, done.stderr
        assert done.stdout == (tmp_path / "out" / kind / "photo.png").read_bytes()
    assert not (tmp_path / "predictions").exists()


@pytest.mark.parametrize(
    ("words", "data", "told"),
    [
        (["-"], b"", "the standard input is empty"),
        (["-"], b"no picture", "standard input"),
        (["-", "--outputs", "alpha,cutout"], b"x", "only one output"),
        (["-", "b.jpg"], b"x", "must be the only photo"),
        (["-", "--resume"], b"x", "--resume needs files"),
        (["-", "--sheet", "s.png"], b"x", "--sheet needs files"),
    ],
)
def test_a_pipe_of_nothing_or_too_much_is_told(
    words: list[str], data: bytes, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Pipe(io.TextIOWrapper):
        def isatty(self) -> bool:
            return False

    monkeypatch.setattr("sys.stdin", Pipe(io.BytesIO(data)))
    assert run(["predict", *words]) in (1, 2)
    found = capsys.readouterr()
    assert told in " ".join(found.err.split())
    assert found.out == ""


def test_a_terminal_is_neither_read_nor_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert run(["predict", "-"]) == 2
    assert "no photo on the standard input" in capsys.readouterr().err


def test_imports_are_added_up_by_package() -> None:
    text = "import time: self [us] | cumulative | imported package\n"
    text += "import time:      1000 |       1000 |   a.b\nimport time:      2000 |       3000 | a\n"
    text += "import time:       500 |        500 | c\nsomething else\n"
    assert slowest_imports(text) == (("a", 0.003), ("c", 0.0005))


def test_bench_startup_times_whole_processes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "startup", "zoo*", "--repeats", "1", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["command"] == "zoo ls"
    assert row["wall"] > 0
    assert len(row["imports"]) == 5
    assert run(["bench", "startup", "nothing"]) == 2
    assert "no command matches 'nothing'" in capsys.readouterr().err
