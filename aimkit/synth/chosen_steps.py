"""The steps that a sample gets: chosen by probability, then drawn, then applied."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from aimkit.rng import rng
from aimkit.synth.provenance import Provenance
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.scene import Scene
from aimkit.synth.steps import Stage, Step, StepParams


@dataclass(frozen=True)
class ChosenStep:
    """A step that a sample gets.

    Attributes:
        step: The step.
        position: Position among the recipe's steps.
        stream: Random stream for the parameters of this step and sample.
    """

    step: Step
    position: int
    stream: np.random.Generator

    def draw(self, scene: Scene) -> PendingStep:
        """Draw the parameters; drawn again, for another view of the same sample, they are the same."""
        return PendingStep(self.step, self.position, self.step.draw(scene, deepcopy(self.stream)))


@dataclass(frozen=True)
class PendingStep:
    """A step whose parameters are drawn, and that is not applied yet.

    Attributes:
        step: The step.
        position: Position among the recipe's steps.
        params: The drawn parameters.
    """

    step: Step
    position: int
    params: StepParams

    def apply(self, scene: Scene) -> None:
        """Apply the step, if there is anything to apply."""
        if self.params.values:
            self.step.apply(scene, self.params)


def choose_steps(recipe: SynthRecipe, index: int, stage: Stage, layer: int = 0) -> list[ChosenStep]:
    """Choose the recipe's steps of one stage for a sample.

    Every step has a stream named after it, so that adding a step leaves the draws of the others as they were.
    """
    chosen: list[ChosenStep] = []
    seen: dict[str, int] = {}
    for position, step in enumerate(recipe.steps):
        occurrence = seen[step.step] = seen.get(step.step, -1) + 1
        if step.stage == stage:
            stream = rng(recipe.seed, "sample", index, "step", step.step, occurrence, layer)
            if stream.random() < step.p:
                chosen.append(ChosenStep(step, position, stream))
    return chosen


def draw_steps(
    chosen: Iterable[ChosenStep], scene: Scene, provenance: Provenance, layer: int | None = None
) -> list[PendingStep]:
    """Draw the parameters of steps and note them.

    Args:
        chosen: The steps.
        scene: The scene before any of these steps.
        provenance: Gets the operations.
        layer: The layer that the steps act on, for provenance; None for steps on the planes or the composite.
    """
    pending = [one.draw(scene) for one in chosen]
    for one in pending:
        provenance.add(one.step.step, one.params.record, **({} if layer is None else {"layer": layer}))
        if not one.step.keeps_equation:
            provenance.break_equation()
    return pending
