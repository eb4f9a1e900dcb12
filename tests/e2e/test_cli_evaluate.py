"""aimkit evaluate and aimkit evaluate compare, in process."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import aimkit
from aimkit.bench import metrics
from aimkit.cli import run
from aimkit.imageio import write_png
from aimkit.matting.trimap import trimap


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six photos of discs in AIM-500's layout, a good and a bad folder of predictions."""
    folder = tmp_path / "AIM"
    y, x = np.mgrid[:48, :64]
    names: dict[str, Any] = {}
    for number in range(6):
        alpha = (np.clip((16 - np.hypot(y - 24, x - 24 - 2 * number)) / 5 + 0.5, 0, 1) * 255).astype(np.uint8)
        name = f"o_{number}"
        write_png(folder / "original" / f"{name}.png", np.dstack([alpha, 255 - alpha, alpha]))
        write_png(folder / "mask" / f"{name}.png", alpha)
        write_png(folder / "trimap" / f"{name}.png", trimap(alpha, 10))
        for title, sigma in (("good", 1.0), ("bad", 4.0 + number)):
            write_png(tmp_path / title / f"{name}.png", np.asarray(cv2.GaussianBlur(alpha, (0, 0), sigma)))
        names[name] = {"type": ("SO", "STM", "NS")[number % 3], "category": ("toy", "plant")[number % 2]}
    (folder / "aim_category_type.json").write_text(json.dumps(names))
    return folder


