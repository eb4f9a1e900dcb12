"""A sample whose planes are there, with what is still to be done to them: for whoever finishes a batch at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aimkit.synth.steps import Drawn
from aimkit.synth.view import View
from aimkit.types import ImageType, UInt8


@dataclass(frozen=True)
class Deferred:
    """A step that is still to be applied.

    Attributes:
        place: Its place among the recipe's steps; those on the image come after those on the planes all the same.
        name: Registered name.
        drawn: What it drew.
    """

    place: int
    name: str
    drawn: Drawn


@dataclass(frozen=True)
class Unblended:
    """A sample before its steps, its blending and its label.

    Planes reach around what the sample shows as far as the steps and the label need; they are rounded to 8 bit before
    the steps instead of after them.

    Attributes:
        foreground: Straight RGB of ``grown``, uint8, (h, w, 3).
        alpha: (h, w).
        background: RGB, (h, w, 3).
        view: What the sample shows.
        grown: What the planes show.
        steps: What is still to be applied, in this order.
        schedule: How the trimap is made.
        kernel: Its dilation and erosion, in pixels of the view.
        linear: Whether it is blended in linear light.
        type: Image type.
        category: Category of the foreground, or "".
        meta: Provenance of the finished sample.
    """

    foreground: UInt8
    alpha: UInt8
    background: UInt8
    view: View
    grown: View
    steps: list[Deferred]
    schedule: str
    kernel: tuple[int, int]
    linear: bool
    type: ImageType
    category: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
