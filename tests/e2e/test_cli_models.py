"""aimkit models and aimkit export."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from aimkit.cli import run


@pytest.fixture
def soft_weights(tmp_path: Path) -> Path:
    """Weights that say fusion="soft", a width and inference defaults."""
    import torch
    from safetensors.torch import save_file

    from aimkit.models.registry import create_model

    options = {"width": 8, "fusion": "soft"}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = create_model("aimnet", backbone="test_resnet", **options)
    told = {"architecture": "aimnet", "backbone": "test_resnet", "options": json.dumps(options)}
    path = tmp_path / "soft.safetensors"
    save_file(network.state_dict(), path, {**told, "predict": '{"strategy": "whole", "sharpness": 2.0}'})
    return path


@pytest.fixture
def counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that show the same network count its cost once."""
    from aimkit.models import summary

    monkeypatch.setattr(summary, "summarise", cache(summary.summarise))


def test_networks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "ls"]) == 0
    assert "aimnet" in capsys.readouterr().out
    assert run(["models", "ls", "aim*", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "aimnet"


@pytest.mark.usefixtures("counted_once")
def test_a_network_is_shown_with_its_cost(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "show", "aimnet", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert sum(shown["parameters"].values()) == 54_785_191
    assert shown["outputs"]["semantic"] == [1, 3, 512, 512]
    small, large = shown["costs"]
    assert small["size"] == [512, 512]
    # Pyramid pooling and squeeze-and-excitation do the same work at any size; all the rest grows with the area.
    assert large["macs"] / small["macs"] == pytest.approx(4, rel=0.01)
    assert large["activations"] / small["activations"] == pytest.approx(4, rel=0.01)
    assert run(["models", "show", "aimnet"]) == 0
    assert "54,785,191" in capsys.readouterr().out


def test_unknown_names_and_sizes_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "show", "aimnt"]) == 2
    assert "'aimnet'" in capsys.readouterr().err
    assert run(["export", "--size", "12", "-o", str(tmp_path / "a.onnx")]) == 2
    assert "HxW" in capsys.readouterr().err


@pytest.mark.usefixtures("counted_once")
def test_the_network_of_weights_is_shown(soft_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "show", "--weights", str(soft_weights), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["name"], shown["backbone"]) == ("aimnet", "test_resnet")
    assert shown["options"] == {"width": 8, "fusion": "soft"}
    assert shown["inference"] == "whole (sharpness 2.0)"
    assert run(["models", "show", "aimnet", "--backbone", "test_resnet", "--json"]) == 0
    wide = json.loads(capsys.readouterr().out)
    assert sum(shown["parameters"].values()) < sum(wide["parameters"].values())
    assert run(["models", "show", "--weights", str(soft_weights)]) == 0
    assert "fusion soft; inference: whole (sharpness 2.0)" in capsys.readouterr().out
    assert run(["models", "show"]) == 2
    assert "missing argument NAME" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["export", "models show", "predict", "evaluate"])
def test_another_backbone_than_the_weights_own_is_told(
    command: str, soft_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from aimkit.imageio import write_png

    photo, matte = tmp_path / "data" / "original" / "a.png", tmp_path / "data" / "mask" / "a.png"
    write_png(photo, np.zeros((40, 40, 3), np.uint8))
    write_png(matte, np.tile(np.arange(40, dtype=np.uint8) * 6, (40, 1)))
    arguments = {
        "export": ["-o", str(tmp_path / "net.pt2"), "--to", "torch-export"],
        "models show": [],
        "predict": [str(photo), "-o", str(tmp_path / "out")],
        "evaluate": ["--data", "folder", "--root", str(tmp_path / "data"), "-o", str(tmp_path / "out")],
    }[command]
    wrong = ["--weights", str(soft_weights), "--backbone", "resnet10t"]
    assert run([*command.split(), *arguments, *wrong]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "these weights are of aimnet on test_resnet: leave out --backbone" in told


@pytest.mark.parametrize("form", ["onnx", pytest.param("torch-export", marks=pytest.mark.slow)])
def test_weights_are_exported_with_their_own_fusion(
    form: str, soft_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    from aimkit.predict.predictor import load_network

    file = tmp_path / ("net.onnx" if form == "onnx" else "net.pt2")
    given = ["export", "--weights", str(soft_weights), "--to", form, "--size", "64x64", "-o", str(file)]
    assert run(given) == 0, capsys.readouterr().err
    image = np.random.default_rng(4).standard_normal((2, 3, 64, 64)).astype(np.float32)
    with torch.no_grad():
        wanted = load_network(soft_weights).eval()(torch.from_numpy(image)).alpha.numpy()
        if form == "onnx":
            import onnxruntime

            session = onnxruntime.InferenceSession(file)
            alpha = session.run(["alpha"], {session.get_inputs()[0].name: image})[0]
        else:
            alpha = torch.export.load(file).module()(torch.from_numpy(image))[2].numpy()
    assert np.allclose(alpha, wanted, atol=1e-4)
    # The likeliest class alone would give mattes without values between.
    assert 0.05 < float(np.median(wanted)) < 0.95


@pytest.mark.slow
def test_the_shipped_network_is_exported_as_it_predicts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    from aimkit.predict.predictor import load_network

    file = tmp_path / "net.pt2"
    # Fixed, since tracing its backbone with dynamic sizes takes many minutes.
    size = ["--size", "128x160"]
    assert run(["export", "--weights", "default", "--to", "torch-export", *size, "-o", str(file)]) == 0
    image = torch.from_numpy(np.random.default_rng(4).standard_normal((1, 3, 128, 160)).astype(np.float32))
    with torch.no_grad():
        wanted = load_network("default").eval()(image).alpha
        alpha = torch.export.load(file).module()(image)[2]
    assert float((alpha - wanted).abs().max()) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "torch-export"])
def test_a_network_is_exported(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "net.bin"
    assert run(["export", "--backbone", "test_resnet", "--to", form, "-o", str(file)]) == 0
    assert file.stat().st_size > 1e6
    assert "multiples of 32" in capsys.readouterr().err
