"""Colours that are multiplied by alpha though their file does not say so."""

from __future__ import annotations

import numpy as np

from aimkit.lint.registry import picture_checks
from aimkit.lint.view import LintView
from aimkit.synth.sources.cutouts import looks_premultiplied
from aimkit.types import to_float


@picture_checks.register(
    "premultiplied",
    severity="warning",
    advice="Set premultiplied = true for the source, or let --fix divide the colours by alpha.",
    fix="colours divided by alpha",
)
def premultiplied(view: LintView) -> str:
    """Colours that nowhere exceed alpha and nearly reach it, so they look multiplied by it."""
    if view.alpha is None or view.item.role not in ("single", "colours") or view.image.associated:
        return ""
    return "the colours look multiplied by alpha, but are read as straight" if is_premultiplied(view) else ""


def is_premultiplied(view: LintView) -> bool:
    """Whether the colours of a foreground look multiplied by its alpha."""
    assert view.alpha is not None
    # Every third pixel tells as much as all of them.
    step = max(1, int((view.alpha.size / 400_000) ** 0.5))
    rgb, alpha = view.rgb[::step, ::step], view.alpha[::step, ::step]
    return looks_premultiplied(np.ascontiguousarray(rgb), to_float(alpha))
