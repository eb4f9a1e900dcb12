"""A cache of decoded pictures, bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from aimkit.synth.pyramid import ImagePyramid


class LRUCache:
    """Keeps the pictures that were used last; the least recently used one is dropped first.

    Args:
        budget: Bytes of all pictures together, their smaller levels included; 0 keeps none.
    """

    def __init__(self, budget: int) -> None:
        self.budget, self.used = budget, 0
        self._pictures: OrderedDict[Hashable, tuple[ImagePyramid, int]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], ImagePyramid]) -> ImagePyramid:
        """The picture of a key, made when it is not in the cache.

        A picture that is used again is decoded whole: it will probably be used more often.
        """
        if key in self._pictures:
            self._pictures.move_to_end(key)
            picture = self._pictures[key][0]
            picture.level(0)
            return picture
        picture = make()
        if not self.budget:
            return picture
        # Levels are made later; all of them together are a third of the picture.
        size = picture.nbytes * 4 // 3
        if size <= self.budget:
            self._pictures[key] = picture, size
            self.used += size
        while self.used > self.budget:
            self.used -= self._pictures.popitem(last=False)[1][1]
        return picture
