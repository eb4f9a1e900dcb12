"""Compositing steps: named operations that a recipe applies with a probability.

A step changes a :class:`Scene` in place and returns the parameters that it drew, as plain JSON values. Where it acts
decides what it does to the compositing equation I = aF + (1-a)B:

| on | when | the equation afterwards |
|---|---|---|
| "foreground" | on the whole foreground as loaded, before it is placed | holds |
| "layer" | on the foreground as placed, before it is blended or put over others | holds |
| "planes" | on F, a and B as placed, before they are blended | holds |
| "image" | on the composite | broken, unless the step says that it treats F and B alike |

What a step sees may be a window of the canvas, or the canvas reduced (see :mod:`aimkit.synth.view`): lengths are
relative to ``scene.short``, and statistics of the whole come from ``scene.whole``. Its ``reach`` says how many pixels
around a pixel its result depends on, so that windows can be made wide enough.

A step that names a ``draw`` can be applied elsewhere, for example to a whole batch on a GPU (see
:mod:`aimkit.synth.unblended`): all of its chance, and all that it takes from the whole canvas, is in what it draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import Field

from aimkit.recipe import Block
from aimkit.registry import Registry
from aimkit.synth.scene import Scene
from aimkit.types import Float


@dataclass(frozen=True)
class Drawn:
    """What a step drew for a sample.

    Attributes:
        record: For provenance, as plain JSON values.
        values: The same to the last bit: numbers and small arrays that applying it takes. Empty: nothing is to be done.
        plane: A plane of the view that it takes besides, float32 in [0, 1], (h, w).
    """

    record: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    plane: Float | None = None


class StepBlock(Block):
    """Parameters of a step.

    Attributes:
        step: Registered name.
        p: Probability that the step is applied to a sample.
    """

    step: str
    p: float = Field(1.0, ge=0, le=1)


def no_reach(params: StepBlock, short: float) -> int:
    """The reach of a step that treats every pixel by itself."""
    return 0


__all__ = ["Drawn", "Scene", "StepBlock", "no_reach", "steps"]

#: Entries carry ``params`` (their block), ``on`` (see above), ``keeps_equation`` and ``reach``: a function of the block
#: and ``scene.short`` that gives pixels. Without a reach, a step gets the whole canvas. ``overview = True`` has
#: one made. ``draw``, ``(scene, params, rng) -> Drawn``, is what can be done in advance.
steps: Registry[Callable[[Scene, Any, np.random.Generator], dict[str, Any]]] = Registry("step", ["aimkit.synth.steps"])
