"""Mattes that belong to the photo but lie elsewhere on it: shifted, mirrored, or turned."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from aimkit.lint.registry import picture_checks
from aimkit.lint.view import LintView
from aimkit.types import Float, UInt8

#: Correlation of edges that another position must reach, and how much more than the matte's own position. Measured on
#: 123 pairs of saliency masks and mattes and on the same pairs shifted and mirrored, see ``docs/results/lint.md``.
_LEAST, _TIMES = 0.12, 1.8

#: Largest shift that is looked for, as a share of the longer side.
_REACH = 0.12

_TURNS = {"mirrored": 1, "upside down": 0, "turned by 180 degrees": -1}


class Position(NamedTuple):
    """Where a matte fits its photo better.

    Attributes:
        own: Correlation of the edges where the matte lies.
        best: The best correlation elsewhere.
        how: How the matte lies there, in words.
    """

    own: float
    best: float
    how: str


@picture_checks.register(
    "moved-matte",
    severity="error",
    advice="Compare photo and matte; export the matte again at the photo's position and orientation.",
)
def moved_matte(view: LintView) -> str:
    """A matte whose edges follow the photo's only after it is shifted, mirrored or turned."""
    if view.item.role != "photo" or view.small_alpha is None or min(view.small.shape) < 48:
        return ""
    found = best_position(view.small, view.small_alpha)
    if found.best < _LEAST or found.best < _TIMES * max(found.own, 0.02):
        return ""
    return f"the matte fits the photo better {found.how} (edges agree by {found.best:.2f}, not {found.own:.2f})"


def best_position(grey: UInt8, alpha: UInt8) -> Position:
    """Compare the edges of a photo, (H, W), with those of its matte, (H, W), in all positions nearby."""
    photo, matte = _local(_edges(grey)), np.minimum(_edges(alpha), 200)
    height, width = grey.shape
    reach = int(_REACH * max(height, width))
    nearby = _correlation(photo, matte, reach)
    here = np.s_[reach - 2 : reach + 3, reach - 2 : reach + 3]
    own = float(nearby[here][1:-1, 1:-1].max())
    nearby[here] = -1
    row, column = np.unravel_index(int(nearby.argmax()), nearby.shape)
    right, down = (100 * (column - reach) / width, 100 * (row - reach) / height)
    options = [(float(nearby.max()), f"shifted by {right:+.0f} % of the width and {down:+.0f} % of the height")]
    for name, code in _TURNS.items():
        turned = np.asarray(cv2.flip(matte, code), np.float32)
        options.append((float(_correlation(photo, turned, 2).max()), name))
    best, how = max(options)
    return Position(own, best, how)


def _edges(plane: UInt8) -> Float:
    """Magnitude of the gradient of a slightly blurred plane."""
    smooth = cv2.GaussianBlur(plane.astype(np.float32), (0, 0), 1)
    return np.asarray(cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)))


def _local(edges: Float) -> Float:
    """Edges relative to their surroundings: a busy background must not outweigh the outline."""
    return np.asarray(edges / (cv2.GaussianBlur(edges, (0, 0), 12) + 4), np.float32)


def _correlation(photo: Float, matte: Float, reach: int) -> Float:
    """Normalised correlation when the matte is moved by up to ``reach`` pixels; no shift is in the middle."""
    first, second = photo - photo.mean(), matte - matte.mean()
    framed = cv2.copyMakeBorder(first, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0)
    norm = float(np.linalg.norm(first) * np.linalg.norm(second)) + 1e-9
    return np.asarray(cv2.matchTemplate(framed, second, cv2.TM_CCORR) / norm, np.float32)
