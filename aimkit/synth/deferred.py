"""Samples whose planes are placed and whose steps are drawn, so that a whole batch can be finished at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aimkit.synth.chosen_steps import PendingStep
from aimkit.synth.view import View
from aimkit.types import ImageType, UInt8


@dataclass(frozen=True)
class DeferredSample:
    """A sample before its steps, its blending and its label.

    The planes reach as far beyond the view as the steps and the label need. They are rounded to 8 bit before the steps
    instead of after them.

    Attributes:
        foreground: Straight RGB of ``padded``, uint8, (h, w, 3).
        alpha: Matte of ``padded``, uint8, (h, w).
        background: RGB of ``padded``, uint8, (h, w, 3).
        view: The view that the sample shows.
        padded: The view that the planes show.
        steps: Steps to apply, in this order; those on the composite come last.
        schedule: How the trimap is made, as in the recipe's ``labels.schedule``.
        kernel: Dilation and erosion of the trimap, in pixels of the view.
        linear: Whether to blend in linear light.
        type: Image type.
        category: Category of the foreground, or "".
        meta: Provenance of the finished sample, as plain JSON values.
    """

    foreground: UInt8
    alpha: UInt8
    background: UInt8
    view: View
    padded: View
    steps: list[PendingStep]
    schedule: str
    kernel: tuple[int, int]
    linear: bool
    type: ImageType
    category: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
