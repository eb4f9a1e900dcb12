"""Fusion of semantic classes and detail into the alpha matte."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from aimkit.errors import AimkitError
from aimkit.registry import did_you_mean

#: Alpha from semantic logits (B, K, H, W), detail in [0, 1] (B, 1, H, W) and the names of the K classes.
Fusion = Callable[[Tensor, Tensor, tuple[str, ...]], Tensor]

#: Semantic representations and their classes. ``generalized`` is the paper's: a trimap, duomap or unimap by image type,
#: all in three classes; the others label every image alike, for the paper's ablation.
REPRESENTATIONS: dict[str, tuple[str, ...]] = {
    "generalized": ("background", "unknown", "foreground"),
    "trimap": ("background", "unknown", "foreground"),
    "duomap": ("background", "unknown"),
    "unimap": ("unknown",),
}


def classes_of(representation: str) -> tuple[str, ...]:
    """The classes of a representation, in the order of the semantic channels.

    Raises:
        AimkitError: The representation is unknown.
    """
    # The paper's abbreviation, which the options of older weights may hold.
    representation = "generalized" if representation == "usr" else representation
    if representation not in REPRESENTATIONS:
        hint = did_you_mean(representation, REPRESENTATIONS)
        raise AimkitError(f"unknown representation '{representation}'", "representation", hint)
    return REPRESENTATIONS[representation]


def undecided(logits: Tensor, classes: tuple[str, ...]) -> Tensor:
    """Logits in place of the detail's, for a network of classes alone: foreground against background.

    Soft fusion then gives the chance of foreground among these two.

    Args:
        logits: Semantic logits, (B, K, H, W).
        classes: Names of the K classes.

    Returns:
        (B, 1, H, W); zeros when one of the two classes is missing.
    """
    if not {"background", "foreground"} <= set(classes):
        return torch.zeros_like(logits[:, :1])
    difference: Tensor = logits[:, classes.index("foreground")] - logits[:, classes.index("background")]
    return difference[:, None]


def fusion_of(name: str) -> Fusion:
    """The fusion of a name, ``argmax`` or ``soft``.

    Raises:
        AimkitError: The fusion is unknown.
    """
    if name not in FUSIONS:
        raise AimkitError(f"unknown fusion '{name}'", "fusion", did_you_mean(name, FUSIONS))
    return FUSIONS[name]


def argmax(semantic_logits: Tensor, detail: Tensor, classes: tuple[str, ...]) -> Tensor:
    """AimNet's fusion: the likeliest class decides; background is 0, foreground is 1, unknown is the detail.

    No gradient reaches the semantic branch.

    Args:
        semantic_logits: Class logits, (B, K, H, W). Of equal sigmoids the first class wins, as in the paper.
        detail: Detail in [0, 1], (B, 1, H, W).
        classes: Names of the K channels.

    Returns:
        Alpha in [0, 1], (B, 1, H, W).
    """
    # Ten times faster than argmax() over the channels on the CPU; of equal values both name the first.
    winner = torch.sigmoid(semantic_logits).max(dim=1, keepdim=True).indices
    alpha = detail
    for channel, name in enumerate(classes):
        if name != "unknown":
            alpha = alpha.masked_fill(winner == channel, 1.0 if name == "foreground" else 0.0)
    return alpha


def soft(semantic_logits: Tensor, detail: Tensor, classes: tuple[str, ...]) -> Tensor:
    """The expected alpha, P(foreground) + P(unknown) * detail, under the softmax of the logits; differentiable.

    Args:
        semantic_logits: Class logits, (B, K, H, W).
        detail: Detail in [0, 1], (B, 1, H, W).
        classes: Names of the K channels.

    Returns:
        Alpha in [0, 1], (B, 1, H, W).
    """
    probability = semantic_logits.softmax(dim=1)
    unknown = classes.index("unknown")
    alpha = probability[:, unknown : unknown + 1] * detail
    if "foreground" in classes:
        foreground = classes.index("foreground")
        alpha = alpha + probability[:, foreground : foreground + 1]
    return alpha.clamp(0.0, 1.0)


FUSIONS: dict[str, Fusion] = {"argmax": argmax, "soft": soft}


def argmax_complement(semantic_logits: Tensor, detail: Tensor, classes: tuple[str, ...]) -> Tensor:
    """As ``argmax`` with the detail inverted: unknown is 1 - detail (GFM's BT)."""
    return argmax(semantic_logits, 1 - detail, classes)


class Rosta(NamedTuple):
    """A representation of semantic and transition areas (GFM, IJCV 2021), and how its two outputs become alpha.

    Attributes:
        classes: Names of the semantic channels.
        fuse: Alpha from semantic logits and detail.
    """

    classes: tuple[str, ...]
    fuse: Fusion


#: With m = 1 in the second of two channels the paper writes FT as min(m + detail, 1) and BT as max(m - detail, 0):
#: where the semantic branch is sure, it decides, elsewhere alpha is the detail, or 1 - detail.
ROSTAS: dict[str, Rosta] = {
    "TT": Rosta(("background", "unknown", "foreground"), argmax),
    "FT": Rosta(("unknown", "foreground"), argmax),
    "BT": Rosta(("background", "unknown"), argmax_complement),
}
