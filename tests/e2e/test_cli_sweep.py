from __future__ import annotations

import json
from pathlib import Path

import pytest

from aimkit.cli import run

TINY = [
    "steps=1",
    "batch=2",
    "validation.count=6",
    "data.transform.size=64",
    "validation.size=64",
]
NETWORKS = ["--vary", "model.name=aimnet,gfm,p3mnet"]


def test_dry_run_lists_the_runs_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "runs"
    assert run(["sweep", "compare", *TINY, "-o", str(out), *NETWORKS, "--seeds", "2", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        [f"{name}-seed{seed}", "0/1"] for seed in (1, 2) for name in ("aimnet", "gfm", "p3mnet")
    ]
    assert not out.exists()
    assert run(["sweep", "compare", "-o", str(out), "--vary", "model.name=aimnet,gmf"]) == 2
    assert "did you mean 'gfm'" in capsys.readouterr().err


@pytest.mark.slow
def test_one_command_trains_all_networks_and_prints_a_table_by_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["sweep", "compare", *TINY, "-o", str(tmp_path), *NETWORKS, "--seeds", "2"]
    assert run(command) == 0
    table = capsys.readouterr().out
    head, *rows = table.splitlines()
    assert head.split() == ["run", "seeds", "steps", "seconds", "MAD", "MAD", "SO", "MAD", "STM", "MAD", "NS"]
    assert [row.split()[:3] for row in rows] == [[f"model.name={n}", "2", "1"] for n in ("aimnet", "gfm", "p3mnet")]
    assert run(["runs", "compare", str(tmp_path), "--json"]) == 0
    for found, row in zip(json.loads(capsys.readouterr().out), rows, strict=True):
        assert found["run"] == row.split()[0]
        assert f"{found['mad']['mean']:.4f} +- {found['mad']['deviation']:.4f}" in row
    assert run(command) == 0
    again = capsys.readouterr()
    assert again.out == table
    assert again.err.count("already finished") == 6


@pytest.mark.slow
def test_a_failed_run_gives_exit_code_1_and_the_table_of_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = ["--vary", "optim.lr=1e30,1e-3", "steps=2", "optim.warmup=0", "guard=1e9"]
    assert run(["sweep", "compare", *TINY, "-o", str(tmp_path), *broken]) == 1
    told = capsys.readouterr()
    assert "1 of 2 runs failed" in told.err
    assert "lr1e30-seed1" in told.err
    assert "lr1e-3-seed1" in told.out
    assert "lr1e30" not in told.out
