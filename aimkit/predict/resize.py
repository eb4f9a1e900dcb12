"""The resize strategy: one small input."""

from __future__ import annotations

from aimkit.predict import reference
from aimkit.predict.assemble import Result
from aimkit.predict.network import Network
from aimkit.predict.sizes import planes_of, shrink, working_size
from aimkit.predict.strategy import ParityStrategy, Scale, Side, strategies
from aimkit.types import UInt8


@strategies.register("resize")
class Resize(ParityStrategy):
    """Predict at one small input size and enlarge the alpha matte: fast, with soft edges.

    Attributes:
        scale: Input size relative to the photo, in (0, 1]. The short side stays at least 128 pixels, or the photo's own
            if that is smaller.
        side: Short side of the input in pixels; replaces ``scale``.
    """

    scale: Scale = 1 / 4
    side: Side | None = None

    def apply(self, network: Network, photos: UInt8) -> Result:
        """Run the network once on the reduced photos."""
        if self.parity:
            return reference.resize(network, photos, self.scale, self.max_side)
        planes, size = planes_of(photos), photos.shape[1:3]
        maps = network(shrink(planes, working_size(size, self.scale, self.max_side, self.side)))
        return self.assemble(network, maps.logits, maps.detail, size, maps.alpha)
