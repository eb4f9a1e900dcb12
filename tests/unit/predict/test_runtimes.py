"""The runtimes give the same mattes, and ``auto`` takes the one that starts at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aimkit.errors import AimkitError
from aimkit.models.aimnet import AimNet
from aimkit.models.export import export
from aimkit.predict import Predictor, strategies
from aimkit.predict.collect import PhotoJob
from aimkit.predict.files import predict_files
from aimkit.predict.output import CompositeStyle
from aimkit.predict.runtime import choose_file
from aimkit.predict.runtime import has_gpu as has_gpu_here
from aimkit.predict.runtime import onnx as module
from aimkit.predict.runtime.onnx import OnnxNetwork, choose_providers
from aimkit.predict.runtime.torch import TorchNetwork
from aimkit.zoo.manifest import default_entry
from aimkit.zoo.onnx_file import onnx_path

pytest.importorskip("onnxruntime")
ALL = ("hybrid", "refined", "resize", "tiled", "whole")


@pytest.fixture(scope="module")
def shipped() -> tuple[OnnxNetwork, Any]:
    """The shipped network in both runtimes."""
    entry = default_entry()
    assert entry is not None
    file = onnx_path(entry)
    assert file is not None
    return OnnxNetwork(file, device="cpu"), Predictor.load(runtime="torch", device="cpu").network.model


@pytest.mark.parametrize("name", ALL)
def test_every_strategy_gives_the_same_on_both_runtimes(name: str, shipped: Any) -> None:
    onnx, model = shipped
    # A ball in front of a wall, which has fuzzy borders.
    y, x = np.mgrid[:150, :205]
    ball = np.clip((55 - np.hypot(y - 80, x - 100)) / 6, 0, 1)[..., None]
    lit = np.array([230, 110, 30]) * (0.6 + 0.4 * (1 - y / 150))[..., None]
    noise = np.random.default_rng(0).integers(-8, 9, (150, 205, 3))
    photos = np.clip(lit * ball + 170 * (1 - ball) + noise, 0, 255).astype(np.uint8)[None]
    tiles = {"tile": 64, "overlap": 16, "detail_scale": 1} if name == "tiled" else {}
    tiles |= {"window": 64, "overlap": 16} if name == "refined" else {}
    for flip, sharpness, bias, flat in ((False, 1, 0, 0), (False, 3, 1, 0), (True, 3, 0, -2)):
        strategy = strategies.create(name, {"sharpness": sharpness, "unknown_bias": bias, "flat_bias": flat, **tiles})
        onnx.flip = flip
        found = strategies.apply(strategy, onnx, photos)
        wanted = strategies.apply(strategy, TorchNetwork(model, flip=flip), photos)
        assert np.abs(found.alpha - wanted.alpha).max() < 1e-4
        assert np.abs(found.detail - wanted.detail).max() < 1e-4
        assert (found.semantic != wanted.semantic).mean() < 1e-3
        assert 0.001 < wanted.alpha.mean() < 0.999, "the photo decides nothing"


@pytest.mark.parametrize("size", [(1, 1), (3, 70), (33, 65)])
def test_every_size_gives_the_same_on_both_runtimes(size: tuple[int, int], shipped: Any) -> None:
    onnx, model = shipped
    onnx.flip = False
    photos = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
    strategy = strategies.create("whole", {})
    found, wanted = (strategies.apply(strategy, network, photos) for network in (onnx, TorchNetwork(model)))
    assert np.abs(found.alpha - wanted.alpha).max() < 1e-4


@pytest.fixture
def exported(tiny_net: AimNet, tmp_path: Path) -> Path:
    """A network that decides by argmax, as an ONNX file."""
    pytest.importorskip("onnxscript")
    export(tiny_net, tmp_path / "tiny.onnx")
    return tmp_path / "tiny.onnx"


def test_a_network_that_decides_by_argmax_gives_the_same(
    exported: Path, tiny_net: AimNet, smooth_photo: np.ndarray
) -> None:
    predictor = Predictor.load(exported)
    assert predictor.network.runtime == "onnx"
    found, wanted = predictor(smooth_photo), Predictor(tiny_net, device="cpu")(smooth_photo)
    # Where two classes are equally likely, rounding decides.
    assert (np.abs(found.alpha - wanted.alpha) > 1e-4).mean() < 1e-3
    assert np.abs(found.detail - wanted.detail).max() < 1e-4
    assert (found.semantic != wanted.semantic).mean() < 1e-3
    with pytest.raises(AimkitError, match="fusion of the network is not soft"):
        Predictor.load(exported, sharpness=3)


def test_auto_takes_onnx_only_where_nothing_needs_pytorch(monkeypatch: pytest.MonkeyPatch, exported: Path) -> None:
    monkeypatch.setattr("aimkit.predict.runtime.has_gpu", lambda: False)
    file = choose_file("auto", "default", "auto", [])
    assert file is not None
    assert file.suffix == ".onnx"
    assert choose_file("auto", "default", "cpu", []) == file
    assert choose_file("auto", "default", "cuda", []) is None
    assert choose_file("auto", "default", "cpu", ["compile"]) is None
    assert choose_file("torch", "default", "cpu", []) is None
    assert choose_file("auto", exported, "auto", []) == exported
    monkeypatch.setattr("aimkit.predict.runtime.has_gpu", lambda: True)
    assert choose_file("auto", "default", "auto", []) is None
    monkeypatch.setattr("aimkit.predict.runtime.installed", lambda: False)
    assert choose_file("auto", "default", "cpu", []) is None


def test_a_gpu_is_seen_without_pytorch() -> None:
    if has_gpu_here():
        assert torch.cuda.is_available() or torch.backends.mps.is_available()
    else:
        assert not torch.cuda.is_available()


@pytest.mark.parametrize(
    ("runtime", "weights", "only", "message"),
    [
        ("onyx", "default", [], "did you mean 'onnx'|unknown runtime 'onyx'"),
        ("onnx", "default", ["compile"], "the runtime onnx has no compile"),
        ("onnx", "nothere.pth", [], "no ONNX file"),
        ("onnx", "aimnet_resnet34_mp.matting", [], "no ONNX file"),
    ],
)
def test_what_a_runtime_can_not_do_is_told(runtime: str, weights: str, only: list[str], message: str) -> None:
    with pytest.raises(AimkitError, match=message):
        choose_file(runtime, weights, "cpu", only)


def test_pytorch_refuses_an_onnx_file_and_a_foreign_one_is_told(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(AimkitError, match="PyTorch can't run an ONNX file"):
        choose_file("torch", exported, "cpu", [])
    import onnx

    model = onnx.load(exported)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(AimkitError, match="does not describe its network"):
        OnnxNetwork(tmp_path / "foreign.onnx")
    (tmp_path / "torn.onnx").write_bytes(exported.read_bytes()[:900])
    with pytest.raises(AimkitError, match="ONNX Runtime can't load the file"):
        OnnxNetwork(tmp_path / "torn.onnx")


def test_providers_follow_the_device() -> None:
    cpu, cuda = "CPUExecutionProvider", "CUDAExecutionProvider"
    assert choose_providers("auto", [cpu]) == [cpu]
    assert choose_providers("auto", ["DmlExecutionProvider", cpu]) == ["DmlExecutionProvider", cpu]
    assert choose_providers("cuda:1", [cuda, cpu]) == [(cuda, {"device_id": "1"}), cpu]
    assert choose_providers("cpu", [cuda, cpu]) == [cpu]
    with pytest.raises(AimkitError, match="has no CUDAExecutionProvider"):
        choose_providers("cuda", [cpu])
    with pytest.raises(AimkitError, match="can't use the device 'quantum'"):
        choose_providers("quantum", [cpu])


def test_a_missing_onnxruntime_is_told_with_the_cure(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AimkitError, match="needs the package onnxruntime"):
        OnnxNetwork(exported)


def test_the_weights_of_a_referring_file_are_those_of_the_safetensors_file(
    tiny_net: AimNet, smooth_photo: np.ndarray, tmp_path: Path
) -> None:
    pytest.importorskip("onnxscript")
    from aimkit.publish.convert import save

    weights = tmp_path / "net.safetensors"
    save(tiny_net.state_dict(), weights, {}, half=True)
    from safetensors.torch import load_file

    tiny_net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(weights).items()})
    export(tiny_net, tmp_path / "alone.onnx")
    export(tiny_net, tmp_path / "net.onnx", weights=weights)
    alone, refers = ((tmp_path / f"{name}.onnx").stat().st_size for name in ("alone", "net"))
    stored = sum(p.numel() for p in tiny_net.parameters() if p.ndim > 1) * 4
    assert alone - refers > 0.9 * stored
    found, wanted = (Predictor.load(tmp_path / f"{name}.onnx")(smooth_photo) for name in ("net", "alone"))
    assert np.array_equal(found.alpha, wanted.alpha)
    # Zeros in place of the weights: the file really reads them.
    data = bytearray(weights.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    weights.write_bytes(data[:start] + bytes(len(data) - start))
    assert not np.allclose(Predictor.load(tmp_path / "net.onnx")(smooth_photo).detail, wanted.detail, atol=0.01)


def test_a_changed_onnx_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aimkit.publish.check import check
    from aimkit.zoo.manifest import find

    entry = default_entry()
    assert entry is not None
    assert entry.file is not None
    for suffix in (".safetensors", ".onnx", ".toml", ".recipe.toml"):
        shutil.copy(entry.file.parent / f"{entry.id}{suffix}", tmp_path)
    monkeypatch.setattr("aimkit.zoo.manifest.manifest_files", lambda: [tmp_path / f"{entry.id}.toml"])
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "cache"))
    own = find(entry.id)
    assert onnx_path(own) == tmp_path / f"{entry.id}.onnx"
    assert not [problem for problem in check([own]) if problem.where.endswith(", onnx")]
    data = bytearray((tmp_path / f"{entry.id}.onnx").read_bytes())
    data[1000] ^= 1
    (tmp_path / f"{entry.id}.onnx").write_bytes(data)
    with pytest.raises(AimkitError, match="not the published one"):
        onnx_path(own)
    assert [problem.what for problem in check([own]) if problem.where.endswith(", onnx")]


def test_photos_in_several_threads_are_those_one_by_one_in_order(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    jobs = []
    for number in range(7):
        path = tmp_path / f"{number}.png"
        if number == 3:
            path.write_bytes(b"no picture")
        else:
            Image.fromarray(rng.integers(0, 256, (40 + 30 * (7 - number), 60, 3), np.uint8)).save(path)
        jobs.append(PhotoJob(path, path.stem))
    monkeypatch.setattr("aimkit.predict.predictor.cores", lambda: 3)
    style = CompositeStyle(8, None)
    many = Predictor.load(exported, many=True)
    assert many.network.parallel == 3
    for folder, predictor in (("many", many), ("one", Predictor.load(exported))):
        skips = predict_files(jobs, predictor, tmp_path / folder, ["alpha", "cutout"], style)
        assert [row.name for row in skips.rows] == [str(jobs[3].path)]
        lines = (tmp_path / folder / "photos.jsonl").read_text().splitlines()
        assert [json.loads(line)["name"] for line in lines] == ["0", "1", "2", "4", "5", "6"]
    for kind in ("alpha", "cutout"):
        for file in (tmp_path / "one" / kind).iterdir():
            assert (tmp_path / "many" / kind / file.name).read_bytes() == file.read_bytes()


def test_an_output_that_can_not_be_written_stops_all(exported: Path, tmp_path: Path) -> None:
    from PIL import Image

    for number in range(9):
        Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / f"{number}.png")
    jobs = [PhotoJob(tmp_path / f"{number}.png", str(number)) for number in range(9)]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "alpha").write_text("a file in the way")
    with pytest.raises(AimkitError, match="can't write"):
        predict_files(jobs, Predictor.load(exported), tmp_path / "out", ["alpha"], CompositeStyle(8, None))
