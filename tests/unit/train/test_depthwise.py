from __future__ import annotations

import copy

import torch
from torch import nn

from aimkit.train.depthwise import keep_in_float32


def test_depthwise_convolutions_compute_in_float32_and_nothing_else_changes() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 4, 1, groups=2))
    whole = copy.deepcopy(network)
    keep_in_float32(network)
    x = torch.randn(1, 3, 6, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pointwise = network[0](x)
        depthwise = network[1](pointwise)
        last = network[2](depthwise)
    assert [t.dtype for t in (pointwise, depthwise, last)] == [torch.bfloat16, torch.float32, torch.bfloat16]
    # Of what it was given, it is exact.
    assert torch.equal(depthwise, whole[1](pointwise.float()))
    assert network.state_dict().keys() == whole.state_dict().keys()
    assert torch.equal(network(x), whole(x))
    depthwise.sum().backward()
    assert network[1].weight.grad is not None


def test_a_copy_of_the_network_uses_its_own_weights() -> None:
    network = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8, bias=False))
    keep_in_float32(network)
    copied = copy.deepcopy(network)
    with torch.no_grad():
        network[0].weight.zero_()
    x = torch.randn(1, 8, 6, 6)
    assert not network(x).any()
    assert copied(x).any()
