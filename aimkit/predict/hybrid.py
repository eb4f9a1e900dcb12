"""The hybrid strategy: two input sizes."""

from __future__ import annotations

from pydantic import model_validator

from aimkit.predict import reference
from aimkit.predict.assemble import Result
from aimkit.predict.network import Network
from aimkit.predict.semantic import SemanticInput
from aimkit.predict.sizes import planes_of, shrink, working_size
from aimkit.predict.strategy import ParityStrategy, Scale, Side, strategies
from aimkit.types import UInt8


@strategies.register("hybrid")
class Hybrid(SemanticInput, ParityStrategy):
    """Predict semantic classes at a small input size and the detail at a larger one.

    Attributes:
        detail_scale: Input size for the detail, relative to the photo, in (0, 1]. AIM's table used 1/3, its demo 1/2.
        detail_side: Short side of the input for the detail, in pixels; replaces ``detail_scale``.
    """

    detail_scale: Scale = 1 / 2
    detail_side: Side | None = None

    @model_validator(mode="after")
    def _parity_looks_once(self) -> Hybrid:
        if self.parity and (self.semantic_sizes > 1 or self.semantic_flip):
            raise ValueError("the reference predicts once: leave out parity, or semantic_sizes and semantic_flip")
        return self

    def apply(self, network: Network, photos: UInt8) -> Result:
        """Run the network twice, then fuse at the photo's size."""
        if self.parity:
            return reference.hybrid(network, photos, self.semantic_scale, self.detail_scale, self.max_side)
        planes, size = planes_of(photos), photos.shape[1:3]
        large = working_size(size, self.detail_scale, self.max_side, self.detail_side)
        logits, detail = self.semantic_logits(network, planes, self.max_side), network(shrink(planes, large)).detail
        return self.assemble(network, logits, detail, size)
