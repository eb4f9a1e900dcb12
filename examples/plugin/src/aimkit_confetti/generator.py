"""Confetti: coloured discs over the whole frame, with exact coverage at their edges."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from aimkit.bounds import Name, Within
from aimkit.generators import GeneratorBlock, Range, draw, generators
from aimkit.types import Foreground, ImageType


class Confetti(GeneratorBlock):
    """Confetti in the air.

    Attributes:
        discs: Number of discs.
        radius: Radius of a disc, relative to the short side of the frame.
    """

    generator: Name = "confetti"
    discs: Annotated[Range, Within(1, 500)] = (20, 60)
    radius: Annotated[Range, Within(0.002, 0.2)] = (0.01, 0.03)


@generators.register("confetti", type=ImageType.NS, category="confetti", params=Confetti)
def confetti(params: Confetti, size: tuple[int, int], rng: np.random.Generator) -> Foreground:
    """Coloured discs, drawn one over the other."""
    height, width = size
    side = min(size)
    y, x = np.mgrid[0:height, 0:width] + 0.5
    alpha = np.zeros(size, np.float32)
    color = np.broadcast_to(rng.uniform(0, 1, 3).astype(np.float32), (*size, 3)).copy()
    for _ in range(int(draw(rng, params.discs))):
        center, radius = rng.uniform(0, 1, 2) * size, draw(rng, params.radius) * side
        distance = np.hypot(y - center[0], x - center[1]) - radius
        disc = np.clip(0.5 - distance, 0, 1).astype(np.float32)
        color[disc > 0] = rng.uniform(0.1, 1, 3)
        alpha = disc + (1 - disc) * alpha
    return Foreground(color, alpha, ImageType.NS)
