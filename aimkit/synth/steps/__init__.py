"""Compositing steps: named operations that a recipe applies with a probability.

A step changes a :class:`Scene` in place and returns the parameters that it drew, as plain JSON values. Where it acts
decides what it does to the compositing equation I = aF + (1-a)B:

| on | when | the equation afterwards |
|---|---|---|
| "foreground" | on the foreground as loaded, before it is placed | holds |
| "background" | on the background, before it is placed | holds |
| "planes" | on F, a and B at the output size, before they are blended | holds |
| "image" | on the composite | broken, unless the step says that it treats F and B alike |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import Field

from aimkit.recipe import Block
from aimkit.registry import Registry
from aimkit.types import Float, ImageType


@dataclass
class Scene:
    """The planes of a sample while it is being made; float32 in [0, 1].

    Attributes:
        foreground: Straight RGB, (H, W, 3).
        alpha: (H, W).
        background: RGB, (h, w, 3); (H, W, 3) once placed.
        type: Image type of the foreground.
        image: The composite, (H, W, 3), once blended.
    """

    foreground: Float
    alpha: Float
    background: Float
    type: ImageType
    image: Float = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))


class StepBlock(Block):
    """Parameters of a step.

    Attributes:
        step: Registered name.
        p: Probability that the step is applied to a sample.
    """

    step: str
    p: float = Field(1.0, ge=0, le=1)


#: Entries carry ``params`` (their block), ``on`` (see above) and ``keeps_equation``.
steps: Registry[Callable[[Scene, Any, np.random.Generator], dict[str, Any]]] = Registry("step", ["aimkit.synth.steps"])
