from __future__ import annotations

import numpy as np

from aimkit.synth.lru_cache import LRUCache
from aimkit.synth.pyramid import ImagePyramid, Level


def picture(side: int = 30) -> ImagePyramid:
    return ImagePyramid(np.zeros((side, side, 3), np.uint8), np.zeros((side, side), np.uint8))


def test_a_cached_picture_is_not_made_again_and_the_least_recently_used_is_dropped_first() -> None:
    made: list[str] = []

    def make(name: str) -> ImagePyramid:
        made.append(name)
        return picture()

    cache = LRUCache(2 * 30 * 30 * 4 * 4 // 3)
    for name in "abaca":
        cache.get(name, lambda name=name: make(name))
    assert made == ["a", "b", "c"]
    cache.get("b", lambda: make("b"))
    assert made == ["a", "b", "c", "b"]
    assert cache.used <= cache.budget


def test_nothing_is_cached_without_a_budget_nor_what_is_larger_than_it() -> None:
    for cache in (LRUCache(0), LRUCache(1000)):
        first = cache.get("a", picture)
        assert cache.get("a", picture) is not first
        assert cache.used == 0


def test_a_picture_is_decoded_whole_only_when_it_is_used_again() -> None:
    whole: list[int] = []

    class Counting(ImagePyramid):
        def level(self, number: int) -> Level:
            whole.append(number)
            return super().level(number)

    cache = LRUCache(10**6)
    for _ in range(2):
        assert not whole
        cache.get("a", lambda: Counting(np.zeros((30, 30, 3), np.uint8)))
    assert whole == [0]
