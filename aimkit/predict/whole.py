"""The whole strategy: the photo's own size."""

from __future__ import annotations

import numpy as np

from aimkit.predict.assemble import Result
from aimkit.predict.network import Network
from aimkit.predict.sizes import planes_of
from aimkit.predict.strategy import Strategy, strategies
from aimkit.types import UInt8


@strategies.register("whole")
class Whole(Strategy):
    """Predict at the photo's own size: for small photos, since memory grows with the photo."""

    def apply(self, network: Network, photos: UInt8) -> Result:
        """Run the network once on the photos as they are."""
        maps = network(np.ascontiguousarray(planes_of(photos), np.float32))
        return self.assemble(network, maps.logits, maps.detail, photos.shape[1:3], maps.alpha)
