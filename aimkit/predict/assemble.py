"""From the maps of a network to alpha, labels and detail at the photo's size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from aimkit.errors import AimkitError
from aimkit.predict.network import Network
from aimkit.predict.sizes import bilinear
from aimkit.types import Float, UInt8

#: Squares along the short side of the detail in which its contrast is measured.
CONTRAST_SQUARES = 32
#: Pixels that are assembled at a time: few, so that a strip stays in the processor's cache.
STRIP = 1 << 17


@dataclass(frozen=True)
class Result:
    """The result of a strategy; arrays are (B, H, W) for a batch, (H, W) for one photo.

    Attributes:
        alpha: Alpha matte, float32 in [0, 1].
        semantic: Label of the likeliest class, uint8 {0, 128, 255}: background, unknown, foreground.
        detail: Alpha of the matting decoder alone, float32 in [0, 1]; used where the label is 128.
    """

    alpha: Float
    semantic: UInt8
    detail: Float

    def __getitem__(self, position: int) -> Result:
        """One photo of a batch."""
        return Result(self.alpha[position], self.semantic[position], self.detail[position])


def empty(count: int, size: tuple[int, int]) -> Result:
    """Allocate a result of uninitialised values."""
    shape = (count, *size)
    return Result(np.empty(shape, np.float32), np.empty(shape, np.uint8), np.empty(shape, np.float32))


def assemble(
    network: Network,
    logits: Float,
    detail: Float,
    size: tuple[int, int],
    alpha: Float | None = None,
    sharpness: float = 1.0,
    unknown_bias: float = 0.0,
    flat_bias: float = 0.0,
) -> Result:
    """Enlarge the maps and fuse them.

    Class scores are enlarged before they are compared, so that a label is never interpolated: solid areas have no
    pinholes. The work is done in strips, which need little memory beside the result.

    Args:
        network: The network, which defines the fusion.
        logits: Logits of the semantic classes, float32, (B, K, h, w).
        detail: Alpha inside the unknown area, float32 in [0, 1], (B, 1, h', w').
        size: (H, W) of the photo.
        alpha: Alpha as fused by the network, (B, 1, h, w). It is enlarged instead, unless ``sharpness`` or a bias is
            set.
        sharpness: Factor of the logits, see :class:`aimkit.predict.strategy.Strategy`.
        unknown_bias: Added to the logits of the class "unknown", see there.
        flat_bias: The same where the detail is flat: times 1 - :func:`local_contrast`.

    Raises:
        AimkitError: The network predicted NaN or infinite values, or has no class "unknown".
    """
    height, width = size
    result = empty(len(logits), size)
    rows = max(1, STRIP // width)
    biased = bool(unknown_bias or flat_bias)
    if biased and "unknown" not in network.classes:
        option = "unknown_bias" if unknown_bias else "flat_bias"
        raise AimkitError("the network has no class 'unknown'", f"strategy, {option}", f"leave {option} out")
    unknown = np.array([name == "unknown" for name in network.classes], np.float32)[:, None, None]
    contrast = local_contrast(detail) if flat_bias else None
    for top in range(0, height, rows):
        window = (top, 0, min(top + rows, height), width)
        scores, fine = bilinear(logits, size, window), bilinear(detail, size, window)
        if unknown_bias:
            scores = scores + np.float32(unknown_bias) * unknown
        if contrast is not None:
            scores = scores + np.float32(flat_bias) * unknown * (1 - bilinear(contrast, size, window))
        if alpha is None or sharpness != 1 or biased:
            matte = network.fuse(scores, fine, sharpness)
        else:
            matte = bilinear(alpha, size, window)
        put(result, top, matte, network.labels(scores), fine)
    return result


def local_contrast(detail: Float) -> Float:
    """The contrast of the detail around every pixel: 0 where it is flat, 1 where half of it is 0 and half is 1.

    It is twice the standard deviation in a square of 1/32 of the short side, at least 3 pixels. Pixels beyond the
    border repeat those on it. The work is done in strips, as in :func:`assemble`.

    Args:
        detail: float32 in [0, 1], (B, 1, h, w).

    Returns:
        float32 in [0, 1], (B, 1, h, w).
    """
    height, width = detail.shape[-2:]
    side = max(3, min(height, width) // CONTRAST_SQUARES | 1)
    rows = max(side, STRIP // width)
    result = np.empty_like(detail, np.float32)
    for plane, target in zip(detail[:, 0], result[:, 0], strict=True):
        for top in range(0, height, rows):
            first = max(0, top - side // 2)
            strip = plane[first : top + rows + side // 2].astype(np.float64)
            mean, square = (cv2.blur(one, (side, side), borderType=cv2.BORDER_REPLICATE) for one in (strip, strip**2))
            deviation = np.sqrt(np.maximum(square - mean * mean, 0))[top - first :][:rows]
            target[top : top + rows] = np.minimum(2 * deviation, 1)
    return result


def put(result: Result, top: int, alpha: Float, labels: UInt8, detail: Float) -> None:
    """Write rows from ``top`` on: alpha and detail (B, 1, rows, W), labels (B, rows, W).

    Raises:
        AimkitError: The network predicted NaN or infinite values.
    """
    if not np.isfinite(alpha).all():
        raise AimkitError("the predicted alpha is NaN or infinite", "alpha", "try precision fp32", exit_code=1)
    rows = slice(top, top + alpha.shape[-2])
    result.alpha[:, rows] = np.clip(alpha[:, 0], 0, 1)
    result.semantic[:, rows] = labels
    result.detail[:, rows] = np.clip(detail[:, 0], 0, 1)
