"""The refined strategy: hybrid, and a second look at the detail in windows along the transition area."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from aimkit.predict.assemble import Result
from aimkit.predict.network import Network
from aimkit.predict.semantic import SemanticInput
from aimkit.predict.sizes import MAX_SIDE, bilinear, planes_of, shrink, working_size
from aimkit.predict.strategy import Scale, Side, Strategy, strategies
from aimkit.predict.tiled import weighted_spans
from aimkit.types import Array, Float, UInt8

#: A window is worth a second look from this share of transition pixels on.
_LEAST_SHARE = 1e-3


@strategies.register("refined")
class Refined(SemanticInput, Strategy):
    """Predict as ``hybrid``; then predict the detail again in finer windows that the transition area touches.

    The windows pay where the photo is larger than the input for the detail, and only there: a photo of plain areas
    takes little more time than with ``hybrid``.

    Attributes:
        detail_scale: Input size for the first look at the detail, relative to the photo, in (0, 1].
        detail_side: Short side of the input for the first look, in pixels; replaces ``detail_scale``.
        fine_scale: Input size for the second look, relative to the photo, in (0, 1].
        fine_side: Short side of the whole photo at the second look, in pixels; replaces ``fine_scale``.
        window: Side of a window of the second look, in pixels of its input.
        overlap: Overlap of neighbouring windows in pixels, at most half a window. They fade into each other over it.
        max_side: Maximum long side of the inputs for the semantic classes and the first look, in pixels.
    """

    detail_scale: Scale = 1 / 2
    detail_side: Side | None = None
    fine_scale: Scale = 1.0
    fine_side: Side | None = None
    window: Side = 512
    overlap: Annotated[int, Field(ge=0, le=65_536)] = 64
    max_side: Side = MAX_SIDE

    @model_validator(mode="after")
    def _windows_advance(self) -> Refined:
        if self.overlap > self.window // 2:
            raise ValueError(f"the overlap may be at most half of the window, {self.window // 2}")
        return self

    def apply(self, network: Network, photos: UInt8) -> Result:
        """Run the network on both reduced photos, and on each window of the transition area."""
        planes, size = planes_of(photos), photos.shape[1:3]
        first = working_size(size, self.detail_scale, self.max_side, self.detail_side)
        fine = working_size(size, self.fine_scale, max(size), self.fine_side)
        logits, detail = self.semantic_logits(network, planes, self.max_side), network(shrink(planes, first)).detail
        result = self.assemble(network, logits, detail, size)
        if fine[0] <= first[0]:
            return result
        windows = touched_windows(transition(result), fine, self.window, self.overlap)
        if not windows:
            return result
        detail = refined_detail(network, planes, detail, fine, windows)
        return self.assemble(network, logits, detail, size)


#: First and last row and column of a window, the last excluded, and its weights, (rows, columns).
Weighted = tuple[tuple[int, int, int, int], Float]


def transition(result: Result) -> Array:
    """Where any photo of the batch is in transition: alpha is neither 0 nor 1 in 8 bits. Bool, (H, W)."""
    inside = (result.alpha > 1 / 255) & (result.alpha < 254 / 255)
    return np.asarray(inside.any(0))


def touched_windows(area: Array, size: tuple[int, int], window: int, overlap: int) -> list[Weighted]:
    """The windows of an even grid over ``size`` that hold a share of the area.

    Args:
        area: Bool, (H, W), of the photo.
        size: (height, width) of the second look.
        window: Side of a window, in pixels of ``size``.
        overlap: Overlap of neighbouring windows, in pixels of ``size``.
    """
    found: list[Weighted] = []
    rows, columns = weighted_spans(size[0], window, overlap), weighted_spans(size[1], window, overlap)
    for top, bottom, down in rows:
        for left, right, across in columns:
            part = area[
                top * area.shape[0] // size[0] : -(-bottom * area.shape[0] // size[0]),
                left * area.shape[1] // size[1] : -(-right * area.shape[1] // size[1]),
            ]
            if part.mean() >= _LEAST_SHARE:
                found.append(((top, left, bottom, right), np.outer(down, across)))
    return found


def refined_detail(
    network: Network, planes: Array, detail: Float, size: tuple[int, int], windows: list[Weighted]
) -> Float:
    """The detail enlarged to ``size``, and predicted anew in the windows.

    Args:
        network: The network; it sees one window at a time.
        planes: The photos, uint8, (B, 3, H, W).
        detail: The first look, float32, (B, 1, h, w).
        size: (height, width) of the result.
        windows: Windows of the result with their weights.

    Returns:
        float32, (B, 1, height, width).
    """
    coarse = bilinear(detail, size)
    refined = coarse.copy()
    for (top, left, bottom, right), weights in windows:
        fine = network(bilinear(planes, size, (top, left, bottom, right))).detail
        refined[..., top:bottom, left:right] += weights * (fine - coarse[..., top:bottom, left:right])
    return refined
