"""Weights that are shipped: added from a run, half as large, and taken when none are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from aimkit import resources
from aimkit.cli import run
from aimkit.imageio import read_alpha, write_png
from aimkit.models.registry import create_model
from aimkit.predict import Predictor
from aimkit.zoo import fetch
from aimkit.zoo.manifest import default_entry, find

OPTIONS = {"width": 8, "fusion": "soft"}
ID = "aimnet_resnet10t.tiny"


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run as the trainer leaves it; nothing of one's own in the zoo, and no network."""
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIMKIT_ZOO", str(tmp_path / "own"))
    monkeypatch.setenv("AIMKIT_OFFLINE", "1")
    folder = tmp_path / "runs" / "tiny" / "checkpoints" / "best"
    folder.mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = create_model("aimnet", backbone="resnet10t", **OPTIONS).state_dict()
    # A variance that float16 would make 0.
    state["semantic.guide16.1.running_var"][:] = 1e-9
    told = {"architecture": "aimnet", "backbone": "resnet10t", "options": json.dumps(OPTIONS), "seed": "7"}
    save_file(
        state, folder / "model.safetensors", told | {"recipe": "ab" * 32, "init": "runs/first", "stage": "matting"}
    )
    (folder / "recipe.toml").write_text('kind = "train"\n')
    rows = [{"name": "emoji", "licence": "MIT", "images": 3}, {"name": "photos", "licence": "not stated"}]
    content = {"start": "tf_efficientnet_lite0.in1k", "data": rows}
    (tmp_path / "runs" / "tiny" / "data.json").write_text(json.dumps(content))
    return tmp_path / "runs" / "tiny"


