"""Procedural foregrounds and backgrounds: scenes with a perfect ground truth, one small file a generator.

A generator is a function ``(params, size, rng)``: ``params`` is its parameter block, ``size`` is (height, width), and
``rng`` a stream of its own. A foreground generator returns a :class:`aimkit.types.Foreground` whose alpha is exact
area coverage and whose colour is straight, finite everywhere and bled outwards where alpha is 0. A background
generator returns RGB, float32 in [0, 1], (H, W, 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from aimkit.bounds import Name
from aimkit.recipe import Block, Range
from aimkit.registry import Registry
from aimkit.types import Float, Foreground, ImageType

__all__ = [
    "ForegroundGeneratorInfo",
    "GeneratorBlock",
    "GeneratorInfo",
    "Range",
    "background_generators",
    "draw",
    "generators",
]


class GeneratorBlock(Block):
    """Parameters of a generator; each range is drawn once a sample.

    Attributes:
        generator: Registered name.
    """

    generator: Name


def draw(rng: np.random.Generator, span: tuple[float, float]) -> float:
    """A uniform draw from [low, high]."""
    return float(rng.uniform(span[0], span[1]))


@dataclass(frozen=True, kw_only=True)
class GeneratorInfo:
    """What is known about a generator.

    Attributes:
        params: Parameter block; its first parameter ``generator`` is the registered name.
        bound: Largest mean absolute difference between a rendering and one at twice the size, reduced; in [0, 1].
    """

    params: type[GeneratorBlock]
    bound: float = 0.02


@dataclass(frozen=True, kw_only=True)
class ForegroundGeneratorInfo(GeneratorInfo):
    """What is known about a generator of foregrounds.

    Attributes:
        type: Image type of every foreground that it draws.
        category: Category of every foreground that it draws: animal, glass, weather, ...
        floats: Whether what it draws hangs in the air by nature, as smoke does, and need not stand on anything.
    """

    type: ImageType
    category: str
    floats: bool = False


generators: Registry[Callable[[Any, tuple[int, int], np.random.Generator], Foreground], ForegroundGeneratorInfo] = (
    Registry("generator", ["aimkit.generators.foregrounds"], ForegroundGeneratorInfo, "aimkit.generators")
)

background_generators: Registry[Callable[[Any, tuple[int, int], np.random.Generator], Float], GeneratorInfo] = Registry(
    "background generator", ["aimkit.generators.backgrounds"], GeneratorInfo, "aimkit.generators"
)
