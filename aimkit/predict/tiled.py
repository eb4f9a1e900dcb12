"""Large photos in bounded memory: one semantic pass over all of it, the detail in overlapping tiles."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from aimkit.predict.assemble import Result, assemble
from aimkit.predict.network import Network, planes_of
from aimkit.predict.passes import Scale, Sharpness, Side
from aimkit.predict.registry import strategies
from aimkit.predict.sizes import MAX_SIDE, bilinear, shrink, working_size
from aimkit.recipe import Block
from aimkit.types import Float, UInt8


class TiledOptions(Block):
    """Options of :func:`aimkit.predict.strategies.tiled`."""

    tile: Side = 1024
    overlap: Annotated[int, Field(ge=0)] = 128
    semantic_scale: Scale = 1 / 4
    detail_scale: Scale = 1 / 2
    semantic_side: Side | None = None
    detail_side: Side | None = None
    max_side: Side = MAX_SIDE
    sharpness: Sharpness = 1.0

    @model_validator(mode="after")
    def _tiles_advance(self) -> TiledOptions:
        if self.overlap > self.tile // 2:
            raise ValueError(f"the overlap may be at most half of the tile, {self.tile // 2}")
        return self


@strategies.register("tiled", params=TiledOptions)
def tiled(network: Network, photos: UInt8, options: TiledOptions) -> Result:
    """One semantic pass over the whole photo, detail in overlapping tiles: for large photos."""
    planes, size = planes_of(photos), photos.shape[1:3]
    small = shrink(planes, working_size(size, options.semantic_scale, options.max_side, options.semantic_side))
    logits = network(small).logits
    large = working_size(size, options.detail_scale, max(size), options.detail_side)
    detail = tiled_detail(network, planes, large, options)
    return assemble(network, logits, detail, size, sharpness=options.sharpness)


def tiled_detail(network: Network, planes: Tensor, size: tuple[int, int], options: TiledOptions) -> Tensor:
    """The detail at ``size``, pieced together from tiles whose weights fade out over the overlap.

    Args:
        network: Sees one tile at a time.
        planes: The photos, uint8 on the CPU, (B, 3, H, W); each tile is resized from them on its own.
        size: (height, width) of the detail.
        options: Tile and overlap, in pixels of ``size``.

    Returns:
        float32 on the CPU, (B, 1, height, width).
    """
    detail = torch.zeros(len(planes), 1, *size)
    columns = weighted_spans(size[1], options.tile, options.overlap)
    for top, bottom, rows in weighted_spans(size[0], options.tile, options.overlap):
        for left, right, across in columns:
            tile = bilinear(planes, size, (top, left, bottom, right))
            weight = torch.from_numpy(np.outer(rows, across))
            detail[..., top:bottom, left:right] += network(tile).detail.cpu() * weight
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
