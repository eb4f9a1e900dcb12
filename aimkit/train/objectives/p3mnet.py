"""P3M-Net: AimNet's terms, and the cross-entropy of three side outputs (Li et al., ACM MM 2021, section 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from aimkit.models.backbones.contract import MattingOutput
from aimkit.train.losses import STAGES, classes, composition, cross_entropy, loss_terms
from aimkit.train.objectives import Objective, Terms, objectives

SIDES = ("side2", "side1", "side0")
_WEIGHTS = {"semantic_cross_entropy": 3 / 6, "fusion_composition": 1.0}


def weights(stage: str, options: Mapping[str, Any]) -> dict[str, float]:
    """Cross-entropy (side2 + side1 + side0 + 3 output) / 6, detail 2, alpha 3, composition 1."""
    names = STAGES.get(stage, ())
    own = {name: _WEIGHTS.get(name, 2.0 if name.startswith("detail") else 3.0) for name in names}
    return own | ({f"{side}_cross_entropy": 1 / 6 for side in SIDES} if names else {})


def terms(network: Any, output: MattingOutput, batch: Mapping[str, Tensor], stage: str, parity: bool) -> Terms:
    """P3M-Net's terms; the cross-entropy is taken of logits, in parity too.

    In parity, the composition loss is the released code's: it compares levels of 0..255 with the normalised image, and
    divides by 255.
    """
    found = loss_terms(output, batch, stage, parity)
    assert output.semantic_logits is not None
    target = classes(batch["label"])
    found["semantic_cross_entropy"] = cross_entropy(output.semantic_logits, target)
    for side in SIDES:
        found[f"{side}_cross_entropy"] = cross_entropy(output.extra[side], target)
    if parity and stage == "matting":
        levels = 255 * batch["foreground"], 255 * batch["background"]
        found["fusion_composition"] = composition(output.alpha, network.preprocess(batch["image"]), *levels) / 255
    return found


objectives.register("p3mnet")(Objective(terms, weights))
