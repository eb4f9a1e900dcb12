"""The commands synth, preview and dataset, as a person runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from aimkit.cli import run

RECIPE = """
kind = "synth"
count = 6
balance = { STM = 1, NS = 1 }

[[foregrounds]]
source = "procedural"
generators = ["net", "mesh"]

[[backgrounds]]
source = "procedural"
generators = ["gradient"]

[placement]
mode = "canvas"
height = 48
width = 64

[labels]
kernel = 5

[output]
shard_size = 2
planes = true
"""


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    file = tmp_path / "small.toml"
    file.write_text(RECIPE)
    return str(file)


def test_a_dataset_is_written_checked_shown_and_compared(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    assert run(["synth", recipe, "-o", a, "--workers", "0"]) == 0
    assert capsys.readouterr().out == f"{a}\n"
    assert run(["synth", recipe, "-o", b, "-n", "4", "--format", "webdataset", "--workers", "1", "seed=2"]) == 0

    for path in (a, b):
        assert run(["dataset", "verify", path]) == 0
    assert "ok: 6 samples in 3 shards" in capsys.readouterr().out

    assert run(["dataset", "info", b, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["samples"], told["format"], told["complete"]) == (4, "webdataset", True)
    assert run(["dataset", "info", a]) == 0
    assert "procedural" in capsys.readouterr().out

    plot, sheet = tmp_path / "plot.png", tmp_path / "sheet.png"
    assert run(["dataset", "stats", a, "--plot", str(plot)]) == 0
    assert "transition width" in capsys.readouterr().out
    assert run(["dataset", "sheet", a, "-o", str(sheet), "-n", "1"]) == 0
    assert cv2.imread(str(plot)) is not None
    assert cv2.imread(str(sheet)) is not None

    capsys.readouterr()
    assert run(["dataset", "diff", a, a]) == 0
    assert run(["dataset", "diff", a, b]) == 1
    assert "only in A: 2 samples (4-5)" in capsys.readouterr().out


def test_parts_and_resume(recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "d")
    assert run(["synth", recipe, "-o", out, "--workers", "0", "--shards", "0/2"]) == 0
    assert "1 shards are missing" in capsys.readouterr().err
    assert run(["synth", recipe, "-o", out, "--workers", "0"]) == 2
    assert "--resume" in capsys.readouterr().err
    assert run(["synth", recipe, "-o", out, "--workers", "0", "--resume", "seed=7"]) == 2
    assert "seed: 0 in the dataset, 7 now" in capsys.readouterr().err
    assert run(["synth", recipe, "-o", out, "--workers", "0", "--resume"]) == 0
    assert run(["dataset", "verify", out]) == 0


def test_verify_exits_1_and_prints_a_line_a_problem(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "d"
    run(["synth", recipe, "-o", str(out), "--workers", "0"])
    (out / "usr" / "000003.png").unlink()
    capsys.readouterr()
    assert run(["dataset", "verify", str(out)]) == 1
    said = capsys.readouterr()
    assert "usr/000003.png: missing" in said.out.splitlines()
    assert "hint:" in said.err


def test_preview_draws_a_recipe(recipe: str, tmp_path: Path) -> None:
    picture = tmp_path / "p.png"
    assert run(["preview", recipe, "-o", str(picture), "-n", "1", "seed=3"]) == 0
    assert cv2.imread(str(picture)).shape[1] > 900


def test_preview_draws_generators(tmp_path: Path) -> None:
    picture = tmp_path / "g.png"
    assert run(["preview", "-o", str(picture), "--generators", "mesh"]) == 0
    assert cv2.imread(str(picture)) is not None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["synth", "RECIPE"], "--out"),
        (["synth", "RECIPE", "-o", "OUT", "--shards", "2/2"], "0 <= I < N"),
        (["synth", "RECIPE", "-o", "OUT", "--shards", "half"], "I/N"),
        (["synth", "RECIPE", "-o", "OUT", "--format", "zip"], "webdataset"),
        (["synth", "RECIPE", "-o", "OUT", "-n", "0"], "0"),
        (["synth", "RECIPE", "-o", "OUT", "--workers", "-1"], "-1"),
        (["synth", "RECIPE", "-o", "OUT", "placement.hight=3"], "height"),
        (["synth", "RECIPE", "-o", "RECIPE"], "the output is a file"),
        (["synth", "nothing", "-o", "OUT"], "unknown recipe"),
        (["preview"], "RECIPE or --generators"),
        (["preview", "RECIPE", "-o", "x.gif"], ".png"),
        (["preview", "-o", "OUT.png", "--generators", "smokee"], "smoke"),
        (["dataset", "verify", "OUT"], "not a dataset"),
        (["dataset", "info", "OUT"], "not a dataset"),
        (["dataset", "sheet", "OUT", "-o", "x.jpg"], ".png"),
        (["dataset", "diff", "OUT"], "'B'"),
    ],
)
def test_wrong_input_is_one_clear_error(
    arguments: list[str], said: str, recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word.replace("RECIPE", recipe).replace("OUT", str(tmp_path / "out")) for word in arguments]
    assert run(words) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert said in errors
    assert "Traceback" not in errors


def test_an_interrupted_run_prints_the_command_that_continues_it(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from aimkit.synth import workers

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(workers, "write_shard", interrupted)
    monkeypatch.setattr(sys, "argv", ["/bin/aimkit", "synth", recipe, "-o", "my data", "--workers", "1", "seed=3"])
    monkeypatch.chdir(tmp_path)
    assert run(["synth", recipe, "-o", "my data", "--workers", "1", "seed=3"]) == 130
    assert f"aimkit synth {recipe} -o 'my data' --workers 1 seed=3 --resume" in capsys.readouterr().err


def test_help_of_these_commands_loads_nothing_heavy() -> None:
    code = (
        "import sys; from aimkit.cli import run\n"
        "for words in (['synth', '--help'], ['preview', '--help'], ['dataset', 'verify', '--help']): run(words)\n"
        "print([name for name in ('torch', 'timm', 'cv2', 'datasets', 'pyarrow') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_preview_draws_a_wall_of_all_generators(tmp_path: Path) -> None:
    from aimkit.generators import background_generators, generators

    target = tmp_path / "wall.png"
    assert run(["preview", "--generators", "--wall", "-o", str(target)]) == 0
    count = len(generators.list()) + len(background_generators.list())
    height = cv2.imread(str(target)).shape[0]
    assert height == 6 + -(-count // 8) * (120 + 18 + 6)
