"""The pretended GPU refuses what a real one refuses, and counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from pretended_gpu import GpuCounts

HOST = torch.arange(3.0)


def made() -> torch.Tensor:
    return torch.ones(3, device="cuda")


def copied_into() -> torch.Tensor:
    target = torch.zeros(3)
    target[torch.arange(3, device="cuda")] = 1
    return target


@pytest.mark.parametrize(
    "mixture",
    [
        lambda: made() + HOST,
        lambda: made().add_(HOST),
        lambda: torch.cat([made(), HOST]),
        lambda: torch.where(made() > 0, HOST, made()),
        lambda: HOST[torch.tensor([0], device="cuda")],
        lambda: made().index_put_((torch.tensor([0]),), HOST[:1]),
        lambda: torch.nn.functional.linear(made(), HOST[None]),
        copied_into,
    ],
)
def test_two_sides_do_not_mix(mixture: Callable[[], torch.Tensor], gpu: GpuCounts) -> None:
    with pytest.raises(RuntimeError, match="device"):
        mixture()


def test_numpy_asks_for_a_copy_first(gpu: GpuCounts) -> None:
    with pytest.raises(TypeError, match="can't convert cuda:0"):
        made().numpy()
    assert made().cpu().numpy().tolist() == [1, 1, 1]


def test_what_a_gpu_allows_is_allowed(gpu: GpuCounts) -> None:
    x = made() * torch.tensor(2.0)
    x.copy_(HOST)
    x[1:] = 5
    assert x.device == torch.device("cuda", 0)
    assert x.is_cuda
    assert torch.zeros_like(x).device.type == x.new_ones(()).device.type == "cuda"
    assert x.to("cpu", torch.int64).tolist() == [0, 5, 5]
    leaf = made().requires_grad_()
    (leaf * leaf).sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.is_cuda
    assert leaf.grad.cpu().tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    "wait",
    [
        lambda: bool(made().sum() > 0),
        lambda: made().sum().item(),
        lambda: made()[made() > 0],
        lambda: made().nonzero(),
        lambda: made().cpu(),
        lambda: HOST.to("cuda"),
        lambda: made()[torch.tensor([1])],
        lambda: torch.zeros(3).copy_(made()),
    ],
)
def test_waits_are_counted(wait: Callable[[], object], gpu: GpuCounts) -> None:
    wait()
    assert gpu.waits.total() == 1


def test_launches_copies_and_bytes_are_counted(gpu: GpuCounts) -> None:
    x = HOST.to("cuda", non_blocking=True)
    (x.view(3, 1).T + 1).mul_(2)
    assert (gpu.launches.total(), gpu.copies.total(), gpu.waits.total()) == (2, 1, 0)
    x.double().cpu()
    assert gpu.moved == {"to the device": 12, "to the host": 24}
    assert gpu.doubles.total() == 1
