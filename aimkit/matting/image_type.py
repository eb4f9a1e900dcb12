"""Guess an image's type (SO, STM, NS) from its alpha matte alone.

The rule, in words:

* **NS** when the foreground covers the whole frame and has no solid body: it touches all four sides, about as densely
  as it fills the inside, reaches nine in ten cells of an 8 x 8 grid, and no large disc fits into its solid part.
* **STM** when otherwise little is solid and wide regions are partial (glass, smoke), or only thin structures are solid
  (net, web).
* **SO** otherwise.

The rule sees shapes, not meanings: a tree against the sky may be any of the three. The confidence states how far the
matte is from another answer; check guesses of low confidence by eye (``aimkit types infer``).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from aimkit.types import Array, Float, ImageType

#: Alpha below and above which a pixel counts as empty and as solid; within 1.5 % is noise of cameras and codecs.
_EMPTY, _SOLID = 0.015, 0.985
_GRID = 8


@dataclass(frozen=True)
class Statistics:
    """The measurements that the rule uses. Shares are in [0, 1].

    Attributes:
        solid: Share of pixels with alpha 1.
        partial: Share of pixels with alpha between 0 and 1.
        empty: Share of pixels with alpha 0.
        border: Share of the frame's border pixels that are not empty.
        sides: Number of sides of the frame that the foreground touches, 0 to 4.
        spread: Share of the cells of an 8 x 8 grid that hold foreground.
        body: Radius of the largest disc inside the solid region, relative to the square root of the foreground's area
            (a disc has 0.56).
        haze: Mean distance of partial pixels to the nearest pixel that is not partial, relative in the same way.
    """

    solid: float
    partial: float
    empty: float
    border: float
    sides: int
    spread: float
    body: float
    haze: float


@dataclass(frozen=True)
class Inference:
    """The inferred type of a matte.

    Attributes:
        type: The most likely type.
        confidence: Distance to the nearest other type, from 0.5 (undecided) to 1; not a probability.
        statistics: The measurements behind it.
    """

    type: ImageType
    confidence: float
    statistics: Statistics


def infer(alpha: Float) -> Inference:
    """Infer the type of an alpha matte, float32 in [0, 1], (H, W)."""
    return decide(measure(alpha))


def decide(statistics: Statistics) -> Inference:
    """Apply the rule that the module describes."""
    s = statistics
    covered = max(1 - s.empty, 1e-6)
    contact = s.border / covered
    frame = min((s.spread - 0.9) / 0.1, (contact - 0.3) / 0.3, (0.1 - s.body) / 0.1) if s.sides == 4 else -1.0
    # Both terms must be large: a solid share without a body is a net, and a body is what makes the rest its fringe.
    opaque = min(s.solid / covered + 2 * s.body - 5 * s.haze, 10 * s.body) / 0.3 - 1
    if frame >= 0:
        return Inference(ImageType.NS, 0.5 + 0.5 * min(frame, 1), s)
    sure = min(abs(opaque), -frame, 1)
    return Inference(ImageType.SO if opaque >= 0 else ImageType.STM, 0.5 + 0.5 * sure, s)


def measure(alpha: Float) -> Statistics:
    """Measure an alpha matte, float32 in [0, 1], (H, W)."""
    alpha = np.asarray(alpha, np.float32)
    some, solid = alpha > _EMPTY, alpha >= _SOLID
    partial = some & ~solid
    area = float(some.sum())
    edges = [some[0], some[-1], some[:, 0], some[:, -1]]
    cells = cv2.resize(some.astype(np.float32), (_GRID, _GRID), interpolation=cv2.INTER_AREA)
    scale = max(area, 1.0) ** 0.5
    return Statistics(
        solid=float(solid.mean()),
        partial=float(partial.mean()),
        empty=float(1 - some.mean()),
        border=float(np.concatenate(edges).mean()),
        sides=sum(bool(edge.mean() > 0.01) for edge in edges),
        spread=float((cells > 0.002).mean()),
        body=float(_distance(solid).max()) / scale,
        haze=float(_distance(partial)[partial].mean()) / scale if partial.any() else 0.0,
    )


def _distance(mask: Array) -> Float:
    """Distance of every pixel of the mask to the next pixel outside it; the frame's border counts as outside."""
    framed = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1], np.float32)
