"""Unpooling where positions repeat, and the small parts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from aimkit.models import blocks
from aimkit.models.blocks import (
    GridMean,
    PyramidPooling,
    SqueezeExcite,
    enlarge,
    unpool,
    unpool_as_gradient,
    unpool_to_slots,
)


def pooled(height: int, width: int, window: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, height, width, generator=generator).sub(0.4).relu()  # flat parts, as after a ReLU
    _, indices = F.max_pool2d(image, window, stride=2, padding=window - 2, return_indices=True)
    return torch.rand(indices.shape, generator=generator), indices


@pytest.mark.parametrize("size", [(2, 2), (8, 12), (32, 6)])
def test_the_last_of_the_windows_that_share_a_position_wins(size: tuple[int, int]) -> None:
    x, indices = pooled(*size)
    wanted = torch.zeros(2, 3, size[0] * size[1])
    for b in range(2):
        for c in range(3):
            for value, position in zip(x[b, c].flatten(), indices[b, c].flatten(), strict=True):
                wanted[b, c, position] = value
    if size != (2, 2):
        assert indices.flatten(2).sort(-1).values.diff().eq(0).any(), "no position repeats; the test would be idle"
    assert torch.equal(unpool(x, indices), wanted.view(2, 3, *size))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("window", [2, 3])
@pytest.mark.parametrize("threads", [1, 3])
def test_all_ways_to_unpool_are_equal_forwards_and_backwards(threads: int, window: int, dtype: torch.dtype) -> None:
    x, indices = pooled(46, 38, window)
    x = x.to(dtype)
    weight = torch.rand(2, 3, 46, 38, generator=torch.Generator().manual_seed(1))
    results = []
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for way in (unpool, unpool_to_slots, unpool_as_gradient):
            own = x.clone().requires_grad_()
            y = way(own, indices)
            (y * weight).sum().backward()
            results.append((y.detach(), own.grad))
    finally:
        torch.set_num_threads(before)
    wanted, gradient = results[0]
    assert gradient is not None
    for found, own_gradient in results[1:]:
        assert torch.equal(found, wanted)
        assert own_gradient is not None
        assert torch.equal(own_gradient, gradient)


def test_unpooling_passes_gradients_of_what_was_kept_only() -> None:
    x, indices = pooled(8, 8)
    x.requires_grad_()
    y = unpool(x, indices)
    y.sum().backward()
    assert x.grad is not None
    assert set(x.grad.unique().tolist()) == {0.0, 1.0}
    assert x.grad.sum() == sum(len(plane.unique()) for plane in indices.flatten(0, 1).flatten(1))


def test_unpooling_runs_in_deterministic_mode() -> None:
    x, indices = pooled(8, 8)
    torch.set_deterministic_debug_mode("error")
    try:
        assert torch.equal(unpool(x, indices), unpool(x, indices))
    finally:
        torch.set_deterministic_debug_mode("default")


def test_enlarging_a_constant_keeps_it() -> None:
    assert torch.allclose(enlarge(torch.full((1, 2, 3, 4), 0.3), 8), torch.tensor(0.3))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 5), (7, 16), (31, 20)])
@pytest.mark.parametrize("side", [1, 3, 5])
def test_the_grid_mean_is_adaptive_pooling(size: tuple[int, int], side: int) -> None:
    x = torch.randn(2, 3, *size)
    assert torch.allclose(GridMean(side)(x), F.adaptive_avg_pool2d(x, side), atol=1e-6)


def test_pyramid_pooling_keeps_the_size_of_small_maps() -> None:
    assert PyramidPooling(4)(torch.randn(2, 4, 1, 2)).shape == (2, 4, 1, 2)


def test_excitation_scales_channels_between_nothing_and_one() -> None:
    x = torch.rand(2, 8, 4, 4) + 0.1
    ratio = SqueezeExcite(8)(x) / x
    assert ((ratio > 0) & (ratio < 1)).all()
    assert torch.allclose(ratio.amax((2, 3)), ratio.amin((2, 3)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=["float64", "bfloat16"])
def test_pooling_with_few_passes_has_the_values_and_gradients_of_torch(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Few levels, so that several channels share a maximum.
    x = torch.randint(4, (2, 6, 5, 7), generator=torch.Generator().manual_seed(0)).to(dtype)
    for work in (blocks.mean_and_maximum, lambda x: blocks.mean_of(x, (2, 3)), lambda x: blocks.mean_of(x, (1,))):
        results = []
        for as_torch in (True, False):
            monkeypatch.setattr(blocks, "_as_torch", lambda x, way=as_torch: way)
            leaf = x.clone().requires_grad_()
            y = work(leaf)
            (y * torch.arange(1, y.numel() + 1).view_as(y)).sum().backward()
            assert leaf.grad is not None
            results.append((y.detach(), leaf.grad.double()))
        assert torch.equal(results[0][0], results[1][0])
        assert torch.allclose(results[0][1], results[1][1], rtol=1e-12 if dtype == torch.float64 else 0.01)


class Summed(TorchDispatchMode):
    """Notes the types in which gradients of upsampling are summed."""

    def __init__(self) -> None:
        super().__init__()
        self.types: list[torch.dtype] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "upsample_bilinear2d_backward" in str(func):
            self.types.append(args[0].dtype)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("factor", "computed"), [(2, torch.bfloat16), (4, torch.float32), (16, torch.float32)])
def test_many_gradients_are_added_up_in_float32(factor: int, computed: torch.dtype) -> None:
    """On a GPU the gradient of upsampling is summed in the type of its input: 1024 terms in bfloat16 are 14 % off."""
    x = torch.rand(1, 2, 4, 4, dtype=torch.bfloat16, requires_grad=True)
    exact = x.detach().float().requires_grad_()
    y, wanted = enlarge(x, factor), enlarge(exact, factor)
    assert torch.equal(y, wanted.bfloat16())
    weight = torch.rand(y.shape).bfloat16()
    with Summed() as summed:
        (y * weight).sum().backward()
    assert summed.types == [computed]
    (wanted * weight.float()).sum().backward()
    assert x.grad is not None
    assert exact.grad is not None
    assert torch.allclose(x.grad.float(), exact.grad, rtol=0.004 if computed is torch.float32 else 0.02)
    with torch.autocast("cpu", torch.bfloat16), Summed() as summed:
        PyramidPooling(8)(torch.rand(1, 8, 8, 8)).sum().backward()
    assert summed.types == [torch.float32] * 3


def test_excitation_may_come_before_upsampling() -> None:
    torch.manual_seed(0)
    excite, x = SqueezeExcite(8).double(), torch.rand(2, 8, 5, 3, dtype=torch.float64)
    weight = torch.rand(2, 8, 10, 6, dtype=torch.float64)
    results = []
    for work in (lambda x: enlarge(excite(x), 2), lambda x: excite(enlarge(x, 2))):
        leaf = x.clone().requires_grad_()
        y = work(leaf)
        (y * weight).sum().backward()
        results.append((y.detach(), leaf.grad))
    for first, second in zip(*results, strict=True):
        assert torch.allclose(first, second, rtol=1e-12)


def test_unpooling_tells_windows_of_wide_maps_apart() -> None:
    """Around the width from which positions no longer fit into 16 bits, rounded up."""
    for width in (1 << 12, 1 << 13, 1 << 14):
        x, indices = pooled(6, width)
        assert torch.equal(unpool_as_gradient(x, indices), unpool_to_slots(x, indices))
