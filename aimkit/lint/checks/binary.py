"""Mattes without soft edges: masks, or mattes that were thresholded."""

from __future__ import annotations

from aimkit.lint.registry import picture_checks
from aimkit.lint.view import LintView

#: Levels that count as neither clear nor opaque; what lossy compression leaves beside an edge does not.
_SOFT = slice(16, 240)


@picture_checks.register(
    "binary-matte",
    severity="warning",
    advice="Use it for the saliency stage, or get a matte with soft edges: a network learns hard edges from masks.",
)
def binary_matte(view: LintView) -> str:
    """A matte with less than a tenth of the soft pixels that even a sharp outline has."""
    levels = view.histogram
    solid, soft = float(levels[240:].sum()), float(levels[_SOFT].sum())
    # A matte that is opaque everywhere has no outline.
    if view.alpha is None or not solid or not levels[:16].any():
        return ""
    # A smooth edge has about one soft pixel per pixel of outline, and the shortest outline is a disc's.
    outline = (12.6 * (solid + soft)) ** 0.5
    if soft >= 0.1 * outline:
        return ""
    return "the matte is binary" if not soft else f"the matte is almost binary: {soft:.0f} soft pixels"
