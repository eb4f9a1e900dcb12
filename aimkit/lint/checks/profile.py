"""Colour profiles other than sRGB: aimkit, like most training code, takes levels as sRGB."""

from __future__ import annotations

from aimkit.lint.registry import picture_checks
from aimkit.lint.view import LintView


@picture_checks.register(
    "colour-profile",
    severity="note",
    advice="Convert the picture to sRGB, unless a slight shift of its colours does not matter.",
)
def colour_profile(view: LintView) -> str:
    """An embedded colour profile other than sRGB, or colours that were converted without one."""
    profile = view.headers[0].profile
    # Grey profiles say nothing about colours; "c2" is a compact sRGB.
    if profile and profile != "c2" and not any(word in profile.lower() for word in ("srgb", "sgrey", "gray", "grey")):
        return f"the colour profile '{profile[:60]}' is ignored"
    return next((note for note in view.image.notes if "profile" in note), "")
