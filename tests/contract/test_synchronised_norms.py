"""Training on several GPUs replaces batch norms; the network must stay the same function.

By default one of each way in which architectures use timm's norm with activation; ``-m slow`` takes the smallest
architecture of every timm module.
"""

from __future__ import annotations

import copy

import pytest
import torch
from representatives import representatives
from timm.layers import BatchNormAct2d
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from aimkit.models.registry import create_model
from aimkit.train.setup import synchronised

#: These have norms with activation: without a look at them the test could not fail.
FUSED = [
    ("aimnet", "tf_efficientnet_lite0"),
    ("aimnet", "mobilenetv3_small_050"),
    ("aimnet", "test_byobnet"),
    ("aimnet", "regnety_002"),
    ("gfm", "densenet121"),
    ("p3mnet", "resnet34_mp"),
]


def stays_the_same(model: str, backbone: str) -> tuple[int, int]:
    """Compare a network with its converted copy; returns its numbers of norms and of those with activation."""
    torch.manual_seed(0)
    options = {"width": 16} if model == "aimnet" else {}
    network = create_model(model, backbone=backbone, **options).eval()
    # Fresh statistics would hide a norm that lost them.
    for module in network.modules():
        if isinstance(module, _BatchNorm) and module.running_mean is not None:
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = network(image)
        converted = synchronised(copy.deepcopy(network))
        got = converted(image)
    left = [type(m) for m in converted.modules() if isinstance(m, _BatchNorm) and not isinstance(m, nn.SyncBatchNorm)]
    assert not left
    assert converted.state_dict().keys() == network.state_dict().keys()
    assert torch.equal(got.detail, expected.detail)
    assert torch.equal(got.semantic, expected.semantic)
    assert torch.equal(got.alpha, expected.alpha)
    return len(norms), sum(isinstance(module, BatchNormAct2d) for module in norms)


@pytest.mark.parametrize(("model", "backbone"), FUSED)
def test_norms_that_span_processes_keep_their_activations(model: str, backbone: str) -> None:
    norms, fused = stays_the_same(model, backbone)
    assert norms
    assert bool(fused) == (backbone != "resnet34_mp")


@pytest.mark.slow
@pytest.mark.parametrize("backbone", representatives())
def test_norms_of_every_timm_module_keep_their_activations(backbone: str) -> None:
    stays_the_same("aimnet", backbone)