@pytest.fixture
def shipped(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a package whose zoo has the run as its default."""
    packaged = tmp_path / "package" / "zoo"
    packaged.mkdir(parents=True)
    (packaged / "backbones.toml").write_text((resources.folder("zoo") / "backbones.toml").read_text())
    there = resources.folder
    monkeypatch.setattr(resources, "folder", lambda name: packaged if name == "zoo" else there(name))
    arguments = ["--half", "--default", "--licence", "MIT", "--to", str(packaged)]
    assert run(["zoo", "add", str(trained), "--id", ID, *arguments]) == 0
    return packaged


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    write_png(tmp_path / "photo.png", np.random.default_rng(0).integers(0, 256, (140, 150, 3), np.uint8))
    return tmp_path / "photo.png"


def test_an_entry_lists_the_data_of_all_stages_with_licences(shipped: Path) -> None:
    entry = find(ID)
    assert entry.file == shipped / f"{ID}.toml"
    assert (entry.seed, entry.init, entry.default) == (7, "tf_efficientnet_lite0.in1k", True)
    assert [(row.name, row.commercial) for row in entry.data] == [
        ("ImageNet", False),
        ("emoji", True),
        ("photos", None),
    ]
    assert (shipped / f"{ID}.recipe.toml").is_file()
    assert run(["zoo", "check"]) == 0


def test_half_of_the_bytes_give_a_float32_network(shipped: Path, trained: Path) -> None:
    stored = load_file(shipped / f"{ID}.safetensors")
    whole = load_file(trained / "checkpoints" / "best" / "model.safetensors")
    assert {t.dtype for t in stored.values() if t.ndim > 1} == {torch.float16}
    assert torch.equal(stored["semantic.guide16.1.running_var"], whole["semantic.guide16.1.running_var"])
    network: Any = Predictor.load().network.model
    for name, tensor in network.state_dict().items():
        assert tensor.dtype == whole[name].dtype
        torch.testing.assert_close(tensor, whole[name], atol=1e-3, rtol=1e-3)


def test_a_photo_is_predicted_without_naming_weights(
    shipped: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = ["--outputs", "alpha", "--device", "cpu", "--strategy", "whole"]
    assert run(["predict", str(photo), "-o", str(tmp_path / "a"), *quick]) == 0
    told = capsys.readouterr().err
    assert f"using the default weights {ID}" in told
    assert run(["predict", str(photo), "-o", str(tmp_path / "b"), *quick, "--weights", "default"]) == 0
    assert "using the default weights" not in capsys.readouterr().err
    alpha = read_alpha(tmp_path / "a" / "alpha" / "photo.png")
    assert np.array_equal(alpha, read_alpha(tmp_path / "b" / "alpha" / "photo.png"))
    with torch.no_grad():
        wanted = Predictor.load(ID, "whole", device="cpu")(photo).alpha
    assert np.abs(alpha - wanted).max() <= 0.5 / 255 + 1e-6
    # Another network than the default's has no weights.
    assert run(["predict", str(photo), "-o", str(tmp_path / "c"), "--backbone", "resnet18"]) == 2
    assert "no weights given for aimnet on resnet18" in capsys.readouterr().err


def test_a_photo_alone_is_enough(
    shipped: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["predict", photo.name]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "1 photo predicted; predictions"
    for kind in ("alpha", "cutout"):
        assert (tmp_path / "predictions" / kind / "photo.png").is_file()


def test_an_entry_of_ones_own_goes_before_the_packaged_default(shipped: Path, trained: Path, tmp_path: Path) -> None:
    assert fetch.pull(find(ID)).read_bytes() == (shipped / f"{ID}.safetensors").read_bytes()
    assert run(["zoo", "add", str(trained), "--id", f"{ID}2", "--default"]) == 0
    entry = default_entry()
    assert entry is not None
    assert (entry.id, entry.file) == (f"{ID}2", tmp_path / "own" / f"{ID}2.toml")
    assert run(["zoo", "add", str(trained), "--id", f"{ID}3", "--default"]) == 0
    assert run(["zoo", "show", "default"]) == 2


def test_without_a_default_the_word_is_no_id(trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(resources, "zoo_files", list)
    assert run(["zoo", "show", "default"]) == 2
    assert "this installation has no default weights" in capsys.readouterr().err


@pytest.mark.slow
def test_a_wheel_holds_weights_and_recipes_of_entries(tmp_path: Path) -> None:
    builder = pytest.importorskip("hatchling.builders.wheel")
    import shutil
    import zipfile

    root = Path(__file__).resolve().parents[2]
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(root / name, tmp_path / name)
    for name in ("recipes", "zoo"):
        shutil.copytree(root / name, tmp_path / name)
    (tmp_path / "aimkit").mkdir()
    shutil.copy(root / "aimkit" / "__init__.py", tmp_path / "aimkit")
    for name in ("x.safetensors", "x.recipe.toml"):
        (tmp_path / "zoo" / name).write_bytes(b"x")
    wheel = next(builder.WheelBuilder(str(tmp_path)).build(directory=str(tmp_path / "dist")))
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"aimkit/_data/zoo/{name}" for name in ("aimnet.toml", "x.safetensors", "x.recipe.toml")} <= names


def test_an_entry_gets_an_onnx_file_that_predicts_without_pytorch(
    shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    monkeypatch.setattr("aimkit.predict.runtime.has_gpu", lambda: False)
    photo = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    write_png(tmp_path / "photo.png", photo)
    assert run(["zoo", "onnx", "default"]) == 0
    entry = find(ID)
    assert entry.onnx is not None
    assert entry.onnx.bytes == (shipped / f"{ID}.onnx").stat().st_size
    assert entry.onnx.opset >= 17
    assert run(["zoo", "check"]) == 0
    mattes = {}
    for runtime in ("auto", "torch"):
        words = ["predict", str(tmp_path / "photo.png"), "--outputs", "alpha", "--bits", "16", "--runtime", runtime]
        capsys.readouterr()
        assert run(["-v", *words, "-o", str(tmp_path / runtime), "--device", "cpu"]) == 0
        assert f"runtime {'torch' if runtime == 'torch' else 'onnx'}, device cpu" in capsys.readouterr().err
        mattes[runtime] = read_alpha(tmp_path / runtime / "alpha" / "photo.png")
    assert np.abs(mattes["auto"] - mattes["torch"]).max() < 1e-4
