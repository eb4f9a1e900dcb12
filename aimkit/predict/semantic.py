"""The semantic classes of a photo: options that several strategies share, and how they are predicted."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from aimkit.predict.network import Network
from aimkit.predict.sizes import bilinear, shrink, working_size
from aimkit.predict.strategy import Scale, Side
from aimkit.recipe import Block
from aimkit.types import Array, Float

#: How much larger the next input size is than the last.
_STEP = 1.25


class SemanticInput(Block):
    """How a strategy predicts the semantic classes.

    Attributes:
        semantic_scale: Input size for the semantic classes, relative to the photo, in (0, 1]. The short side stays at
            least 128 pixels, or the photo's own if that is smaller.
        semantic_side: Short side of the input for the semantic classes, in pixels; replaces ``semantic_scale``.
        semantic_sizes: Number of input sizes for the semantic classes, each 1.25 times the last. Their logits are
            averaged: slower, and fewer subjects are missed.
        semantic_flip: Whether the mirrored photo is seen, too. Of one input size, both logits are averaged; of several
            sizes, every second one is mirrored, which takes no more time.
    """

    semantic_scale: Scale = 1 / 4
    semantic_side: Side | None = None
    semantic_sizes: Annotated[int, Field(ge=1, le=8)] = 1
    semantic_flip: bool = False

    def semantic_logits(self, network: Network, planes: Array, max_side: int) -> Float:
        """Predict the logits of the semantic classes.

        Args:
            network: The network.
            planes: The photos, uint8, (B, 3, H, W).
            max_side: Maximum long side of an input, in pixels.

        Returns:
            float32, (B, K, h, w), of the largest input size.
        """
        size = (planes.shape[-2], planes.shape[-1])
        sizes = [self._size(size, max_side, _STEP**i) for i in range(self.semantic_sizes)]
        # A photo that is too small for the larger sizes is seen once at its own.
        looks = [(small, self.semantic_flip and i % 2 == 1) for i, small in enumerate(dict.fromkeys(sizes))]
        if len(looks) == 1 and self.semantic_flip and not network.flip:
            looks.append((looks[0][0], True))
        maps = [_logits(network, shrink(planes, small), mirrored) for small, mirrored in looks]
        largest = (maps[-1].shape[-2], maps[-1].shape[-1])
        mean: Float = np.mean([bilinear(logits, largest) for logits in maps], 0)
        return mean

    def _size(self, size: tuple[int, int], max_side: int, factor: float) -> tuple[int, int]:
        side = None if self.semantic_side is None else round(self.semantic_side * factor)
        return working_size(size, self.semantic_scale * factor, max_side, side)


def _logits(network: Network, images: Float, mirrored: bool) -> Float:
    if not mirrored:
        return network(images).logits
    return network(np.ascontiguousarray(images[..., ::-1])).logits[..., ::-1]
