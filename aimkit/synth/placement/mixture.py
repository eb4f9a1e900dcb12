"""A mixture: each sample is placed by one of several modes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PlainValidator, SerializeAsAny, model_validator

from aimkit.recipe import named
from aimkit.synth.placement import PlacementMode, placements


@placements.register("mixture")
class Mixture(PlacementMode):
    """One of several placements is drawn for each sample: a small object in a scene, a close-up, a product shot.

    ``height`` and ``width`` hold for all of them, ``layers`` is each one's own.

    Attributes:
        modes: The placements, each a table with ``mode``, its keys, and its ``weight``.
    """

    mode: Literal["mixture"] = "mixture"
    modes: Annotated[
        list[Annotated[SerializeAsAny[PlacementMode], PlainValidator(named(placements, "mode"))]],
        Field(min_length=1, max_length=64),
    ]

    @model_validator(mode="after")
    def _usable(self) -> Mixture:
        if any(isinstance(one, Mixture) for one in self.modes):
            raise ValueError("a mixture can't be a part of a mixture")
        if not sum(self._weights):
            raise ValueError("give at least one mode a weight above 0")
        return self

    @property
    def _weights(self) -> list[float]:
        return [1.0 if one.weight is None else one.weight for one in self.modes]

    def chosen(self, rng: np.random.Generator) -> tuple[PlacementMode, dict[str, Any]]:
        """Draw a mode by weight."""
        weights = np.array(self._weights)
        number = int(rng.choice(len(self.modes), p=weights / weights.sum()))
        return self.modes[number], {"mode": self.modes[number].mode, "number": number}
