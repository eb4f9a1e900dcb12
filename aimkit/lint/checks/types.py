"""Types that contradict the matte."""

from __future__ import annotations

from aimkit.lint.registry import picture_checks
from aimkit.lint.view import LintView
from aimkit.matting.image_type import infer
from aimkit.types import to_float

#: Confidence of :func:`aimkit.matting.image_type.infer` from which a contradiction is told.
_SURE = 0.9


@picture_checks.register(
    "type-mismatch",
    severity="warning",
    advice="Look at the picture and correct the types file: the type decides the label that is trained.",
)
def type_mismatch(view: LintView) -> str:
    """A stated type that the shape of the matte contradicts beyond doubt."""
    if view.type is None or view.small_alpha is None:
        return ""
    found = infer(to_float(view.small_alpha))
    if found.type == view.type or found.confidence < _SURE:
        return ""
    return f"it is stated as {view.type}, but the matte looks like {found.type} (confidence {found.confidence:.2f})"
