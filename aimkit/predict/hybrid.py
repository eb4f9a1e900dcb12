"""The hybrid strategy: two input sizes."""

from __future__ import annotations

from aimkit.predict import reference
from aimkit.predict.assemble import Result, assemble
from aimkit.predict.network import Network
from aimkit.predict.sizes import planes_of, shrink, working_size
from aimkit.predict.strategy import ParityStrategy, Scale, Side, strategies
from aimkit.types import UInt8


@strategies.register("hybrid")
class Hybrid(ParityStrategy):
    """Predict semantic classes at a small input size and the detail at a larger one.

    Attributes:
        semantic_scale: Input size for the semantic classes, relative to the photo, in (0, 1]. The short side stays at
            least 128 pixels, or the photo's own if that is smaller.
        detail_scale: Input size for the detail, relative to the photo, in (0, 1]. AIM's table used 1/3, its demo 1/2.
        semantic_side: Short side of the input for the semantic classes, in pixels; replaces ``semantic_scale``.
        detail_side: Short side of the input for the detail, in pixels; replaces ``detail_scale``.
    """

    semantic_scale: Scale = 1 / 4
    detail_scale: Scale = 1 / 2
    semantic_side: Side | None = None
    detail_side: Side | None = None

    def apply(self, network: Network, photos: UInt8) -> Result:
        """Run the network twice, then fuse at the photo's size."""
        if self.parity:
            return reference.hybrid(network, photos, self.semantic_scale, self.detail_scale, self.max_side)
        planes, size = planes_of(photos), photos.shape[1:3]
        small = working_size(size, self.semantic_scale, self.max_side, self.semantic_side)
        large = working_size(size, self.detail_scale, self.max_side, self.detail_side)
        semantic, detail = network(shrink(planes, small)), network(shrink(planes, large))
        return assemble(network, semantic.logits, detail.detail, size, sharpness=self.sharpness)
