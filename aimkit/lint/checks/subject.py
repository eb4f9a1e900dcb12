"""Subjects left in backgrounds: the network would learn them as background."""

from __future__ import annotations

import cv2
import numpy as np

from aimkit.lint.registry import picture_checks
from aimkit.lint.view import LintView
from aimkit.types import to_uint8

#: Longer side of the pictures that the network sees, pixels.
_SIDE = 768

#: Share of the frame that must be predicted as solid foreground. With the default weights, 32 of 50 photos of subjects
#: have more, and none of 50 photos without one; piles of fruit that fill the frame are in between (13 of 25).
_SHARE = 0.10


@picture_checks.register(
    "subject-in-background",
    severity="warning",
    advice="Look at the picture; leave it out if it shows a subject that a user would cut out.",
)
def subject_in_background(view: LintView) -> str:
    """A background in which the network finds a foreground (only with ``--with-network``)."""
    if view.predict is None or view.item.role != "single" or view.matte is not None:
        return ""
    height, width = view.rgb.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    photo = np.asarray(cv2.resize(view.rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    share = float((to_uint8(view.predict(photo)) > 229).mean())
    return f"the network sees a foreground on {share:.0%} of the frame" if share > _SHARE else ""
