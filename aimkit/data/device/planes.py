"""The planes of a batch while its steps are applied."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from aimkit.types import Array

#: Names of what steps change.
NAMES = ("foreground", "alpha", "background", "image")


@dataclass
class BatchPlanes:
    """Planes of n samples, laid out so that the windows that the samples show coincide.

    Attributes:
        foreground: Straight RGB, float32 in [0, 1], (n, 3, H, W).
        alpha: Matte, float32 in [0, 1], (n, 1, H, W).
        background: RGB, float32 in [0, 1], (n, 3, H, W).
        image: The composite, float32 in [0, 1], (n, 3, H, W); empty until blended.
        extent: Rectangle that holds each sample's planes as (top, left, height, width), int64, (n, 4); the rest is
            padding.
        origin: Where each sample's planes begin on the scaled canvas as (top, left), int64, (n, 2).
        scale: Pixels of the view per pixel of the canvas, float32, (n,).
    """

    foreground: Tensor
    alpha: Tensor
    background: Tensor
    image: Tensor
    extent: Tensor
    origin: Tensor
    scale: Tensor

    def take(self, rows: Tensor) -> BatchPlanes:
        """The planes of some of the samples."""
        taken = {name: getattr(self, name)[rows] for name in (*NAMES, "extent", "origin", "scale")}
        return replace(self, **taken)

    def put(self, rows: Tensor, before: BatchPlanes, after: BatchPlanes) -> None:
        """Write back the planes of some of the samples that have changed."""
        for name in NAMES:
            if getattr(after, name) is not getattr(before, name):
                getattr(self, name)[rows] = getattr(after, name)

    def inside(self) -> Tensor:
        """Which pixels are not padding, bool, (n, 1, H, W)."""
        axes = []
        for axis, size in enumerate(self.alpha.shape[2:]):
            at = torch.arange(size, device=self.alpha.device)[None] - self.extent[:, axis, None]
            axes.append((at >= 0) & (at < self.extent[:, axis + 2, None]))
        return (axes[0][:, :, None] & axes[1][:, None, :])[:, None]


def sent(values: Array, device: torch.device) -> Tensor:
    """A small array on a device. The host does not wait: what is not pinned is copied aside before this returns."""
    return torch.from_numpy(values).to(device, non_blocking=True)


def levels(x: Tensor) -> Tensor:
    """[0, 1] to the nearest of 0..255, still float."""
    return (x * 255).round_().clamp_(0, 255)


def quantized(x: Tensor) -> Tensor:
    """[0, 1] rounded to 8 bit."""
    return levels(x).div_(255)
