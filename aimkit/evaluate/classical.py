"""Automatic matting without learning: colour saliency, a trimap around its outline, and closed-form matting.

Three published methods in a row, as a classical baseline for networks:

1. Saliency from colours (after Rahtu et al., "Segmenting Salient Objects from Images and Videos", ECCV 2010): a pixel
   is salient if its colour is frequent near the middle and rare along the border, except the lower one.
2. Otsu's threshold (1979); a band around the outline is unknown.
3. Closed-form matting (Levin, Lischinski, Weiss, PAMI 2008), by pymatting.

It handles one salient opaque object away from the border; it fails on glass, smoke and textures.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from aimkit import console
from aimkit.types import Array, Float, UInt8

#: Long side in pixels of the reduced photo: closed-form matting takes seconds there, and minutes at full size.
LONG_SIDE = 512

_BINS = 16
#: Width of the border that counts as background, and of the centre prior, as shares of the sides.
_BORDER, _CENTRE = 0.06, 0.3
#: Half the width of the unknown band, as a share of the longer side.
_BAND = 0.025


def closed_form(image: UInt8) -> Float:
    """Predict an alpha matte at no more than ``LONG_SIDE`` pixels and enlarge it.

    Args:
        image: RGB, uint8, (H, W, 3).

    Returns:
        Alpha, float32 in [0, 1], (H, W).
    """
    height, width = image.shape[:2]
    scale = min(1.0, LONG_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA), np.uint8)
    trimap = trimap_of(saliency(small))
    alpha = trimap
    if {0.0, 0.5, 1.0} <= set(np.unique(trimap).tolist()):
        with console.when_slow("compiling closed-form matting, once on this machine: up to a minute", 6):
            from pymatting.alpha.estimate_alpha_cf import estimate_alpha_cf

        alpha = np.asarray(estimate_alpha_cf(small / 255.0, trimap.astype(np.float64)), np.float32)
    full = cv2.resize(np.clip(alpha, 0, 1), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(full, 0, 1).astype(np.float32)


def saliency(image: UInt8) -> Float:
    """Saliency of every pixel by its colour, float32 in [0, 1], (H, W); arguments as for closed_form."""
    height, width = image.shape[:2]
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB) // (256 // _BINS)
    index = (lab[..., 0].astype(int) * _BINS + lab[..., 1]) * _BINS + lab[..., 2]
    y, x = ((np.arange(n) + 0.5) / n - 0.5 for n in (height, width))
    centre = np.exp(-0.5 * ((y[:, None] / _CENTRE) ** 2 + (x[None] / _CENTRE) ** 2))
    # Objects often stand on the lower border, so it does not show the background.
    border = np.maximum(-y[:, None], np.abs(x)[None]) > 0.5 - _BORDER
    inside, outside = (_frequencies(index, weights * 1.0) for weights in (centre, border))
    ratio = inside / (inside + outside)
    spread = 0.01 * max(height, width)
    return np.asarray(gaussian_filter(ratio[index] * np.sqrt(centre), spread), np.float32)


def trimap_of(salient: Float) -> Float:
    """Trimap of levels 0, 0.5 and 1, float32, (H, W): Otsu's threshold with an unknown band around the outline."""
    levels = np.rint(255 * salient / max(float(salient.max()), 1e-6)).astype(np.uint8)
    mask = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    side = 2 * max(1, round(_BAND * max(salient.shape))) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    # Remove holes and specks that are smaller than the band.
    mask = cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, disc), cv2.MORPH_OPEN, disc)
    eroded, dilated = cv2.erode(mask, disc), cv2.dilate(mask, disc)
    return ((eroded.astype(np.float32) + dilated) / 2).astype(np.float32)


def _frequencies(index: Array, weights: Array) -> Array:
    """Relative frequency of every colour bin, smoothed over its neighbours, float64, (bins,)."""
    counts = np.bincount(index.ravel(), weights.ravel(), _BINS**3).reshape(_BINS, _BINS, _BINS)
    smooth = gaussian_filter(counts, 1.0, mode="constant").ravel()
    return np.asarray(smooth / smooth.sum() + 1e-9)
