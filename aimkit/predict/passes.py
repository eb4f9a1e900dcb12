"""Strategies of one or two passes over the whole photo: hybrid, resize, whole."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from aimkit.predict import reference
from aimkit.predict.assemble import Result, assemble
from aimkit.predict.network import Network, planes_of
from aimkit.predict.registry import strategies
from aimkit.predict.sizes import MAX_SIDE, shrink, working_size
from aimkit.recipe import Block
from aimkit.types import UInt8

Scale = Annotated[float, Field(gt=0, le=1)]
Side = Annotated[int, Field(ge=32)]
Sharpness = Annotated[float, Field(gt=0)]


class PassOptions(Block):
    """What the strategies of passes over the whole photo have in common."""

    max_side: Side = MAX_SIDE
    sharpness: Sharpness = 1.0
    parity: bool = False

    @model_validator(mode="after")
    def _nothing_else_in_parity(self) -> Self:
        if self.parity and self.sharpness != 1:
            raise ValueError("the reference has no sharpness: leave parity or sharpness out")
        if self.parity and any(side is not None for name, side in self if name.endswith("side") and name != "max_side"):
            raise ValueError("the reference has scales, no sides: leave parity or the sides out")
        return self


class HybridOptions(PassOptions):
    """Options of :func:`aimkit.predict.strategies.hybrid`."""

    semantic_scale: Scale = 1 / 4
    detail_scale: Scale = 1 / 2
    semantic_side: Side | None = None
    detail_side: Side | None = None


class ResizeOptions(PassOptions):
    """Options of :func:`aimkit.predict.strategies.resize`."""

    scale: Scale = 1 / 4
    side: Side | None = None


class WholeOptions(Block):
    """Options of :func:`aimkit.predict.strategies.whole`."""

    sharpness: Sharpness = 1.0


@strategies.register("hybrid", params=HybridOptions)
def hybrid(network: Network, photos: UInt8, options: HybridOptions) -> Result:
    """Two passes: semantic classes from a small one, detail from a larger one."""
    planes, size = planes_of(photos).to(network.device), photos.shape[1:3]
    small = working_size(size, options.semantic_scale, options.max_side, options.semantic_side)
    large = working_size(size, options.detail_scale, options.max_side, options.detail_side)
    if options.parity:
        return reference.hybrid(network, photos, options.semantic_scale, options.detail_scale, options.max_side)
    semantic, detail = network(shrink(planes, small)), network(shrink(planes, large))
    return assemble(network, semantic.logits, detail.detail, size, sharpness=options.sharpness)


@strategies.register("resize", params=ResizeOptions)
def resize(network: Network, photos: UInt8, options: ResizeOptions) -> Result:
    """One small pass, its alpha enlarged: fastest, soft."""
    if options.parity:
        return reference.resize(network, photos, options.scale, options.max_side)
    planes, size = planes_of(photos).to(network.device), photos.shape[1:3]
    maps = network(shrink(planes, working_size(size, options.scale, options.max_side, options.side)))
    return assemble(network, maps.logits, maps.detail, size, maps.alpha, options.sharpness)


@strategies.register("whole", params=WholeOptions)
def whole(network: Network, photos: UInt8, options: WholeOptions) -> Result:
    """One pass at the photo's own size: needs much memory."""
    maps = network(planes_of(photos).to(network.device))
    return assemble(network, maps.logits, maps.detail, photos.shape[1:3], maps.alpha, options.sharpness)
