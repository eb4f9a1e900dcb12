from __future__ import annotations

import numpy as np

from aimkit.synth.kept import Kept
from aimkit.synth.pyramid import Pyramid


def picture(side: int = 30) -> Pyramid:
    return Pyramid(np.zeros((side, side, 3), np.uint8), np.zeros((side, side), np.uint8))


def test_a_kept_picture_is_not_made_again_and_the_one_not_used_for_longest_goes_first() -> None:
    made: list[str] = []

    def make(name: str) -> Pyramid:
        made.append(name)
        return picture()

    kept = Kept(2 * 30 * 30 * 4 * 4 // 3)
    for name in "abaca":
        kept.get(name, lambda name=name: make(name))
    assert made == ["a", "b", "c"]
    kept.get("b", lambda: make("b"))
    assert made == ["a", "b", "c", "b"]
    assert kept.used <= kept.budget


def test_nothing_is_kept_without_a_budget_nor_what_is_larger_than_it() -> None:
    for kept in (Kept(0), Kept(1000)):
        first = kept.get("a", picture)
        assert kept.get("a", picture) is not first
        assert kept.used == 0
