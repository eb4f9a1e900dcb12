"""Baselines: predictors without training that a network must beat before its numbers mean anything."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from aimkit.errors import AimkitError
from aimkit.evaluate.images import EvaluationSet
from aimkit.registry import Registry
from aimkit.skips import Skips
from aimkit.types import Array, Float, UInt8, to_uint8

#: Entries are ``(data) -> (image (H, W, 3) uint8 -> alpha (H, W) float32)``.
baselines: Registry[Callable[[EvaluationSet], Callable[[UInt8], Float]]] = Registry("baseline")


@baselines.register("zeros")
def zeros(data: EvaluationSet) -> Callable[[UInt8], Float]:
    """Everything is background."""
    return lambda image: np.zeros(image.shape[:2], np.float32)


@baselines.register("ones")
def ones(data: EvaluationSet) -> Callable[[UInt8], Float]:
    """Everything is foreground."""
    return lambda image: np.ones(image.shape[:2], np.float32)


@baselines.register("constant")
def constant(data: EvaluationSet) -> Callable[[UInt8], Float]:
    """The constant that minimises the absolute error on this data: the median of all its alpha mattes."""
    counts = _levels(data)
    median = np.float32(np.searchsorted(np.cumsum(counts), counts.sum() / 2) / 255)
    return lambda image: np.full(image.shape[:2], median, np.float32)


@baselines.register("mean")
def mean(data: EvaluationSet) -> Callable[[UInt8], Float]:
    """The constant that minimises the squared error on this data: the mean of all its alpha mattes."""
    counts = _levels(data)
    average = np.float32(counts @ np.arange(256) / counts.sum() / 255)
    return lambda image: np.full(image.shape[:2], average, np.float32)


@baselines.register("otsu")
def otsu(data: EvaluationSet) -> Callable[[UInt8], Float]:
    """Otsu's threshold on luminance (1979); the side with less of the border is the foreground."""

    def predict(image: UInt8) -> Float:
        grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        mask = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1].astype(np.float32)
        border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
        return 1 - mask if border.mean() > 0.5 else mask

    return predict


@baselines.register("closed-form")
def closed_form(data: EvaluationSet) -> Callable[[UInt8], Float]:
    """Saliency by colour, a trimap around its outline, closed-form matting; seconds a photo."""
    from aimkit.evaluate.classical import closed_form as predict

    return predict


def baseline(name: str, data: EvaluationSet) -> Callable[[UInt8], Float]:
    """The predictor of that name for the data.

    Raises:
        AimkitError: The baseline is unknown, or the data has predictions of its own.
    """
    entry = baselines.get(name, "--baseline")
    if any("prediction" in (one.files or {}) for one in data.entries):
        raise AimkitError("the data has predictions of its own", f"--baseline {name}", "leave out --predictions")
    return entry.value(data)


def _levels(data: EvaluationSet) -> Array:
    """Histogram of the alpha mattes over 256 levels, of those that can be read.

    Raises:
        AimkitError: None can be read.
    """
    counts, skips = np.zeros(256, np.int64), Skips("matte")
    for entry in data.entries:
        with skips.guard(entry.id):
            matte = data.read(entry).alpha
            counts += np.bincount((matte if matte.dtype == np.uint8 else to_uint8(matte)).ravel(), minlength=256)
    skips.check(len(data.entries))
    return counts
