"""A source of tiny foregrounds and backgrounds, so that tests of runs and formats take milliseconds a sample.

Worker processes import this module when they unpickle a recipe that names the source.
"""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from aimkit.errors import AimkitError
from aimkit.recipe import parse
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.source import BackgroundBlock, ForegroundBlock, Item, background_sources, foreground_sources
from aimkit.types import Foreground, ImageType

TYPES = list(ImageType)


class TinyForegrounds(ForegroundBlock):
    """Discs of a soft edge; ``broken`` items can't be read."""

    items: int = 9
    broken: list[int] = []  # noqa: RUF012


class TinyBackgrounds(BackgroundBlock):
    """Noise."""

    items: int = 4


@foreground_sources.register("tiny", params=TinyForegrounds)
class TinyForegroundSource:
    """Soft discs."""

    def __init__(self, block: TinyForegrounds) -> None:
        self.block = block
        self.items = [
            Item(f"disc/{i}", "tiny discs", TYPES[i % 3], f"category {i % 2}", "CC0-1.0", "made in a test")
            for i in range(block.items)
        ]

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
        # Not a key of the recipe: slow runs, which are to be killed, make the same dataset as fast ones.
        time.sleep(float(os.environ.get("TINY_SECONDS", "0")))
        if position in self.block.broken:
            raise AimkitError("not an image", f"disc/{position}")
        y, x = np.mgrid[:40, :56].astype(np.float32)
        alpha = np.clip((16 - np.hypot(y - 20, x - 20 - position)) / 6 + 0.5, 0, 1).astype(np.float32)
        color = np.full((40, 56, 3), (0.2, 0.4 + 0.05 * position, 0.8), np.float32)
        return Foreground(color, alpha, self.items[position].type, self.items[position].category)


@background_sources.register("tiny", params=TinyBackgrounds)
class TinyBackgroundSource:
    """Noise."""

    def __init__(self, block: TinyBackgrounds) -> None:
        self.items = [Item(f"noise/{i}", "tiny noise", licence="CC0-1.0") for i in range(block.items)]

    def load(self, position: int, size: tuple[int, int], rng: np.random.Generator) -> Any:
        return np.random.default_rng(position).random((40, 56, 3)).astype(np.float32)


def tiny(count: int = 12, **more: Any) -> SynthRecipe:
    """A recipe of that source: 56 x 40 pixels, shards of 4; ``foreground`` and ``output`` add keys to their tables."""
    data = {
        "kind": "synth",
        "count": count,
        "foregrounds": [{"source": "tiny", **more.pop("foreground", {})}],
        "backgrounds": [{"source": "tiny"}],
        "placement": {"mode": "stretch"},
        "labels": {"kernel": 6},
        "output": {"shard_size": 4, **more.pop("output", {})},
    }
    return parse(SynthRecipe, data | more, "tiny")


def tree(root: str | os.PathLike[str]) -> dict[str, bytes]:
    """Every file under a folder with its bytes."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, root)] = file.read()
    return found
