"""Trimaps that contradict their mattes."""

from __future__ import annotations

import numpy as np

from aimkit.errors import AimkitError
from aimkit.imageio import read_grey
from aimkit.lint.registry import picture_checks
from aimkit.lint.view import LintView
from aimkit.storage import Place


@picture_checks.register(
    "trimap-mismatch",
    severity="error",
    advice="Make the trimap again from the matte: metrics of its unknown region are wrong otherwise.",
)
def trimap_mismatch(view: LintView) -> str:
    """A trimap of another size, or one that is background or foreground where alpha is not 0 or 1."""
    if view.item.trimap is None or view.alpha is None:
        return ""
    try:
        trimap = read_grey(_bytes(view.item.trimap), str(view.item.trimap))
    except AimkitError as error:
        return f"the trimap can't be used: {error.what}"
    if trimap.shape != view.alpha.shape:
        return f"the trimap is {trimap.shape[1]} x {trimap.shape[0]}, the matte {view.alpha.shape[1]} x " + str(
            view.alpha.shape[0]
        )
    # One level in twenty: mattes are rounded, trimaps are drawn by hand.
    wrong = ((trimap == 0) & (view.alpha > 12)) | ((trimap == 255) & (view.alpha < 243))
    share = float(np.count_nonzero(wrong)) / wrong.size
    return f"{share:.1%} of the trimap is background or foreground where alpha is not 0 or 1" if share > 0.002 else ""


def _bytes(place: Place) -> bytes:
    from aimkit.datasets.scan import read_place

    return read_place(place)
