"""The check of a GPU, tried on the CPU: that its parts run, judge, and end in time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
import torch
from accelerate import Accelerator

from aimkit.bench.gpu.report import SMALL, Figure, GpuCheck, run_parts
from aimkit.cli import run

TINY = ["bench", "gpu", "--device", "cpu", "--small"]


def test_without_a_gpu_the_error_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run(["bench", "gpu"]) == 1
    assert "no GPU was found" in capsys.readouterr().err


def test_the_check_reports_figures_beside_estimates_and_the_device(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = [word for part in ("three", "single", "upsampling", "rivals") for word in ("--only", part)]
    assert run([*TINY, *chosen, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    figures = {figure["name"]: figure for figure in report["figures"]}
    assert "torch" in report["card"]
    assert "failed" not in figures
    assert figures["losses, relative difference"]["right"] is True
    assert figures["factor 16, bf16"]["right"] is True
    assert figures["unpool"]["value"] > 0
    assert figures["laplacian by convolutions"]["estimate"] < figures["laplacian by shifted views"]["estimate"]


@pytest.mark.slow
def test_every_part_of_the_check_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*TINY, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert [figure["note"] for figure in figures if figure["value"] is None] == []
    assert len({figure["part"] for figure in figures}) == 8


def test_a_part_that_fails_or_comes_too_late_says_so_and_the_others_run() -> None:
    def works(check: GpuCheck) -> Iterator[Figure]:
        yield Figure("first", "time", 1.0, "ms")

    def fails(check: GpuCheck) -> Iterator[Figure]:
        yield Figure("second", "time", 1.0, "ms")
        raise RuntimeError("no kernel image is available")

    def slow(check: GpuCheck) -> Iterator[Figure]:
        check.begin -= 100
        yield Figure("third", "one", 1.0, "ms")
        yield Figure("third", "two", 1.0, "ms")

    check = GpuCheck(torch.device("cpu"), SMALL, 60.0)
    parts = [("second", fails), ("first", works), ("third", slow), ("fourth", works)]
    found = [(figure.part, figure.name, figure.right) for figure in run_parts(check, parts, lambda text: None)]
    assert found == [
        ("second", "time", None),
        ("second", "failed", False),
        ("first", "time", None),
        ("third", "one", None),
        ("fourth", "not begun", None),
    ]


def test_runs_train_on_the_given_device(monkeypatch: pytest.MonkeyPatch) -> None:
    # As if there was a GPU, which accelerate would take.
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    found = []
    for name in ("cuda:1", "cpu"):
        with GpuCheck(torch.device(name), SMALL, 60.0).training():
            found.append(str(Accelerator(cpu=not torch.accelerator.is_available()).device))
    assert found == ["cuda:1", "cpu"]
    assert "ACCELERATE_TORCH_DEVICE" not in os.environ


def test_a_wrong_result_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from aimkit.bench.gpu import right

    monkeypatch.setattr(right, "unpool", lambda values, indices: torch.rand(values.shape[0], 4, 32, 32))
    assert run([*TINY, "--only", "single"]) == 1
    assert "unpool" in capsys.readouterr().err
