"""`make demo-train`, as a reader types it: synth, train, evaluate, predict, and one page of it all."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: The trained network's MAD is below this share of the best trivial predictor's.
MARGIN = 0.8
SMALL = ["placement.height=64", "placement.width=64", "labels.kernel=3"]
TINY = {
    "DEMO_SYNTH": " ".join(["count=12", "output.shard_size=6", *SMALL]),
    "DEMO_HELD_OUT": " ".join(["count=9", *SMALL]),
    "DEMO_TRAIN": "steps=3 batch=2 data.transform.size=64 checkpoint_every=1 validation.every=3 validation.count=2",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("make") is None, reason="needs make"),
]


def demo(out: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `make demo-train` with this environment instead of one of its own, and without downloads."""
    ready = str(ROOT / "pyproject.toml")
    settings = {"OUT": str(out), "BIN": str(Path(sys.executable).parent), "READY": ready, **variables}
    command = ["make", "--no-print-directory", "demo-train", *(f"{name}={value}" for name, value in settings.items())]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def mads(out: Path) -> dict[str, dict[str, float]]:
    """MAD of every predictor over all images and by type."""
    found = {}
    for file in out.glob("evaluation/*/results.json"):
        means = json.loads(file.read_text())["averages"]
        groups = {"all": means["images"], **means["types"]}
        found[file.parent.name] = {name: group["mad"] for name, group in groups.items()}
    return found


def test_the_demo_goes_all_the_way_and_can_be_repeated(tmp_path: Path) -> None:
    first = demo(tmp_path / "demo", **TINY)
    assert first.returncode == 0, first.stderr[-3000:]
    page = (tmp_path / "demo/index.html").read_text()
    scores = mads(tmp_path / "demo")
    assert set(scores) == {"model", "zeros", "ones", "constant", "mean", "otsu"}
    for predictor in scores.values():
        assert f"<td>{predictor['all']:.4f}</td>" in page
    (verdict,) = [line for line in first.stdout.splitlines() if re.match(r"aimnet resnet10t: MAD ", line)]
    assert f"MAD {scores['model']['all']:.4f} on 9 images" in verdict
    assert verdict in page
    for link in re.findall(r"<a href='([^']+)'", page):
        assert (tmp_path / "demo" / link).is_file()
    assert page.count("<img") > 9
    again = demo(tmp_path / "demo", **TINY)
    assert again.returncode == 0, again.stderr[-3000:]
    assert mads(tmp_path / "demo") == scores


def test_an_interrupted_demo_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    assert demo(out, **TINY).returncode == 0
    whole = mads(out)
    # As if it had been killed in the third step.
    for path in ("run/checkpoints/step_00000003", "run/checkpoints/best", "evaluation"):
        shutil.rmtree(out / path)
    assert demo(out, **TINY).returncode == 0
    assert mads(out) == whole


@pytest.mark.parametrize("seed", [1])
def test_the_demo_beats_the_trivial_predictors_on_composites_that_it_never_saw(tmp_path: Path, seed: int) -> None:
    done = demo(tmp_path / "demo", DEMO_TRAIN=f"seed={seed}")
    assert done.returncode == 0, done.stderr[-3000:]
    scores = mads(tmp_path / "demo")
    ours = scores.pop("model")
    best = min(predictor["all"] for predictor in scores.values())
    assert ours["all"] < MARGIN * best
