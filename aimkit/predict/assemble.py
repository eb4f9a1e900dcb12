"""From the maps of the passes to alpha, labels and detail at the photo's size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aimkit.errors import AimkitError
from aimkit.predict.network import Network
from aimkit.predict.sizes import bilinear
from aimkit.types import Float, UInt8

#: Pixels that are put together at a time.
STRIP = 1 << 22


@dataclass(frozen=True)
class Result:
    """What a strategy gives; (B, H, W) for a batch, (H, W) for one photo.

    Attributes:
        alpha: Alpha matte, float32 in [0, 1].
        semantic: The likeliest class, uint8 {0, 128, 255}: background, unknown, foreground.
        detail: Alpha by the matting decoder alone, float32 in [0, 1]; it counts where the label is 128.
    """

    alpha: Float
    semantic: UInt8
    detail: Float

    def __getitem__(self, position: int) -> Result:
        """One photo of a batch."""
        return Result(self.alpha[position], self.semantic[position], self.detail[position])


def empty(count: int, size: tuple[int, int]) -> Result:
    """A result to be filled."""
    shape = (count, *size)
    return Result(np.empty(shape, np.float32), np.empty(shape, np.uint8), np.empty(shape, np.float32))


def assemble(
    network: Network,
    logits: Tensor,
    detail: Tensor,
    size: tuple[int, int],
    alpha: Tensor | None = None,
    sharpness: float = 1.0,
) -> Result:
    """Enlarge the maps and fuse them.

    Class scores are enlarged and then compared, so that a decision is never an interpolated label: solid areas have
    no pin-holes. It is done strip by strip, so that little is needed beside the result.

    Args:
        network: Knows the fusion.
        logits: Of the semantic pass, (B, K, h, w).
        detail: Of the detail pass, (B, 1, h', w').
        size: (H, W) of the photo.
        alpha: Already fused, (B, 1, h, w): it is only enlarged, unless there is a sharpness.
        sharpness: See :meth:`Network.fuse`.

    Raises:
        AimkitError: The network gave values that are no numbers.
    """
    height, width = size
    result = empty(len(logits), size)
    logits = logits.to(detail.device)
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        window = (top, 0, min(top + rows, height), width)
        scores, fine = bilinear(logits, size, window), bilinear(detail, size, window)
        if alpha is None or sharpness != 1:
            matte = network.fuse(scores, fine, sharpness)
        else:
            matte = bilinear(alpha, size, window)
        put(result, top, matte, network.labels(scores), fine)
    return result


def put(result: Result, top: int, alpha: Tensor, labels: Tensor, detail: Tensor) -> None:
    """Write rows from ``top`` on: alpha and detail (B, 1, rows, W), labels (B, rows, W).

    Raises:
        AimkitError: The network gave values that are no numbers.
    """
    if not torch.isfinite(alpha).all():
        raise AimkitError("the network gave values that are no numbers", "alpha", "try precision fp32", exit_code=1)
    rows = slice(top, top + alpha.shape[-2])
    result.alpha[:, rows] = alpha[:, 0].clamp(0, 1).cpu().numpy()
    result.semantic[:, rows] = labels.cpu().numpy()
    result.detail[:, rows] = detail[:, 0].clamp(0, 1).cpu().numpy()
