"""A cache of what generators drew, shared by recipes that differ in something else, such as a step."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

from aimkit.synth.layer import Layer

#: A level behind the last one of every picture.
_LAST = 99


class DrawnLayers:
    """Keeps the foregrounds and backgrounds that were used last; may be used by several threads.

    Args:
        budget: Bytes of all of them together.
    """

    def __init__(self, budget: int) -> None:
        self.budget, self.used = budget, 0
        self._layers: OrderedDict[Hashable, tuple[Layer, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, draw: Callable[[], Layer]) -> Layer:
        """The layer of a key, drawn when it is not in the cache.

        Args:
            key: All that decides what is drawn.
            draw: Draws it.
        """
        with self._lock:
            if key in self._layers:
                self._layers.move_to_end(key)
                return self._layers[key][0]
        layer = draw()
        # All levels are made here: threads that made those of one picture at once would put them out of order.
        if layer.pixels.level(_LAST)[1] is not None:
            layer.pixels.matte(_LAST)
            _ = layer.pixels.outline
        size = layer.pixels.nbytes * 4 // 3
        with self._lock:
            if key not in self._layers and size <= self.budget:
                self._layers[key] = layer, size
                self.used += size
            while self.used > self.budget:
                self.used -= self._layers.popitem(last=False)[1][1]
        return layer
