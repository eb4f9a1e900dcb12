"""How an image in [0, 1] becomes what a network was trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import cycle, islice

import torch
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """What a network wants to see: ``(image * value_range - mean) / std``, image in [0, 1].

    Attributes:
        mean: One value a channel, in units of ``value_range``.
        std: One value a channel, in units of ``value_range``.
        value_range: 1.0, or 255.0 for networks that were trained on 0..255.
        size_multiple: Heights and widths that the backbone takes are multiples of this. Networks pad to it, so that
            callers may use any size; images of such sizes are not padded.
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
    """Apply a preprocessing.

    Args:
        image: RGB in [0, 1], float, (B, C, H, W) or (C, H, W).
        preprocessing: What the network wants.

    Returns:
        ``(image * value_range - mean) / std``, same shape and dtype.
    """
    mean, std = (
        torch.tensor(values, dtype=image.dtype, device=image.device).view(-1, 1, 1)
        for values in (preprocessing.mean, preprocessing.std)
    )
    return (image * preprocessing.value_range - mean) / std
