"""Building blocks of the decoders."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aimkit.errors import AimkitError

#: From this factor on, upsampling learns in float32. On a GPU its gradient is added up in the type of its input, and
#: with a factor of n, 4 n^2 terms go into one sum: in bfloat16 the sum is off by up to 1 % at 4, and by 14 % at 16.
_MANY = 4


def conv_chain(*channels: int, dilation: int = 1) -> nn.Sequential:
    """3x3 convolutions, each with batch norm and ReLU: ``conv_chain(128, 64, 64)`` has two of them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [
            nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def projection(inputs: int, outputs: int) -> nn.Module:
    """A 1x1 convolution with batch norm where the widths differ, the identity where they are equal."""
    if inputs == outputs:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


def enlarge(x: Tensor, factor: int) -> Tensor:
    """Bilinear upsampling by a whole factor, align_corners=False."""
    if factor >= _MANY and x.dtype in (torch.bfloat16, torch.float16) and not torch.compiler.is_compiling():
        enlarged: Tensor = _Enlarge.apply(x, factor)
        return enlarged
    exact = x if factor < _MANY else _summable(x)
    return F.interpolate(exact, scale_factor=float(factor), mode="bilinear", align_corners=False).to(x.dtype)


class _Enlarge(torch.autograd.Function):
    """Bilinear upsampling of half floats whose gradient is added up in float32; large maps are never float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: int) -> Tensor:
        ctx.factor, ctx.shape = float(factor), x.shape
        return F.interpolate(x, scale_factor=float(factor), mode="bilinear", align_corners=False)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        size, factors = list(gradient.shape[2:]), (ctx.factor, ctx.factor)
        summed = torch.ops.aten.upsample_bilinear2d_backward(gradient.float(), size, list(ctx.shape), False, *factors)
        return summed.to(gradient.dtype), None


def _summable(x: Tensor) -> Tensor:
    """The map in float32 where its gradient will be a sum of many terms."""
    return x.float() if torch.is_grad_enabled() else x


class GridMean(nn.Module):
    """Mean over the cells of a square grid, as ``AdaptiveAvgPool2d``, but as two matrix products.

    An export of the products is valid for every size, while adaptive pooling is traced for the size of the example. Its
    gradient on a GPU is not deterministic either.

    Args:
        side: Cells along each side of the grid; may exceed the size of the map.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        rows = self._shares(x, height)
        # In an export the sides are symbols, and a comparison would fix them.
        columns = rows if isinstance(height, int) and height == width else self._shares(x, width)
        return rows @ x @ columns.T

    def _shares(self, x: Tensor, length: int) -> Tensor:
        """Share of each position in the mean of each cell, (side, length); cell i covers [i, i + 1) * length / side."""
        position = torch.arange(length, device=x.device)
        cell = torch.arange(self.side, device=x.device)[:, None]
        end = position[-1] + 1
        inside = ((position + 1) * self.side > cell * end) & (position * self.side < (cell + 1) * end)
        shares = inside.to(x.dtype)
        return shares / shares.sum(1, keepdim=True)


class PyramidPooling(nn.Module):
    """Pyramid pooling (Zhao et al., CVPR 2017): context of several grids joined with the map itself.

    Args:
        channels: Channels of input and output.
        bins: Sides of the grids.
        align_corners: Convention of the bilinear upsampling of the grids.
    """

    def __init__(self, channels: int, bins: Iterable[int] = (1, 3, 5), align_corners: bool = False) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.stages = nn.ModuleList(
            nn.Sequential(GridMean(side), nn.Conv2d(channels, channels, 1, bias=False)) for side in bins
        )
        self.bottleneck = nn.Conv2d(channels * (len(self.stages) + 1), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        grids = [
            F.interpolate(_summable(stage(x)), size=size, mode="bilinear", align_corners=self.align_corners).to(x.dtype)
            for stage in self.stages
        ]
        return F.relu(self.bottleneck(torch.cat([*grids, x], dim=1)))


class SqueezeExcite(nn.Module):
    """Channel attention (Hu et al., CVPR 2018), without biases; at least 4 hidden units."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(channels // reduction, 4)
        squeeze, excite = nn.Linear(channels, hidden, bias=False), nn.Linear(hidden, channels, bias=False)
        # The input is a mean of rectified maps. With four hidden units, one block in sixteen would start with all of
        # them below zero for every image and never learn; rows of a positive sum start above.
        with torch.no_grad():
            squeeze.weight *= torch.where(squeeze.weight.sum(dim=1, keepdim=True) < 0, -1.0, 1.0)
        self.fc = nn.Sequential(squeeze, nn.ReLU(inplace=True), excite, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        scale = self.fc(mean_of(x, (2, 3)).flatten(1))
        return x * scale[:, :, None, None]


class SpatialAttention(nn.Module):
    """Spatial attention (Woo et al., ECCV 2018): a 7x7 convolution of channel mean and maximum, (B, 1, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.conv(mean_and_maximum(x)))


def mean_of(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    """``x.mean(dims, keepdim=True)``."""
    if _as_torch(x):
        return x.mean(dim=dims, keepdim=True)
    result: Tensor = _Mean.apply(x, dims)
    return result


def mean_and_maximum(x: Tensor) -> Tensor:
    """Mean and maximum over the channels of (B, C, H, W), as (B, 2, H, W)."""
    if _as_torch(x):
        return torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
    result: Tensor = _MeanAndMaximum.apply(x)
    return result


def _as_torch(x: Tensor) -> bool:
    """Whether to leave the gradients of means and maxima to torch, which writes whole maps of equal numbers.

    At the size of the image these are much of what a train step moves. A compiler finds few passes by itself, an export
    knows torch's operations alone, and a CPU gains little.
    """
    return x.device.type == "cpu" or torch.compiler.is_compiling()


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: tuple[int, ...]) -> Tensor:
        result = x.mean(dim=dims, keepdim=True)
        ctx.shape, ctx.count = x.shape, x.numel() // max(1, result.numel())
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        # A view: what adds it to other gradients reads a number per mean.
        return (gradient / ctx.count).expand(ctx.shape), None


class _MeanAndMaximum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        highest = x.amax(dim=1, keepdim=True)
        ctx.save_for_backward(x, highest)
        return torch.cat([x.mean(dim=1, keepdim=True), highest], dim=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        x, highest = ctx.saved_tensors
        of_mean = gradient[:, :1] / x.shape[1]
        is_highest = x == highest
        # Equal maxima share, as in torch.
        share = gradient[:, 1:] / is_highest.sum(dim=1, keepdim=True)
        return torch.where(is_highest, of_mean + share, of_mean)


def unpool(x: Tensor, indices: Tensor) -> Tensor:
    """Invert a max-pooling of stride 2: every value goes where its maximum was, the rest is zero.

    The windows of a 3x3 pooling overlap, so a position can be the maximum of up to four; the last window in row-major
    order wins, as in ``max_unpool2d`` on the CPU. The result is the same on every device, in every run, and in ONNX
    runtimes.

    Args:
        x: (B, C, H, W).
        indices: int64, (B, C, H, W), positions in the flattened (2 H, 2 W) map.

    Returns:
        (B, C, 2 H, 2 W).
    """
    if not torch.compiler.is_compiling():
        if x.device.type == "cpu":
            unpooled: Tensor = _UnpoolInOrder.apply(x, indices)
            return unpooled
        # The meta device, on which a step is counted, does as the GPU that it stands for.
        if x.device.type in ("cuda", "meta") and not torch.are_deterministic_algorithms_enabled():
            return unpool_as_gradient(x, indices)
    return unpool_to_slots(x, indices)


def unpool_as_gradient(x: Tensor, indices: Tensor) -> Tensor:
    """As :func:`unpool`, with few kernels: the gradient of 3x3 max-pooling adds up the windows that share a maximum.

    All but the last of these are zero here, so that the order of the sum does not matter. Torch cannot know this, and
    may refuse the operation where all have to be deterministic.
    """
    batch, channels, height, width = x.shape
    # Windows that overlap have positions within five rows, which differ in their last 16 bits.
    small = torch.int16 if 2 * width < 1 << 13 else torch.int32
    later = torch.full((batch, channels, height + 1, width + 2), -1, dtype=small, device=x.device)
    own = later[..., :-1, 1:-1]
    own.copy_(indices)
    # The windows to the right, lower left, below and lower right: the last three lie side by side.
    shares = torch.empty(*x.shape, 4, dtype=torch.bool, device=x.device)
    torch.eq(later[..., :-1, 2:], own, out=shares[..., 0])
    torch.eq(later[..., 1:, :].unfold(-1, 3, 1), own[..., None], out=shares[..., 1:])
    last = x.masked_fill(shares.any(-1), 0)
    # Only the shape of the map that was pooled is looked at.
    size = x.detach().new_empty(()).expand(batch, channels, 2 * height, 2 * width)
    return torch.ops.aten.max_pool2d_with_indices_backward(last, size, [3, 3], [2, 2], [1, 1], [1, 1], False, indices)


def unpool_to_slots(x: Tensor, indices: Tensor) -> Tensor:
    """As :func:`unpool`, with operations whose order does not matter, which every device and export has.

    The values that don't win are written to a slot past the end, which is dropped: no position is written twice.
    """
    batch, channels, height, width = x.shape
    end = 4 * height * width
    # Only the windows to the right, lower left, below and lower right come later and can share a position.
    later = F.pad(indices, (1, 1, 0, 1), value=-1)
    right, row_below = later[..., :-1, 2:], later[..., 1:, :]
    beaten = right == indices
    for shift in range(3):
        beaten = beaten | (row_below[..., shift : shift + width] == indices)
    slots = indices.masked_fill(beaten, end).flatten(2)
    flat = x.new_zeros(batch, channels, end + 1).scatter(2, slots, x.flatten(2))
    return flat[..., :end].reshape(batch, channels, 2 * height, 2 * width)


#: Windows that a later window may share a position with, and that window: to the right, lower left, below, lower right.
_LATER = (
    (np.s_[..., :-1], np.s_[..., 1:]),
    (np.s_[..., :-1, 1:], np.s_[..., 1:, :-1]),
    (np.s_[..., :-1, :], np.s_[..., 1:, :]),
    (np.s_[..., :-1, :-1], np.s_[..., 1:, 1:]),
)


class _UnpoolInOrder(torch.autograd.Function):
    """Unpooling on the CPU, which writes the values of a map one after the other: the last window wins by itself."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, indices: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        ctx.save_for_backward(indices)
        flat = x.new_zeros(batch, channels, 4 * height * width)
        return flat.scatter_(2, indices.flatten(2), x.flatten(2)).view(batch, channels, 2 * height, 2 * width)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (indices,) = ctx.saved_tensors
        own = gradient.flatten(2).gather(2, indices.flatten(2)).view(indices.shape)
        # What a later window has overwritten gets none: one to the right, lower left, below or lower right. Numbers as
        # masks: on CPUs, torch is slow with bools.
        bits = {2: torch.int16, 4: torch.int32, 8: torch.int64}[own.element_size()]
        positions = indices.int()
        kept, differ = torch.full_like(positions, -1, dtype=bits), torch.empty_like(positions, dtype=bits)
        for own_part, later in _LATER:
            torch.ne(positions[own_part], positions[later], out=differ[own_part])
            kept[own_part] *= differ[own_part]
        own.view(bits).bitwise_and_(kept)
        return own, None


class Unpool(nn.Module):
    """Upsampling by two with the pooling indices of the backbone."""

    def forward(self, x: Tensor, indices: Tensor | None) -> Tensor:
        assert indices is not None
        return unpool(x, indices)


class Bilinear(nn.Module):
    """Bilinear upsampling by two."""

    def forward(self, x: Tensor, indices: Tensor | None) -> Tensor:
        return enlarge(x, 2)


class PixelShuffle(nn.Module):
    """Learned upsampling by two (Shi et al., CVPR 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4 * channels, 1)

    def forward(self, x: Tensor, indices: Tensor | None) -> Tensor:
        return F.pixel_shuffle(self.conv(x), 2)


def upsampler(name: str, channels: int) -> nn.Module:
    """A module that upsamples by two: ``unpool``, ``bilinear`` or ``pixelshuffle``.

    Raises:
        AimkitError: The name is unknown.
    """
    if name == "unpool":
        return Unpool()
    if name == "bilinear":
        return Bilinear()
    if name == "pixelshuffle":
        return PixelShuffle(channels)
    raise AimkitError(f"unknown upsampling '{name}'", "upsample", "known: unpool, bilinear, pixelshuffle")
