"""aimkit models and aimkit export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aimkit.cli import run


def test_networks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "ls"]) == 0
    assert "aimnet" in capsys.readouterr().out
    assert run(["models", "ls", "aim*", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "aimnet"


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


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "torch-export"])
def test_a_network_is_exported(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "net.bin"
    assert run(["export", "--backbone", "test_resnet", "--to", form, "-o", str(file)]) == 0
    assert file.stat().st_size > 1e6
    assert "multiples of 32" in capsys.readouterr().err
