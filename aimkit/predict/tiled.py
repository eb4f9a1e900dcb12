"""The tiled strategy: large photos in bounded memory."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from aimkit.predict.assemble import Result
from aimkit.predict.network import Network
from aimkit.predict.semantic import SemanticInput
from aimkit.predict.sizes import MAX_SIDE, bilinear, planes_of, working_size
from aimkit.predict.strategy import Scale, Side, Strategy, strategies
from aimkit.types import Array, Float, UInt8


@strategies.register("tiled")
class Tiled(SemanticInput, Strategy):
    """Predict semantic classes at a small input size and the detail in overlapping tiles: for large photos.

    Attributes:
        tile: Side of a tile, in pixels of the input for the detail.
        overlap: Overlap of neighbouring tiles in pixels, at most half a tile. Tiles fade into each other over it.
        detail_scale: Input size for the detail, relative to the photo, in (0, 1]. 1 uses all pixels of the photo.
        detail_side: Short side of the input for the detail, in pixels; replaces ``detail_scale``.
        max_side: Maximum long side of the input for the semantic classes, in pixels. The detail has no limit.
    """

    tile: Side = 1024
    overlap: Annotated[int, Field(ge=0, le=65_536)] = 128
    detail_scale: Scale = 1 / 2
    detail_side: Side | None = None
    max_side: Side = MAX_SIDE

    @model_validator(mode="after")
    def _tiles_advance(self) -> Tiled:
        if self.overlap > self.tile // 2:
            raise ValueError(f"the overlap may be at most half of the tile, {self.tile // 2}")
        return self

    def apply(self, network: Network, photos: UInt8) -> Result:
        """Run the network once on the reduced photos, and once on each tile."""
        planes, size = planes_of(photos), photos.shape[1:3]
        logits = self.semantic_logits(network, planes, self.max_side)
        large = working_size(size, self.detail_scale, max(size), self.detail_side)
        detail = tiled_detail(network, planes, large, self.tile, self.overlap)
        return self.assemble(network, logits, detail, size)


def tiled_detail(network: Network, planes: Array, size: tuple[int, int], tile: int, overlap: int) -> Float:
    """Predict the detail at ``size`` from tiles whose weights fade out over the overlap.

    Args:
        network: The network; it sees one tile at a time.
        planes: The photos, uint8, (B, 3, H, W); each tile is resized from them on its own.
        size: (height, width) of the detail.
        tile: Side of a tile, in pixels of ``size``.
        overlap: Overlap of neighbouring tiles, in pixels of ``size``.

    Returns:
        float32, (B, 1, height, width).
    """
    detail = np.zeros((len(planes), 1, *size), np.float32)
    columns = weighted_spans(size[1], tile, overlap)
    for top, bottom, rows in weighted_spans(size[0], tile, overlap):
        for left, right, across in columns:
            crop = bilinear(planes, size, (top, left, bottom, right))
            detail[..., top:bottom, left:right] += network(crop).detail * np.outer(rows, across)
    return detail


def weighted_spans(length: int, tile: int, overlap: int) -> list[tuple[int, int, Float]]:
    """Cover ``length`` with as few equal spans as needed, evenly spread.

    Returns:
        (start, stop, weights); weights are float32, fade linearly where spans overlap, and sum to 1 at every position.
    """
    if length <= tile:
        return [(0, length, np.ones(length, np.float32))]
    count = math.ceil((length - overlap) / (tile - overlap))
    starts = [round(i * (length - tile) / (count - 1)) for i in range(count)]
    fade = np.minimum((np.arange(tile) + 0.5) / max(overlap, 1), 1)
    raw = []
    for start in starts:
        weights = np.ones(tile)
        if start > 0:
            weights = np.minimum(weights, fade)
        if start + tile < length:
            weights = np.minimum(weights, fade[::-1])
        raw.append(weights)
    total = np.zeros(length)
    for start, weights in zip(starts, raw, strict=True):
        total[start : start + tile] += weights
    return [
        (start, start + tile, (weights / total[start : start + tile]).astype(np.float32))
        for start, weights in zip(starts, raw, strict=True)
    ]
