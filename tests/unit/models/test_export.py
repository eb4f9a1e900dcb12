"""Exported files give what the network gives, at other sizes than the traced one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from aimkit.errors import AimkitError
from aimkit.models import export as module
from aimkit.models.aimnet import AimNet
from aimkit.models.base import MattingModel
from aimkit.models.blocks import unpool
from aimkit.models.export import export


def test_unpooling_runs_in_onnxruntime(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")

    class PoolUnpool(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            pooled, indices = torch.nn.functional.max_pool2d(x, 3, 2, 1, return_indices=True)
            return unpool(pooled * torch.arange(pooled.shape[-1]), indices)

    auto = torch.export.Dim.AUTO
    shapes = ({0: auto, 2: auto, 3: auto},)
    program = torch.export.export(PoolUnpool(), (torch.zeros(2, 3, 8, 12),), dynamic_shapes=shapes)
    torch.onnx.export(program, dynamo=True, verbose=False).save(tmp_path / "unpool.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "unpool.onnx")
    x = torch.randn(1, 3, 16, 20).relu()
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    assert np.array_equal(found, PoolUnpool()(x).numpy())


def test_a_size_that_is_no_multiple_is_refused(tiny: type, tmp_path: Path) -> None:
    with pytest.raises(AimkitError, match="not a multiple of 32"):
        export(AimNet(tiny()), tmp_path / "net.pt2", "torch-export", (100, 64))


def test_missing_packages_are_told_with_the_cure(tiny: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = module.importlib.util.find_spec
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda n: None if n == "onnxscript" else find_spec(n))
    with pytest.raises(AimkitError, match="needs onnxscript") as caught:
        export(AimNet(tiny()), tmp_path / "net.onnx")
    assert "aimkit[export]" in caught.value.hint


def test_a_file_that_gives_other_values_is_not_kept(
    tiny: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "net.pt2"
    target.write_bytes(b"old")
    monkeypatch.setattr(module, "_trace", lambda wrapped, size: None)
    monkeypatch.setattr(torch.export, "save", lambda program, path: None)
    monkeypatch.setattr(module, "_load_program", lambda path: lambda image: [image, image])
    with pytest.raises(AimkitError, match="differs by"):
        export(AimNet(tiny(), representation="trimap"), target, "torch-export")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_fuses_otherwise_than_the_weights_is_refused(
    tiny: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    wrong = AimNet(tiny(), width=4).eval()
    right = AimNet(tiny(), width=4, fusion="soft").eval()
    right.load_state_dict(wrong.state_dict())

    def files_run(model: AimNet) -> None:
        monkeypatch.setattr(module, "_load_program", lambda path: lambda image: list(module.Predictions(model)(image)))

    monkeypatch.setattr(module, "_trace", lambda wrapped, size: None)
    monkeypatch.setattr(torch.export, "save", lambda program, path: path.write_bytes(b"new"))
    files_run(wrong)
    with pytest.raises(AimkitError, match="exported alpha differs"):
        export(wrong, tmp_path / "net.pt2", "torch-export", reference=right)
    assert not list(tmp_path.iterdir())
    # Argmax is compared too, where no rounding can decide.
    files_run(right)
    with pytest.raises(AimkitError, match="exported alpha differs"):
        export(right, tmp_path / "net.pt2", "torch-export", reference=wrong)
    assert export(right, tmp_path / "net.pt2", "torch-export", reference=right) == 0


@pytest.mark.slow
def test_torch_export_gives_the_same_at_another_size(tiny: type, tmp_path: Path) -> None:
    model = AimNet(tiny())
    assert export(model, tmp_path / "net.pt2", "torch-export") < 1e-5
    assert model.training, "the network's mode was changed"
    image = torch.randn(3, 3, 96, 64)
    with torch.no_grad():
        found = torch.export.load(tmp_path / "net.pt2").module()(image)
        wanted = model.eval()(image)
    assert torch.allclose(found[2], wanted.alpha, atol=1e-5)


@pytest.mark.slow
def test_the_exact_network_in_onnxruntime(
    paper: MattingModel, golden_image: torch.Tensor, golden: Path, tmp_path: Path
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "aimnet.onnx"
    assert export(paper, path) < 1e-4
    session = onnxruntime.InferenceSession(path)
    semantic, detail, _ = session.run(["semantic", "detail", "alpha"], {"image": golden_image.numpy()})
    wanted = {k: v / 65535 for k, v in np.load(golden / "aimnet" / "seed1.npz").items()}
    assert np.abs(semantic - wanted["semantic"]).max() < 1e-4
    assert np.abs(detail - wanted["detail"]).max() < 1e-4
    larger = np.random.default_rng(5).standard_normal((1, 3, 160, 224)).astype(np.float32)
    with torch.no_grad():
        reference = paper(torch.from_numpy(larger))
    found = session.run(["semantic", "detail"], {"image": larger})
    assert np.abs(found[0] - reference.semantic.numpy()).max() < 1e-4
    assert np.abs(found[1] - reference.detail.numpy()).max() < 1e-4
    properties = session.get_modelmeta().custom_metadata_map
    assert json.loads(properties["aimkit.preprocessing"])["size_multiple"] == 32
    assert list(session.get_inputs()[0].shape) == ["batch", 3, "height", "width"]
