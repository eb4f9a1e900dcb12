"""Trimaps of batches, every sample with kernels of its own; equal to those of :mod:`aimkit.matting.trimap`."""

from __future__ import annotations

from math import isqrt

import numpy as np
import torch
from torch import Tensor

from aimkit.data.device.planes import BatchPlanes, sent
from aimkit.matting.morphology import segments
from aimkit.matting.trimap import BACKGROUND, FOREGROUND, UNKNOWN
from aimkit.types import Array, ImageType

#: Farther than any kernel reaches.
_FAR = 30000


def trimaps(planes: BatchPlanes, alpha: Tensor, kernels: Array, schedule: str) -> Tensor:
    """Trimaps of a batch.

    Args:
        planes: The batch, which knows where each sample's planes lie.
        alpha: Matte in levels 0..255, float, (n, 1, H, W).
        kernels: Dilation and erosion of every sample in pixels, (n, 2).
        schedule: "fixed", "random" (both: OpenCV's ellipse) or "distance" (a true disc).

    Returns:
        Labels {0, 128, 255}, float32, (n, 1, H, W).
    """
    inside = planes.inside()
    dilated = _near((alpha > 0) & inside, kernels[:, 0], schedule)
    # A pixel near one that is not solid gets eroded; pixels beyond the planes do not count.
    eroded = _near((alpha < 255) & inside, kernels[:, 1], schedule)
    label = torch.full_like(alpha, UNKNOWN)
    label.masked_fill_(~dilated, BACKGROUND)
    return label.masked_fill_(~eroded, FOREGROUND)


def restrict(label: Tensor, types: Tensor) -> Tensor:
    """The label of each sample's type; types are numbers of :class:`ImageType`, (n,)."""
    kinds = types[:, None, None, None]
    order = list(ImageType)
    label = torch.where(kinds == order.index(ImageType.STM), label.clamp(max=UNKNOWN), label)
    return label.masked_fill(kinds == order.index(ImageType.NS), UNKNOWN)


def _near(mask: Tensor, kernels: Array, schedule: str) -> Tensor:
    """Dilation. A row of an element is a segment: whether it meets the mask, the distances within the row say."""
    height, width = mask.shape[2:]
    rows = [element(int(kernel), schedule) for kernel in kernels]
    half = max(len(r) for r in rows) // 2
    spans = np.full((len(rows), 2 * half + 1, 2), -1, np.int16)
    for span, row in zip(spans, rows, strict=True):
        span[half - len(row) // 2 : half + len(row) // 2 + 1] = row
    allowed = sent(spans, mask.device)[:, :, :, None, None, None]
    before, after = _distances(mask)
    before, after = (torch.nn.functional.pad(d, (0, 0, half, half), value=_FAR) for d in (before, after))
    result = torch.zeros_like(mask)
    for number in range(2 * half + 1):
        if abs(number - half) < height:
            part = np.s_[:, :, number : number + height]
            result |= (before[part] <= allowed[:, number, 0]) | (after[part] <= allowed[:, number, 1])
    return result[..., :width]


def element(kernel: int, schedule: str) -> Array:
    """How far each row of a structuring element reaches to the left and right, int, (2 m + 1, 2); -1: not at all."""
    if schedule == "distance":
        middle = kernel // 2
        half = [isqrt((kernel * kernel - 4 * y * y) // 4) for y in range(-middle, middle + 1)]
        return np.array([(h, h) for h in half])
    if kernel < 2:
        return np.zeros((1, 2), int)
    middle = kernel // 2
    rows = [(middle - start, stop - 1 - middle) for start, stop in segments(kernel)]
    return np.array(rows + [(-1, -1)] * (1 - kernel % 2))


def _distances(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels to the nearest True of the row, at or before each pixel and at or after it, int16."""
    try:
        return _scan(mask)
    except NotImplementedError:
        # PyTorch learnt running maxima on Apple's GPUs after 2.6.
        before, after = _scan(mask.cpu())
        return before.to(mask.device), after.to(mask.device)


def _scan(mask: Tensor) -> tuple[Tensor, Tensor]:
    at = torch.arange(mask.shape[3], device=mask.device)
    last = torch.where(mask, at, -_FAR).cummax(3).values
    following = torch.where(mask, at, 2 * _FAR).flip(3).cummin(3).values.flip(3)
    return (at - last).clamp(max=_FAR).short(), (following - at).clamp(max=_FAR).short()
