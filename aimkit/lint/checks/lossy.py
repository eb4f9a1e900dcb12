"""Mattes that are, or once were, JPEGs: noise around every edge, which a trimap takes for unknown."""

from __future__ import annotations

import numpy as np

from aimkit.lint.registry import picture_checks
from aimkit.lint.view import LintView
from aimkit.types import UInt8

#: Share of the borders of noise that lie between 8 x 8 blocks: 1/8 by chance. Measured on 43 mattes, saved as they are
#: (at most 0.135) and as JPEGs of quality 85 (0.12 to 0.22) and 60 (0.14 to 0.27). On 185 rendered ones, grids and bars
#: reach 0.174, but then the borders at other distances do, too; JPEGs have at least 1.15 times as many between blocks.
_SHARE, _ABOVE = 0.155, 1.15

#: Borders of noise that are needed to tell.
_LEAST = 2000


@picture_checks.register(
    "lossy-matte",
    severity="warning",
    advice="Get the mattes as PNG. Levels near 0 and 1 are snapped when a JPEG is read; --fix writes them as PNG.",
    fix="levels near 0 and 1 snapped, written as PNG",
)
def lossy_matte(view: LintView) -> str:
    """A matte in a lossy format, or with compression noise in its flat parts."""
    if view.facts is None or view.alpha is None:
        return ""
    if view.facts.found.lossy:
        assert view.matte is not None
        return f"the matte is a lossy {view.matte.format}"
    if view.histogram[1:255].sum() == 0:
        return ""
    share = block_noise(view.alpha)
    if share <= _SHARE or share < _ABOVE * max(block_noise(view.alpha, after) for after in range(1, 8)):
        return ""
    return "the flat parts of the matte have the noise of a JPEG"


def block_noise(alpha: UInt8, after: int = 8) -> float:
    """How much of the outline of near-flat noise follows the borders of 8 x 8 blocks; 0 where there is hardly any.

    Args:
        alpha: Matte, (H, W).
        after: Column or row of the blocks, 1 to 8, after which borders are counted instead.
    """
    # Levels 1 to 10 and 245 to 254: one step up, what is next to 0 and 255 lies in 2 to 11 and 246 to 255.
    noise = ((alpha - np.uint8(1)) < 10) | ((alpha - np.uint8(245)) < 10)
    total = between = 0
    for plane in (noise, noise.T):
        borders = np.count_nonzero(plane[:, 1:] != plane[:, :-1], axis=0)
        total += int(borders.sum())
        between += int(borders[after - 1 :: 8].sum())
    return between / total if total >= _LEAST else 0.0
