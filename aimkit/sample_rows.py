"""Samples as rows of arrays, which ``torch.utils.data.default_collate`` stacks into batches.

| key | dtype | shape | values |
|---|---|---|---|
| image, foreground, background | uint8 | (3, H, W) | RGB 0..255; zeros where a sample has no such plane |
| alpha | uint8 | (1, H, W) | opacity 0..255 |
| label | uint8 | (1, H, W) | generalized trimap: 0 background, 128 unknown, 255 foreground |
| composition_valid | bool | | whether image = alpha * foreground + (1 - alpha) * background |
| type | int | | position in ``list(ImageType)``: 0 SO, 1 STM, 2 NS |
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from aimkit.errors import AimkitError
from aimkit.types import ImageType, Sample

_TYPES = list(ImageType)


def to_row(sample: Sample) -> dict[str, Any]:
    """A sample as a row."""
    height, width = sample.size
    row: dict[str, Any] = {}
    for name in ("image", "foreground", "background"):
        plane = getattr(sample, name)
        if plane.shape[:2] != sample.size:
            plane = np.zeros((height, width, 3), np.uint8)
        row[name] = np.ascontiguousarray(plane.transpose(2, 0, 1))
    row["alpha"] = np.ascontiguousarray(sample.alpha)[None]
    row["label"] = np.ascontiguousarray(sample.label)[None]
    has_planes = sample.foreground.shape[:2] == sample.size == sample.background.shape[:2]
    row["composition_valid"] = bool(sample.meta.get("composition_valid", False)) and has_planes
    row["type"] = _TYPES.index(sample.type)
    return row


def to_rows(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """The rows of a batch.

    Raises:
        AimkitError: The samples differ in size.
    """
    check_sizes({sample.size for sample in samples})
    return [to_row(sample) for sample in samples]


def check_sizes(sizes: Collection[tuple[int, ...]]) -> None:
    """Refuse a batch of samples of several sizes (height, width).

    Raises:
        AimkitError: There are several.
    """
    if len(sizes) > 1:
        shown = ", ".join(f"{size[1]}x{size[0]}" for size in sorted(sizes)[:4])
        what = f"the samples of a batch differ in size: {shown}" + (", ..." if len(sizes) > 4 else "")
        hint = 'use aimkit.data.dataset(..., transform="crop") or "fit", or batch_size=1'
        raise AimkitError(what, "DataLoader", hint)
