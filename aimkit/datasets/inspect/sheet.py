"""Contact sheets: composite, alpha, label and the cut-out on green, a few rows per type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aimkit.datasets.inspect.canvas import GREEN, encode_png, grid, tile, tile_height
from aimkit.errors import AimkitError
from aimkit.matting.composite import composite
from aimkit.types import ImageType, Sample, UInt8

__all__ = ["contact_sheet", "encode_png", "on_green", "over_green", "pick"]


def contact_sheet(samples: Sequence[Sample], width: int = 240) -> UInt8:
    """Draw a contact sheet with one row per sample.

    Args:
        samples: At least one sample.
        width: Width of a tile in pixels; its height follows from the median aspect ratio.

    Returns:
        RGB, uint8.

    Raises:
        AimkitError: There are no samples.
    """
    if not samples:
        raise AimkitError("no samples to show")
    height = tile_height([sample.size for sample in samples], width)
    rows = []
    for sample in samples:
        planes = (sample.image, sample.alpha, sample.label, on_green(sample))
        number = sample.meta.get("index", "")
        caption = "   ".join(
            part for part in (sample.type.value, sample.category, f"sample {number}", f"{_size(sample)}") if part
        )
        rows.append((caption, [tile(plane, width, height) for plane in planes]))
    return grid(["composite", "alpha", "label", "on green"], rows)


def pick(samples: Sequence[Sample], per_type: int, look: int = 24) -> list[Sample]:
    """Pick the first samples of every type, at most ``per_type`` each, among the first ``look * per_type`` samples."""
    found: dict[ImageType, list[Sample]] = {image_type: [] for image_type in ImageType}
    for position in range(min(len(samples), look * per_type)):
        sample = samples[position]
        if len(found[sample.type]) < per_type:
            found[sample.type].append(sample)
        if all(len(rows) == per_type for rows in found.values()):
            break
    return [sample for rows in found.values() for sample in rows]


def on_green(sample: Sample) -> UInt8:
    """The cut-out on green, in its own colours if the foreground is stored, else in the composite's."""
    colors = sample.foreground if sample.foreground.size else sample.image
    return over_green(colors, sample.alpha)


def over_green(color: UInt8, alpha: UInt8) -> UInt8:
    """Composite colours (H, W, 3) with their matte (H, W) on green, uint8."""
    green = np.broadcast_to(np.array(GREEN, np.uint8), color.shape)
    return composite(color, alpha, np.ascontiguousarray(green))


def _size(sample: Sample) -> str:
    return f"{sample.size[1]} x {sample.size[0]}"
