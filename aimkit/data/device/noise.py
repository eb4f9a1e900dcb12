"""The engine's noise by position, on a device: the same banks from the same starts."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from aimkit.data.device.planes import BatchPlanes, sent
from aimkit.synth.noise import SIDES, bank


def noise(planes: BatchPlanes, starts: Tensor) -> Tensor:
    """Noise of every sample's view, (n, 3, H, W); see :func:`aimkit.synth.noise.noise_from`.

    Args:
        planes: The batch, which knows where the samples lie on their canvases.
        starts: Start of the tiles of each bank as (row, column), int64, (n, banks, 2).
    """
    device = starts.device
    first = planes.origin - planes.extent[:, :2]
    total = torch.zeros(())
    for number, side in enumerate(SIDES):
        at = (starts[:, number] + first)[:, :, None]
        rows, columns = (
            (at[:, axis] + torch.arange(size, device=device)).remainder(side)
            for axis, size in enumerate(planes.alpha.shape[2:])
        )
        part = _bank(side, device)[rows[:, :, None], columns[:, None, :]]
        total = part if number == 0 else total + part
    return (total * planes.scale[:, None, None, None]).movedim(3, 1)


@lru_cache(maxsize=2 * len(SIDES))
def _bank(side: int, device: torch.device) -> Tensor:
    return sent(bank(side), device)
