"""The examples for clusters, run through bash as the scheduler would, on tiny settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from aimkit.cli import run

ROOT = Path(__file__).resolve().parents[2]
SMALL = "placement.height=32 placement.width=32 output.shard_size=1 count=4"


def shell(command: list[str], **variables: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "ARGS": SMALL, **variables}
    subprocess.run(command, env=environment, check=True, capture_output=True, text=True)


@pytest.fixture
def job() -> Any:
    return yaml.safe_load((ROOT / "docs" / "kubernetes.yaml").read_text())


def test_the_kubernetes_job_is_indexed_and_agrees_with_itself(job: Any) -> None:
    spec = job["spec"]
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    assert spec["completionMode"] == "Indexed"
    assert spec["template"]["spec"]["restartPolicy"] == "Never", "backoffLimitPerIndex asks for it"
    (container,) = spec["template"]["spec"]["containers"]
    variables = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert variables["PARTS"] == str(spec["completions"])
    assert run(["recipes", "show", variables["RECIPE"]]) == 0
    names = {volume["name"] for volume in spec["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == names


@pytest.mark.slow
def test_the_slurm_array_writes_the_dataset_of_one_run(tmp_path: Path) -> None:
    for task in ("1", "0"):
        shell(
            ["bash", str(ROOT / "docs" / "slurm.sh")],
            SLURM_ARRAY_TASK_ID=task,
            SLURM_ARRAY_TASK_COUNT="2",
            SLURM_CPUS_PER_TASK="1",
            OUT=str(tmp_path / "d"),
        )
    check(tmp_path)


@pytest.mark.slow
def test_the_kubernetes_job_writes_the_dataset_of_one_run(job: Any, tmp_path: Path) -> None:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    for index in ("1", "0"):
        shell(
            [*container["command"], *container["args"]],
            JOB_COMPLETION_INDEX=index,
            PARTS="2",
            CPUS="1",
            RECIPE="demo",
            OUT=str(tmp_path / "d"),
        )
    check(tmp_path)


@pytest.mark.slow
def test_tasks_with_folders_of_their_own_are_merged(tmp_path: Path) -> None:
    for task in ("0", "1"):
        shell(
            ["bash", str(ROOT / "docs" / "slurm.sh")],
            SLURM_ARRAY_TASK_ID=task,
            SLURM_ARRAY_TASK_COUNT="2",
            SLURM_CPUS_PER_TASK="1",
            OUT=str(tmp_path / "%a"),
        )
    assert run(["dataset", "merge", str(tmp_path / "0"), "-o", str(tmp_path / "d")]) == 1
    assert run(["dataset", "merge", str(tmp_path / "0"), str(tmp_path / "1"), "-o", str(tmp_path / "d")]) == 0
    check(tmp_path)


def check(folder: Path) -> None:
    """That ``d`` is what one run writes into ``whole``."""
    assert run(["synth", "demo", *SMALL.split(), "-o", str(folder / "whole"), "--workers", "0"]) == 0
    assert run(["dataset", "verify", str(folder / "d")]) == 0
    files = {path.relative_to(folder / "whole") for path in (folder / "whole").rglob("*") if path.is_file()}
    assert files == {path.relative_to(folder / "d") for path in (folder / "d").rglob("*") if path.is_file()}
    assert all((folder / "d" / name).read_bytes() == (folder / "whole" / name).read_bytes() for name in files)
