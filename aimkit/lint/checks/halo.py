"""Residue of the old background in the colours under partial alpha: a halo on every new background."""

from __future__ import annotations

import cv2
import numpy as np

from aimkit.lint.checks.premultiplied import is_premultiplied
from aimkit.lint.item import is_rendered
from aimkit.lint.registry import picture_checks
from aimkit.lint.view import LintView
from aimkit.matting.foreground import bleed
from aimkit.types import Float, UInt8

#: Longer side at which colours are compared, pixels; how far from solid parts, in pixels of that size.
_SIDE, _REACH = 640, 6

#: Measured on 125 cut-outs of nine kinds, as they are and with the colours of composites: the colours at low alpha are
#: 2 to 4 times as far from those of the solid parts nearby as the colours at high alpha; without residue, 0.5 to 1.5.
_GROWTH, _DISTANCE = 1.8, 28.0


@picture_checks.register(
    "halo",
    severity="warning",
    advice="Estimate the foreground's colours again (--fix does), or give photo and matte in place of the cut-out.",
    fix="colours under partial alpha estimated again",
)
def halo(view: LintView) -> str:
    """Colours that move away from the solid foreground's as alpha falls, as those of the photo itself do.

    Those of ``aimkit render`` are exact: fur shines through at its tips, and glass is brightest where it is clearest.
    """
    if view.alpha is None or view.item.role not in ("single", "colours") or is_premultiplied(view):
        return ""
    found = residue(view.rgb, view.alpha)
    if found is None:
        return ""
    low, high, brighter = found
    if low < _DISTANCE or low < _GROWTH * (high + 3) or is_rendered(view.item):
        return ""
    seen = "dark" if brighter else "bright"
    return f"background shows in the colours under low alpha (off by {low:.0f} levels): a halo on {seen} backgrounds"


def residue(rgb: UInt8, alpha: UInt8) -> tuple[float, float, bool] | None:
    """How far colours are from those of the solid parts nearby.

    Args:
        rgb: Straight colours, (H, W, 3).
        alpha: Matte, (H, W).

    Returns:
        The mean distance at low alpha and at high alpha, in 8-bit levels, and whether the colours at low alpha are
        brighter than the solid ones, so that they show on dark backgrounds; None where too little is soft or solid.
    """
    step = max(1.0, max(alpha.shape) / _SIDE)
    rows, columns = (np.arange(0, side, step).astype(int) for side in alpha.shape)
    # Pixels are picked, not averaged: averaging would mix colours under low and high alpha.
    rgb, alpha = rgb[np.ix_(rows, columns)], alpha[np.ix_(rows, columns)]
    solid = np.where(alpha >= 243, alpha, 0).astype(np.uint8)
    if np.count_nonzero(solid) < 64:
        return None
    distance = cv2.distanceTransform((solid == 0).astype(np.uint8), cv2.DIST_L2, 3)
    near = (alpha > 12) & (alpha < 230) & (distance < _REACH)
    low, high = near & (alpha < 90), near & (alpha > 165)
    if np.count_nonzero(low) < 24 or np.count_nonzero(high) < 24:
        return None
    expected = bleed(rgb, solid)
    off: Float = rgb.astype(np.float32) - expected
    return float(np.abs(off[low]).mean()), float(np.abs(off[high]).mean()), bool(off[low].mean() > 0)
