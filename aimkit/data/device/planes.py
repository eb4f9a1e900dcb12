"""The planes of a batch while it is being finished."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

#: Names of what steps change.
NAMES = ("foreground", "alpha", "background", "image")


@dataclass
class Planes:
    """Planes of n samples, float32 in [0, 1]; they are laid out so that the windows that they show coincide.

    Attributes:
        foreground: (n, 3, H, W).
        alpha: (n, 1, H, W).
        background: (n, 3, H, W).
        image: (n, 3, H, W), once blended.
        extent: What of these is a sample's own: top, left, height and width, int64, (n, 4). The rest is nothing.
        origin: Where on the scaled canvas a sample's planes begin: top and left, int64, (n, 2).
        scale: Pixels of the view per pixel of the canvas, float32, (n,).
    """

    foreground: Tensor
    alpha: Tensor
    background: Tensor
    image: Tensor
    extent: Tensor
    origin: Tensor
    scale: Tensor

    def take(self, rows: Tensor) -> Planes:
        """Those of some of the samples."""
        taken = {name: getattr(self, name)[rows] for name in (*NAMES, "extent", "origin", "scale")}
        return replace(self, **taken)

    def put(self, rows: Tensor, before: Planes, after: Planes) -> None:
        """Write back what has changed of those."""
        for name in NAMES:
            if getattr(after, name) is not getattr(before, name):
                getattr(self, name)[rows] = getattr(after, name)

    def inside(self) -> Tensor:
        """Which pixels are a sample's own, (n, 1, H, W)."""
        axes = []
        for axis, size in enumerate(self.alpha.shape[2:]):
            at = torch.arange(size, device=self.alpha.device)[None] - self.extent[:, axis, None]
            axes.append((at >= 0) & (at < self.extent[:, axis + 2, None]))
        return (axes[0][:, :, None] & axes[1][:, None, :])[:, None]


def levels(x: Tensor) -> Tensor:
    """[0, 1] to the nearest of 0..255, still float."""
    return (x * 255).round_().clamp_(0, 255)


def quantized(x: Tensor) -> Tensor:
    """[0, 1] rounded to 8 bit."""
    return levels(x).div_(255)
