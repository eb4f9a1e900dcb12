"""Cut, mirror, pad and resize all planes of a sample alike.

:func:`resize` keeps I = aF + (1-a)B: image and alpha are averaged, the foreground is averaged weighted by alpha and the
background by 1 - alpha. Labels are taken from the nearest pixel.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from aimkit.matting import kernels
from aimkit.types import Array, Sample

PLANES = ("image", "alpha", "trimap", "label", "foreground", "background")
LABELS = ("trimap", "label")


def planes_of(sample: Sample) -> list[str]:
    """Names of the planes that the sample has; folders of photos have neither foreground nor background."""
    return [name for name in PLANES if getattr(sample, name).shape[:2] == sample.size]


def cut(sample: Sample, top: int, left: int, height: int, width: int) -> Sample:
    """The rectangle of a sample that begins at (top, left)."""
    parts: dict[str, Any] = {
        name: getattr(sample, name)[top : top + height, left : left + width] for name in planes_of(sample)
    }
    return replace(sample, **parts)


def mirror(sample: Sample) -> Sample:
    """Mirror left and right."""
    return replace(sample, **{name: getattr(sample, name)[:, ::-1] for name in planes_of(sample)})


def pad(sample: Sample, side: int) -> Sample:
    """Reflect the borders until both sides have at least that many pixels."""
    below, beside = (max(0, side - n) for n in sample.size)
    if not below and not beside:
        return sample
    borders = (below // 2, below - below // 2, beside // 2, beside - beside // 2)
    padded: dict[str, Any] = {
        name: cv2.copyMakeBorder(np.ascontiguousarray(getattr(sample, name)), *borders, cv2.BORDER_REFLECT_101)
        for name in planes_of(sample)
    }
    return replace(sample, **padded)


def resize(sample: Sample, size: tuple[int, int]) -> Sample:
    """Resize a sample to (height, width) so that the compositing equation survives."""
    if sample.size == size:
        return sample
    kernel = cv2.INTER_AREA if size[0] <= sample.size[0] and size[1] <= sample.size[1] else cv2.INTER_LINEAR
    times = sample.size[0] // size[0]
    if sample.size == (times * size[0], times * size[1]) and len(planes_of(sample)) == len(PLANES):
        planes = kernels.reduce(sample.image, sample.alpha, sample.foreground, sample.background, times)
        small: dict[str, Any] = dict(zip(("image", "alpha", "foreground", "background"), planes, strict=True))
        for name in LABELS:
            small[name] = getattr(sample, name)[times // 2 :: times, times // 2 :: times]
        return replace(sample, **small)
    alpha = sample.alpha
    result: dict[str, Any] = {
        "alpha": _to(alpha, size, kernel),
        "image": _to(sample.image, size, kernel),
    }
    for name in LABELS:
        result[name] = _to(getattr(sample, name), size, cv2.INTER_NEAREST_EXACT)
    for name, weight in (("foreground", alpha), ("background", 255 - alpha)):
        plane = getattr(sample, name)
        if plane.shape[:2] == sample.size:
            sums = _to(np.multiply(plane, cv2.merge([weight, weight, weight]), dtype=np.uint16), size, kernel)
            share = _to(weight.astype(np.float32), size, kernel)
            solid = (share > 0.5)[..., None]
            mean = sums / np.maximum(share, np.float32(0.5))[..., None]
            unseen = _to(plane, size, cv2.INTER_NEAREST_EXACT)
            result[name] = np.where(solid, np.rint(np.minimum(mean, 255)).astype(np.uint8), unseen)
    return replace(sample, **result)


def stretch(sample: Sample, side: int) -> Sample:
    """Resize all planes bilinearly to a square, labels too, as the reference does."""
    stretched: dict[str, Any] = {
        name: _to(getattr(sample, name), (side, side), cv2.INTER_LINEAR) for name in planes_of(sample)
    }
    return replace(sample, **stretched)


def _to(plane: Array, size: tuple[int, int], kernel: int) -> Array:
    return cv2.resize(plane, (size[1], size[0]), interpolation=kernel)
