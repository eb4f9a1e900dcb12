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
    """An embedded colour profile that is not sRGB's, or colours that were converted without one."""
    profile = view.headers[0].profile
    # Grey profiles ("Dot Gain 20%", "Gray Gamma 2.2") say nothing about colours.
    if profile and not any(word in profile.lower() for word in ("srgb", "s-rgb", "sgrey", "gray", "grey", "c2")):
        return f"the colour profile '{profile[:60]}' is ignored"
    return next((note for note in view.image.notes if "profile" in note), "")
