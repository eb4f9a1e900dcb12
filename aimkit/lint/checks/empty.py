"""Mattes that say nothing: clear everywhere, or opaque everywhere."""

from __future__ import annotations

from aimkit.lint.registry import picture_checks
from aimkit.lint.view import LintView


@picture_checks.register(
    "empty-matte", severity="error", advice="Remove the picture, or give it a matte that shows the foreground."
)
def empty_matte(view: LintView) -> str:
    """A matte that is 0 everywhere, or 1 everywhere."""
    if view.alpha is None:
        return ""
    if not view.histogram[2:].any():
        return "the matte is empty: alpha is 0 everywhere"
    return "the matte is opaque everywhere" if not view.histogram[:254].any() else ""
