"""Compositing steps: named operations that a recipe applies with a probability.

A step is one class. Its fields are the recipe's keys; ``draw`` draws the parameters of a sample, and ``apply`` changes
the planes of a :class:`Scene` with them. The stage says when the engine applies it, and what that does to the
compositing equation I = aF + (1-a)B:

| stage | when | the equation afterwards |
|---|---|---|
| "foreground" | on the whole foreground as loaded, before it is placed | holds |
| "layer" | on the foreground as placed, before it is blended or put over others | holds |
| "planes" | on F, a and B as placed, before they are blended | holds |
| "image" | on the composite | broken, unless the step treats F and B alike |

A scene may show a window of the canvas, or the canvas reduced (see :mod:`aimkit.synth.view`). Lengths are therefore
relative to ``scene.short_side``, and statistics of the canvas come from ``scene.whole``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from aimkit.bounds import Name, Share
from aimkit.recipe import Block
from aimkit.registry import Registry
from aimkit.synth.scene import Scene
from aimkit.types import Float

__all__ = ["PointwiseStep", "Scene", "Stage", "Step", "StepParams", "steps"]

Stage = Literal["foreground", "layer", "planes", "image"]


@dataclass(frozen=True)
class StepParams:
    """The parameters that a step drew for one sample.

    Attributes:
        record: The parameters as plain JSON values, rounded, for provenance.
        values: The same parameters to the last bit, as numbers and small arrays; empty when there is nothing to apply.
        plane: A plane of the view that the step needs besides, float32 in [0, 1], (h, w), or None.
    """

    record: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    plane: Float | None = None


class Step(Block):
    """A compositing step. Its fields are the keys of its table in a recipe.

    Attributes:
        step: Registered name.
        p: Probability that a sample gets the step.
        stage: When the engine applies the step (class variable).
        keeps_equation: Whether I = aF + (1-a)B holds afterwards if it held before (class variable).
        casts: Whether ``draw`` needs ``scene.darkness`` (class variable).
        overview: Whether ``draw`` needs ``scene.whole`` to show the whole canvas (class variable).
    """

    stage: ClassVar[Stage]
    keeps_equation: ClassVar[bool]
    casts: ClassVar[bool] = False
    overview: ClassVar[bool] = False

    step: Name
    p: Share = 1.0

    def margin(self, short_side: float) -> int | None:
        """How far the new value of a pixel depends on other pixels.

        Args:
            short_side: Short side of the whole canvas, in pixels of the view.

        Returns:
            Pixels of the view; None when the step needs the whole canvas.
        """
        return None

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepParams:
        """Draw the parameters for one sample.

        All chance of the step is in here, and all that it takes from ``scene.whole``.

        Args:
            scene: The scene before the step; it is not changed.
            rng: The stream of this step and sample.
        """
        raise NotImplementedError

    def apply(self, scene: Scene, params: StepParams) -> None:
        """Change the planes of a scene. Old planes may belong to a source: set new ones, never write into them."""
        raise NotImplementedError


class PointwiseStep(Step):
    """A step whose result at a pixel depends on that pixel alone."""

    def margin(self, short_side: float) -> int:
        """No other pixels are needed."""
        return 0


#: The step classes. Each module of this package registers its own when the registry is first asked.
steps: Registry[type[Step]] = Registry("step", ["aimkit.synth.steps"], plugins="aimkit.steps")
