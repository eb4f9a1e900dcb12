"""Samples to look at while a recipe is being changed: reduced, and quickly."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from aimkit.synth.drawn_layers import DrawnLayers
from aimkit.synth.engine import Synthesizer
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.view import View
from aimkit.types import Sample


def preview(
    recipe: SynthRecipe,
    indices: Sequence[int],
    side: int = 256,
    *,
    drawn: DrawnLayers | None = None,
    wanted: Callable[[], bool] = lambda: True,
) -> Iterator[tuple[int, Sample]]:
    """Yield samples of a recipe, reduced; each shows what the dataset's sample of that index is going to show.

    Colours and mattes are averaged before they are blended, stored JPEG photos are read at a reduced scale, and noise
    and lengths are scaled with the picture: a reduced sample differs from the reduction of the whole one by little.

    Args:
        recipe: The recipe.
        indices: Which samples, any from 0 up.
        side: Long side in pixels.
        drawn: Cache of what generators drew, kept from one recipe to the next.
        wanted: Whether the rest is still wanted; asked between samples.

    Raises:
        AimkitError: A source can't be opened, has nothing to offer, or too many pictures can't be read.
    """
    # Stored pictures are not cached: several threads can't share one that is decoded bit by bit.
    samples = Synthesizer(recipe, drawn=drawn)

    def make(index: int) -> Sample | None:
        return samples.window(index, lambda canvas, _: View.reduced(canvas, side, True)) if wanted() else None

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        waiting = [(index, pool.submit(make, index)) for index in indices]
        try:
            for index, future in waiting:
                sample = future.result()
                if sample is None:
                    return
                yield index, sample
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
