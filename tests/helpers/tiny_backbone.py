"""A backbone that costs nothing."""

from __future__ import annotations

import torch

from aimkit.models.backbones.contract import Backbone, Features


class TinyBackbone(Backbone):
    """One convolution a stride; no pooling indices."""

    def __init__(self, in_chans: int = 3, channels: tuple[int, ...] = (8, 8, 16, 16, 32, 32)) -> None:
        super().__init__()
        self.channels = channels
        self.preprocessing = self.preprocessing.for_channels(in_chans)
        pairs = zip((in_chans, *channels), channels, strict=False)
        self.convs = torch.nn.ModuleList(
            torch.nn.Conv2d(a, b, 3, stride=1 if i == 0 else 2, padding=1) for i, (a, b) in enumerate(pairs)
        )

    def forward(self, image: torch.Tensor) -> Features:
        """Six maps, each of half the size of the one before."""
        maps = [image]
        for conv in self.convs:
            maps.append(conv(maps[-1]).relu())
        return Features(tuple(maps[1:]))
