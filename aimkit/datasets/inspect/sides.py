"""The sides of a sample: composite, alpha, label, foreground, background, and the cut-out on a colour."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aimkit.matting.composite import composite
from aimkit.types import Sample, UInt8

#: What there is to see of a sample, and how it is called.
SIDES: dict[str, str] = {
    "composite": "Composite",
    "alpha": "Alpha",
    "label": "Label",
    "foreground": "Foreground",
    "background": "Background",
    "color": "On a colour",
}


def side_of(sample: Sample, side: str, color: tuple[int, int, int] = (0, 176, 80)) -> UInt8:
    """One side of a sample.

    Args:
        sample: The sample.
        side: A key of ``SIDES``.
        color: Colour behind the cut-out of the side "color", RGB, 0 to 255.

    Returns:
        RGB (H, W, 3) or grey (H, W), uint8. The composite stands in for planes that a stored sample does not have.
    """
    planes: dict[str, Callable[[], UInt8]] = {
        "composite": lambda: sample.image,
        "alpha": lambda: sample.alpha,
        "label": lambda: sample.label,
        "foreground": lambda: sample.foreground if sample.foreground.size else sample.image,
        "background": lambda: sample.background if sample.background.size else sample.image,
        "color": lambda: on_color(sample.foreground if sample.foreground.size else sample.image, sample.alpha, color),
    }
    return planes[side]()


def on_color(foreground: UInt8, alpha: UInt8, color: tuple[int, int, int]) -> UInt8:
    """Colours (H, W, 3) with their matte (H, W) on one colour, uint8."""
    return composite(foreground, alpha, np.broadcast_to(np.array(color, np.uint8), foreground.shape).copy())
