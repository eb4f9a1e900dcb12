"""Normalisation of images for a network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """Normalisation of a network's input: ``(image * value_range - mean) / std``, image in [0, 1].

    Attributes:
        mean: Mean of each channel, in units of ``value_range``.
        std: Standard deviation of each channel, in units of ``value_range``.
        value_range: Largest input value: 1.0, or 255.0 for networks that were trained on 0..255.
        size_multiple: Number that the backbone's input heights and widths must be multiples of. Networks pad other
            sizes.
    """

    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    value_range: float = 1.0
    size_multiple: int = 32

    def for_channels(self, in_chans: int) -> Preprocessing:
        """The same for another number of input channels; the values are repeated in order."""
        if in_chans == len(self.mean):
            return self
        mean, std = (tuple(islice(cycle(values), in_chans)) for values in (self.mean, self.std))
        return replace(self, mean=mean, std=std)


def normalise(image: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Normalise an image.

    Args:
        image: RGB in [0, 1], float, (B, C, H, W) or (C, H, W).
        preprocessing: Normalisation of the network.

    Returns:
        ``(image * value_range - mean) / std``, same shape and dtype.
    """
    mean, std = (_on_device(values, image) for values in (preprocessing.mean, preprocessing.std))
    levels = image if preprocessing.value_range == 1 else image * preprocessing.value_range
    return (levels - mean) / std


def _on_device(values: tuple[float, ...], like: Tensor) -> Tensor:
    """Values of the channels, (C, 1, 1), filled in on the device: a copy would make the host wait for it."""
    import torch

    return torch.stack([torch.full((1, 1), value, dtype=like.dtype, device=like.device) for value in values])
