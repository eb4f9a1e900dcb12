"""The mean of the weights of several runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from aimkit.cli import run
from aimkit.errors import AimkitError
from aimkit.models.weights.declared import network_of, of
from aimkit.models.weights.loading import find
from aimkit.train import provenance
from aimkit.train.loop import train
from aimkit.train.mean import write_mean
from aimkit.train.recipe import TrainRecipe

Make = Callable[..., TrainRecipe]
SMALL = {"backbone": "mobilenetv3_small_050", "options": {"width": 8}}


@pytest.fixture
def runs(recipe: Make, tmp_path: Path) -> list[str]:
    """A run, and two that continue it: on as many samples, and the classes alone."""
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    train(recipe(steps=1, model=SMALL), first)
    train(recipe(steps=1, model={**SMALL, "init": str(first)}, seed=2), second)
    train(recipe(steps=2, model={**SMALL, "init": str(first)}, stage="semantic"), third)
    return [str(first), str(second), str(third)]


def test_the_mean_is_that_of_every_tensor(runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "average", *runs, "-o", str(tmp_path / "mean")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "mean/model.safetensors")
    states: list[Any] = [load_file(find(one)) for one in runs]
    found = load_file(tmp_path / "mean/model.safetensors")
    assert found.keys() == states[0].keys()
    for name, value in found.items():
        same = [state[name] for state in states]
        if value.is_floating_point():
            torch.testing.assert_close(value, sum(same) / 3, rtol=1e-5, atol=1e-6)
        else:
            assert torch.equal(value, same[0])
    assert not torch.equal(found["semantic.head.weight"], states[0]["semantic.head.weight"])


def test_the_mean_says_what_it_is_and_comes_from(runs: list[str], recipe: Make, tmp_path: Path) -> None:
    write_mean(runs[:2], tmp_path / "mean")
    write_mean(runs, tmp_path / "classes")
    told = of(tmp_path / "mean")
    assert told is not None
    assert (told.architecture, told.backbone, told.options["width"], told.stage) == (
        "aimnet",
        "mobilenetv3_small_050",
        8,
        "matting",
    )
    # Inference defaults that all of them share stay; here, none has any.
    assert told.predict == {}
    files = [find(one) for one in runs[:2]]
    for number, file in enumerate(files):
        with safe_open(file, "pt") as opened:
            about = dict(opened.metadata())
        save_file(load_file(file), tmp_path / f"{number}.safetensors", about | {"predict": '{"sharpness": 3.0}'})
    write_mean([str(tmp_path / f"{number}.safetensors") for number in range(2)], tmp_path / "sharp")
    sharp = of(tmp_path / "sharp")
    assert sharp is not None
    assert sharp.predict == {"sharpness": 3.0}
    # One of the three has trained its classes alone.
    assert network_of(tmp_path / "classes").semantic_only
    assert not network_of(tmp_path / "mean").semantic_only
    written = json.loads((tmp_path / "mean/data.json").read_text())
    assert written == json.loads((Path(runs[0]) / "data.json").read_text())
    # A run that continues it knows its data, too.
    assert provenance.history(recipe(model={**SMALL, "init": str(tmp_path / "mean")})) == written


def test_what_has_no_mean_is_refused(runs: list[str], recipe: Make, tmp_path: Path) -> None:
    train(recipe(steps=1, model={**SMALL, "options": {"width": 4}}), tmp_path / "narrow")
    other = tmp_path / "other"
    other.mkdir()
    (other / "model.safetensors").write_bytes(find(runs[1]).read_bytes())
    (other / "data.json").write_text(json.dumps({"start": "timm:mobilenetv3_small_050", "data": []}))
    for refs, what in (
        (runs[:1], "two or more"),
        ([runs[0], str(tmp_path / "narrow")], "different networks: aimnet on mobilenetv3_small_050, width 8 in"),
        ([runs[0], str(other)], "random weights, timm:mobilenetv3_small_050"),
        ([runs[0], str(tmp_path / "none")], "unknown zoo id or file"),
    ):
        with pytest.raises(AimkitError, match=what):
            write_mean(refs, tmp_path / "mean")
        assert not (tmp_path / "mean").exists()
    write_mean(runs[:2], tmp_path / "mean")
    with pytest.raises(AimkitError, match="has weights already"):
        write_mean(runs[1:], tmp_path / "mean")