@pytest.fixture
def predictor(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A predictor that blurs the red channel, and what it was made with."""
    made: list[dict[str, Any]] = []

    class Predictor:
        def __init__(self, model: Any, strategy: str = "hybrid", device: str = "auto", **options: Any) -> None:
            made.append({"model": model, "strategy": strategy, "device": device, **options})

        def __call__(self, image: np.ndarray) -> Any:
            return types.SimpleNamespace(alpha=cv2.GaussianBlur(image[..., 0], (0, 0), 2).astype(np.float32) / 255)

    monkeypatch.setattr("aimkit.predict.Predictor", Predictor)
    return made


def evaluate(root: Path, name: str, out: Path, *more: str) -> int:
    return run(["evaluate", "--predictions", str(root.parent / name), "--root", str(root), "-o", str(out), *more])


def test_predictions_give_the_table_and_the_files(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert evaluate(root, "good", tmp_path / "out") == 0
    shown = capsys.readouterr().out
    assert "type avg" in shown
    assert "AIM-500, 6 images; truth grey 0-255; from files (grey 0-255)" in shown
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "results.json",
        "results.md",
        "report.html",
        "run.json",
        "images.jsonl",
    }
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert len(results["images"]) == 6
    assert results["averages"]["types"]["STM"]["count"] == 2
    assert {"sad", "conn_transition"} <= set(results["averages"]["category_macro"])


def test_a_second_run_takes_what_is_known(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    evaluate(root, "good", tmp_path / "out")
    first = (tmp_path / "out" / "results.json").read_bytes()
    capsys.readouterr()
    assert evaluate(root, "good", tmp_path / "out") == 0
    assert "6 of 6 images are already done" in capsys.readouterr().err
    assert (tmp_path / "out" / "results.json").read_bytes() == first
    assert evaluate(root, "good", tmp_path / "out", "--fresh") == 0
    assert "already done" not in capsys.readouterr().err


def test_equal_runs_in_two_folders_write_equal_results(root: Path, tmp_path: Path) -> None:
    for out in ("a", "b"):
        assert evaluate(root, "bad", tmp_path / out, "--no-report") == 0
    for name in ("results.json", "results.md"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert str(tmp_path) not in (tmp_path / "a" / "results.json").read_text()


def test_what_a_killed_run_left_unfinished_is_removed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    left = tmp_path / "out" / ".results.json.999999999-0123abcd"
    left.write_text("{")
    assert evaluate(root, "good", tmp_path / "out", "--no-report") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "images.jsonl",
        "results.json",
        "results.md",
        "run.json",
    ]


def test_a_limit_first_does_not_change_a_baselines_averages(root: Path, tmp_path: Path) -> None:
    words = ["evaluate", "--root", str(root), "--baseline", "mean", "--no-report"]
    assert run([*words, "-o", str(tmp_path / "a"), "--limit", "2"]) == 0
    assert run([*words, "-o", str(tmp_path / "a")]) == 0
    assert run([*words, "-o", str(tmp_path / "b")]) == 0
    assert (tmp_path / "a" / "results.json").read_bytes() == (tmp_path / "b" / "results.json").read_bytes()


def test_a_skipped_image_is_told_and_strict_counts_it(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (root / "mask" / "o_1.png").write_bytes(b"nonsense")
    assert evaluate(root, "good", tmp_path / "out") == 0
    shown = capsys.readouterr()
    assert "1 of 6 images skipped" in shown.err
    assert "averages over 5 of 6 images, without o_1" in shown.out
    assert (tmp_path / "out" / "skipped.txt").read_text().startswith("o_1\t")
    assert evaluate(root, "good", tmp_path / "out", "--strict") == 3
    assert json.loads((tmp_path / "out" / "results.json").read_text())["skipped"] == ["o_1"]


def test_compare_says_which_is_clearly_better(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for name in ("good", "bad"):
        assert evaluate(root, name, tmp_path / name / "out", "--no-report", "--name", name) == 0
    capsys.readouterr()
    files = [str(tmp_path / name / "out" / "results.json") for name in ("good", "bad")]
    assert run(["evaluate", "compare", *files]) == 0
    shown = capsys.readouterr().out
    assert "compared with the first, good" in shown
    sad = next(line for line in shown.splitlines() if line.startswith("bad") and " SAD " in line)
    assert sad.split()[-1] == "worse"
    assert run(["evaluate", "compare", *files, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(row["low"] <= row["difference"] <= row["high"] for row in rows)


def test_compare_names_results_of_equal_models_by_their_folders(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    outs = [tmp_path / "before" / "out", tmp_path / "after" / "out"]
    for name, out in zip(("bad", "good"), outs, strict=True):
        assert evaluate(root, name, out, "--no-report", "--name", "aimnet") == 0
    capsys.readouterr()
    assert run(["evaluate", "compare", str(outs[0]), str(outs[1] / "results.json")]) == 0
    shown = capsys.readouterr().out
    assert "compared with the first, aimnet (before/out)" in shown
    assert shown.count("aimnet (after/out)") > 1


def test_compare_refuses_to_mix_protocols(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    evaluate(root, "good", tmp_path / "a", "--no-report")
    evaluate(root, "bad", tmp_path / "b", "--no-report", "metrics.grad=matlab")
    capsys.readouterr()
    files = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert run(["evaluate", "compare", *files]) == 2
    told = capsys.readouterr().err
    assert "grad: aim | matlab" in told
    assert "--mix-protocols" in told
    assert run(["evaluate", "compare", *files, "--mix-protocols"]) == 0


def test_a_network_is_measured_by_its_recipe(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture, predictor: list[dict[str, Any]]
) -> None:
    command = ["evaluate", "aim-parity", "--root", str(root), "--weights", "random", "--device", "cpu", "--json"]
    assert run([*command, "-o", str(tmp_path / "out")]) == 0
    shown = json.loads(capsys.readouterr().out)
    made = predictor[0]
    assert (made["strategy"], made["parity"], made["device"]) == ("hybrid", True, "cpu")
    assert made["detail_scale"] == pytest.approx(1 / 3)
    assert shown["protocol"]["prediction"] == "hybrid (detail_scale 0.3333, parity True, semantic_scale 0.25)"
    assert shown["protocol"]["conn"].startswith("parity")
    assert shown["model"]["backbone"] == "resnet34_mp"
    assert len(shown["model"]["weights_digest"]) == 64
    assert shown["averages"]["images"]["count"] == 6
    assert "alt='photo" in (tmp_path / "out" / "report.html").read_text()


def test_the_real_predictor_and_an_untrained_network_go_through(root: Path, tmp_path: Path) -> None:
    command = ["evaluate", "--root", str(root), "--weights", "random", "--device", "cpu", "--limit", "2"]
    assert run([*command, "-o", str(tmp_path / "out")]) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["protocol"]["prediction"] == "hybrid (detail_scale 0.5, semantic_scale 0.25)"
    assert results["averages"]["images"]["sad"] > 0


@pytest.mark.parametrize("option", [["strategy.options.scale=0.5"], ["--option", "scale=0.5"]])
def test_another_strategy_leaves_the_recipes_options_behind(
    root: Path, tmp_path: Path, predictor: list[dict[str, Any]], option: list[str]
) -> None:
    more = ["--strategy", "resize", "--limit", "2", "--no-report", *option]
    assert run(["evaluate", "--root", str(root), "--weights", "random", "-o", str(tmp_path / "o"), *more]) == 0
    assert predictor[0]["strategy"] == "resize"
    assert set(predictor[0]) == {"model", "strategy", "device", "precision", "foreground", "scale"}
    assert predictor[0]["scale"] == 0.5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--root", "ROOT"], "an evaluation needs weights"),
        ([], "needs its folder"),
        (["--data", "aim5000", "--root", "ROOT"], "did you mean 'aim500'"),
        (["--root", "ROOT", "--truth", "ROOT"], "--truth requires --predictions"),
        (["--predictions", "NOWHERE", "--root", "ROOT"], "folder not found"),
        (["--predictions", "ROOT", "--root", "ROOT", "--baseline", "zeros"], "exclude each other"),
        (["aim50"], "unknown recipe 'aim50'"),
        (["metrics.grad=x", "--root", "ROOT"], "metrics.grad"),
        (
            ["compare", "ROOT/aim_category_type.json", "ROOT/aim_category_type.json"],
            "does not hold the results of an evaluation",
        ),
    ],
)
def test_mistakes_are_told_in_one_error(
    root: Path, capsys: pytest.CaptureFixture, arguments: list[str], says: str
) -> None:
    assert run(["evaluate", *(text.replace("ROOT", str(root)) for text in arguments)]) == 2
    assert says in capsys.readouterr().err


def test_wrong_arguments_are_told_before_torch_is_imported(root: Path) -> None:
    """All in one process: what the first command imported, the later ones would find."""
    wrong = [
        ["--root", "NOWHERE", "--weights", "random"],
        ["--root", "ROOT", "--baseline", "zeroes"],
        ["--root", "ROOT", "--weights", "NOWHERE/model.pth"],
        ["--root", "ROOT", "--weights", "aimnett"],
        ["--predictions", "NOWHERE", "--truth", "ROOT"],
        ["--root", "ROOT", "--weights", "random", "--alpha-range", "0-254"],
    ]
    words = [["evaluate", *(text.replace("ROOT", str(root)) for text in arguments)] for arguments in wrong]
    loop = f"for words in {words!r}:\n    print(run(words), 'torch' in sys.modules)"
    code = f"import sys\nfrom aimkit.cli import run\n{loop}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["2 False"] * len(wrong), done.stderr
    assert done.stderr.count("error: ") == len(wrong)


def test_the_benchmark_prints_the_ratio(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock on which the metrics take 2 s, the oracle 6 s, and with its distance maps 10 s."""
    now = 0.0

    def taking(work: Any, seconds: Callable[[dict[str, Any]], float]) -> Any:
        def timed(*planes: Any, **options: Any) -> Any:
            nonlocal now
            now += seconds(options)
            return work(*planes, **options)

        return timed

    monkeypatch.setattr(metrics, "time", types.SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(metrics, "matting_metrics", taking(metrics.matting_metrics, lambda _: 2))
    monkeypatch.setattr(
        metrics, "oracle_metrics", taking(metrics.oracle_metrics, lambda options: 10 if options.get("distances") else 6)
    )
    assert run(["bench", "metrics", "--size", "160x120", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["ours"], found["reference_ratio"], found["oracle_ratio"]) == (2, 5, 3)
    assert found["difference"] < 1e-4


def test_compare_is_a_listed_subcommand(capsys: pytest.CaptureFixture) -> None:
    assert run(["evaluate", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "compare  Compare results with the first." in shown.split("Commands:")[1]
    assert run(["evaluate", "compare", "--help"]) == 0
    assert "evaluate compare [OPTIONS] A.json B.json..." in capsys.readouterr().out


def test_python_has_the_same_call(root: Path, tmp_path: Path) -> None:
    """The function returns what the command writes; without ``out`` it writes nothing."""
    assert evaluate(root, "good", tmp_path / "out", "--no-report") == 0
    before = sorted(tmp_path.rglob("*"))
    overrides = [f"data.root={json.dumps(str(root))}"]
    result = aimkit.evaluate.evaluate("aim500", overrides, predictions=root.parent / "good")
    assert sorted(tmp_path.rglob("*")) == before
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {key: written[key] for key in ("model", "protocol", "notes")} == {
        key: result[key] for key in ("model", "protocol", "notes")
    }
    assert [row["id"] for row in result["images"]] == [row["id"] for row in written["images"]]
    assert result["averages"]["images"] == written["averages"]["images"]
    recipe = aimkit.load_recipe("aim500", overrides, kind="evaluate")
    zeros = aimkit.evaluate.evaluate(recipe, baseline="zeros", name="nothing")
    assert zeros["model"] == {"title": "nothing", "name": "baseline zeros"}
    assert zeros["averages"]["images"]["sad"] > result["averages"]["images"]["sad"]


def test_submitted_results_are_a_row_of_the_board(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "rows.toml"
    assert evaluate(root, "good", tmp_path / "out", "--submit", str(file), "--name", "mine") == 0
    assert "board aim500: mine, not ranked" in capsys.readouterr().err
    assert run(["zoo", "board", "aim500", "--with", str(file), "--json"]) == 0
    below = {row["method"]: row["unranked"] for row in json.loads(capsys.readouterr().out)["below"]}
    assert below["mine"] == "not known: its training data are not stated"
