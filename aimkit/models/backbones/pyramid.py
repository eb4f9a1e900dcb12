"""One map at each of the strides 1, 2, 4, 8, 16 and 32 from the maps of any architecture.

A stride with exactly one map uses it unchanged. Several maps of one stride are projected and summed. Strides 1 and 2,
if finer than all maps, come from a light convolution stem on the image. Other strides are made from the nearest map, as
in the simple feature pyramid of ViTDet (Li et al., ECCV 2022): transposed convolutions up, max-pooling
down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from aimkit.models.backbones.contract import STRIDES

#: Largest and smallest numbers of channels of the maps that are made.
_WIDEST = {1: 32, 2: 64, 4: 128, 8: 256, 16: 512, 32: 512}
_LEAST = {1: 16, 2: 16, 4: 32, 8: 32, 16: 32, 32: 32}


class FeaturePyramid(nn.Module):
    """Turns the maps of an architecture, and the image, into the six maps of the backbone contract.

    Args:
        strides: Nominal stride of each given map, powers of two.
        channels: Channels of each given map.
        in_chans: Channels of the image.
        flat: Whether the maps have one stride and come from different depths; they are distributed over strides 4, 8,
            16 and 32, the shallowest to the finest.

    Attributes:
        channels: Channels of the six maps.
    """

    def __init__(self, strides: Sequence[int], channels: Sequence[int], in_chans: int, *, flat: bool = False) -> None:
        super().__init__()
        self.sources = _distribute(len(strides)) if flat else _assign(strides)
        direct = {s: not flat and [strides[i] for i in chosen] == [s] for s, chosen in self.sources.items()}
        widths = {
            s: channels[chosen[0]] if direct[s] else _width(s, chosen, strides, channels)
            for s, chosen in self.sources.items()
        }
        self.channels = tuple(widths[s] for s in STRIDES)
        self.make = nn.ModuleDict()
        for stride, chosen in self.sources.items():
            for i in chosen if not direct[stride] else ():
                self.make[f"s{stride}_from{i}"] = Rescale(channels[i], widths[stride], strides[i], stride)
        self.stem = nn.ModuleList()
        previous = in_chans
        for stride in (1, 2):
            if not self.sources[stride]:
                self.stem.append(_stem_layer(previous, widths[stride], 1 if stride == 1 else 2))
                previous = widths[stride]

    def drop_finest(self) -> None:
        """Drop the map of stride 1 where it comes from the image alone and nothing else needs it."""
        if not self.sources[1] and self.sources[2] and self.stem:
            self.stem = nn.ModuleList()
            self.channels = (0, *self.channels[1:])

    def forward(self, maps: Sequence[Tensor], image: Tensor) -> tuple[Tensor, ...]:
        """Compute the six maps.

        Args:
            maps: One for each nominal stride, (B, channels[i], H / stride, W / stride).
            image: (B, in_chans, H, W).

        Returns:
            Six maps, (B, self.channels[i], H / STRIDES[i], W / STRIDES[i]).
        """
        joined: list[Tensor] = []
        x, layers = image, iter(self.stem)
        for stride, width in zip(STRIDES, self.channels, strict=True):
            chosen = self.sources[stride]
            if not width:
                joined.append(image[:, :0])
                continue
            if not chosen:
                x = next(layers)(x)
                joined.append(x)
                continue
            keys = [f"s{stride}_from{i}" for i in chosen]
            parts = [self.make[k](maps[i]) if k in self.make else maps[i] for k, i in zip(keys, chosen, strict=True)]
            joined.append(sum(parts[1:], parts[0]))
        return tuple(joined)


class Rescale(nn.Sequential):
    """A map at another stride and width: 1x1 convolution and norm, then factors of two.

    Args:
        inputs: Channels of the map.
        outputs: Channels of the result.
        stride: Stride of the map.
        target: Stride of the result.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, target: int) -> None:
        layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 1), nn.GroupNorm(1, outputs)]
        steps = round(math.log2(stride / target))
        for _ in range(steps):
            layers += [nn.GELU(), nn.ConvTranspose2d(outputs, outputs, 2, stride=2)]
        if steps < 0:
            layers.append(nn.MaxPool2d(2**-steps))
        super().__init__(*layers)


def fit(x: Tensor, size: tuple[int, int], seen: tuple[int, int], covered: tuple[int, int]) -> Tensor:
    """Resize a map to a grid and crop its padding.

    Args:
        x: Map of the padded image, (B, C, h, w).
        size: (height, width) of the grid.
        seen: (height, width) of the architecture's input.
        covered: (height, width) of its part, at the top left, that the image fills.

    Returns:
        (B, C, *size); x itself when it fits.
    """
    grid = tuple(-(-want * whole // part) for want, whole, part in zip(size, seen, covered, strict=True))
    if tuple(x.shape[2:]) != grid:
        x = F.interpolate(x, size=grid, mode="bilinear", align_corners=False)
    return x if grid == size else x[..., : size[0], : size[1]]


def _assign(strides: Sequence[int]) -> dict[int, list[int]]:
    """Indices of the maps that make each stride; none where the stem makes it.

    A map makes its own stride, or 32 if it is coarser. A stride of 4 or more without a map takes the nearest one.
    """
    sources: dict[int, list[int]] = {stride: [] for stride in STRIDES}
    for i, stride in enumerate(strides):
        sources[min(stride, STRIDES[-1])].append(i)
    for stride in STRIDES[2:]:
        if not sources[stride]:
            # Of two equally near maps the coarser one, which has more context.
            sources[stride] = [min(range(len(strides)), key=lambda i: (_distance(strides[i], stride), -strides[i], -i))]
    return sources


def _distribute(count: int) -> dict[int, list[int]]:
    """Distribute maps of one stride over 4, 8, 16 and 32 in order: the shallowest to 4, the last to 32."""
    sources: dict[int, list[int]] = {stride: [] for stride in STRIDES}
    coarse = STRIDES[2:]
    for position, stride in enumerate(coarse):
        first, end = (p * count // len(coarse) for p in (position, position + 1))
        sources[stride] = list(range(first, max(end, first + 1)))
    return sources


def _distance(a: int, b: int) -> float:
    return abs(math.log2(a / b))


def _width(stride: int, chosen: Sequence[int], strides: Sequence[int], channels: Sequence[int]) -> int:
    """Channels of a map that is made: halved with each factor of two from its source, rounded to 8, within bounds."""
    if chosen:
        steps_up = math.log2(min(strides[i] for i in chosen) / stride)
        wanted = max(channels[i] for i in chosen) / 2 ** max(steps_up, 0)
    else:
        wanted = channels[min(range(len(strides)), key=lambda i: strides[i])] / 4
    return min(max(round(wanted / 8) * 8, _LEAST[stride]), _WIDEST[stride])


def _stem_layer(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
