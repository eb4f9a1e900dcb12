"""What every registered network must do, on a backbone with pooling indices and on one of timm's without."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from aimkit.models.backbones.contract import MattingOutput, check_backbone
from aimkit.models.base import MattingModel
from aimkit.models.registry import create_backbone, create_model, list_models

SIZES = [(64, 64), (96, 160), (101, 67)]
BACKBONES = ["resnet34_mp", "test_resnet"]
EVERY = [(name, backbone) for name in list_models() for backbone in BACKBONES]

every = pytest.mark.parametrize(("name", "backbone"), EVERY)


@cache
def built(name: str, backbone: str) -> MattingModel:
    """One network for all tests; none of them changes its weights."""
    torch.manual_seed(0)
    return create_model(name, backbone=backbone)


def image(size: tuple[int, int], batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, 3, *size, generator=torch.Generator().manual_seed(1))


def total(output: MattingOutput) -> torch.Tensor:
    maps = [value for value in output[:5] if isinstance(value, torch.Tensor)] + list(output.extra.values())
    return torch.stack([value.float().mean() for value in maps]).sum()


@pytest.mark.parametrize("backbone", BACKBONES)
def test_backbones_keep_their_contract(backbone: str) -> None:
    check_backbone(create_backbone(backbone))


@every
@pytest.mark.parametrize("size", SIZES)
def test_outputs_have_the_size_of_the_image_and_lie_in_range(name: str, backbone: str, size: tuple[int, int]) -> None:
    model = built(name, backbone).eval()
    with torch.no_grad():
        output = model(image(size))
        again = model(image(size))
    for value in (output.detail, output.alpha):
        assert value.shape == (1, 1, *size)
    assert output.semantic.shape[-2:] == size
    for value, same in zip(output[:3], again[:3], strict=True):
        assert value.dtype == torch.float32
        assert value.min() >= 0
        assert value.max() <= 1
        assert torch.equal(value, same), "evaluation is not deterministic"
    assert all(value.shape[-2:] == size for value in output.extra.values())


@every
def test_every_parameter_gets_a_gradient(name: str, backbone: str) -> None:
    model = built(name, backbone).train()
    model.zero_grad(set_to_none=True)
    total(model(image((64, 64), batch=2))).backward()
    idle = [key for key, parameter in model.named_parameters() if parameter.grad is None]
    model.zero_grad(set_to_none=True)
    assert idle == []


@every
def test_logits_are_those_of_the_outputs(name: str, backbone: str) -> None:
    with torch.no_grad():
        output = built(name, backbone).eval()(image((64, 64)))
    assert output.detail_logits is not None
    assert output.semantic_logits is not None
    assert torch.allclose(output.detail_logits.sigmoid(), output.detail)
    assert output.semantic_logits.shape == output.semantic.shape


@every
def test_alpha_is_the_fusion_that_the_network_declares(name: str, backbone: str) -> None:
    model = built(name, backbone).eval()
    with torch.no_grad():
        output = model(image((64, 64)))
    assert model.fuse is not None
    assert output.semantic_logits is not None
    assert torch.equal(model.fuse(output.semantic_logits, output.detail, model.classes), output.alpha)


@every
def test_state_dicts_round_trip(name: str, backbone: str, tmp_path: Path) -> None:
    model = built(name, backbone).eval()
    save_file(model.state_dict(), tmp_path / "net.safetensors")
    other = create_model(name, backbone=backbone, weights=tmp_path / "net.safetensors").eval()
    assert load_file(tmp_path / "net.safetensors").keys() == other.state_dict().keys()
    with torch.no_grad():
        assert torch.equal(other(image((64, 64))).alpha, model(image((64, 64))).alpha)


@every
def test_bfloat16_and_channels_last_stay_close(name: str, backbone: str) -> None:
    model = built(name, backbone).eval()
    x = image((96, 160))
    with torch.no_grad():
        wanted = model(x)
        last = model(x.to(memory_format=torch.channels_last))
        with torch.autocast("cpu", torch.bfloat16):
            half = model(x)
    assert (last.detail - wanted.detail).abs().max() < 1e-4
    assert half.detail.dtype == torch.float32
    assert (half.detail - wanted.detail).abs().mean() < 0.02
    assert (half.semantic - wanted.semantic).abs().mean() < 0.02
