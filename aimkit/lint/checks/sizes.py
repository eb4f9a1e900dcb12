"""Pairs of different sizes, and orientations that only one file of a pair states."""

from __future__ import annotations

from aimkit.lint.registry import picture_checks
from aimkit.lint.view import LintView


@picture_checks.register(
    "size-mismatch",
    severity="error",
    advice="Give both files of the pair the same size; check that they belong together.",
)
def size_mismatch(view: LintView) -> str:
    """A pair of different sizes, unless an orientation explains it."""
    if view.matte is None or view.matte.size == view.image.size or exif_one_side(view):
        return ""
    (height, width), (rows, columns) = view.image.size, view.matte.size
    return f"the colours are {width} x {height}, the matte {columns} x {rows}"


@picture_checks.register(
    "exif-one-side",
    severity="error",
    advice="Turn the matte as the photo's orientation says (--fix does), or remove the orientation from the photo.",
    fix="EXIF orientation applied to both files",
)
def exif_one_side(view: LintView) -> str:
    """A pair in which only one file has an EXIF orientation, and whose sizes match only without it."""
    if view.matte is None or len(view.headers) < 2:
        return ""
    colours, matte = (header.orientation for header in view.headers)
    turned = view.matte.size == view.image.size[::-1] != view.image.size
    if (colours == 1) == (matte == 1) or not turned:
        return ""
    which, orientation = ("photo", colours) if matte == 1 else ("matte", matte)
    return f"only the {which} has an EXIF orientation ({orientation}), and the sizes are each other's transpose"


@picture_checks.register(
    "tiny", severity="warning", advice="Get the original, or leave the picture out: training crops are larger."
)
def tiny(view: LintView) -> str:
    """A picture whose shorter side (of a cut-out: longer side) is under 200 pixels."""
    height, width = view.image.size
    alone = view.item.role == "single" and view.alpha is not None
    side = max(height, width) if alone else min(height, width)
    return f"the picture has only {width} x {height} pixels" if side < 200 else ""
