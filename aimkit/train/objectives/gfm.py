"""GFM: AimNet's terms for each representation of semantic and transition areas (Li et al., IJCV 2021, section 4.3).

| RoSTa | classes | the detail's target in the unknown area |
|---|---|---|
| TT | background, unknown, foreground | alpha |
| FT | foreground (the eroded alpha) or not | alpha - erosion, which is alpha |
| BT | background (outside the dilated alpha) or not | dilation - alpha, which is 1 - alpha |

Erosion, dilation and the unknown area are those of the batch's label, so that all three fit together. The paper's
kernel is 25 for TT and 50 for FT and BT: ``labels.kernel``.

``parity`` is what the released code does instead: the cross-entropy sees the sigmoids; its target is the dilation for
FT and the fully opaque pixels for BT; and RIM takes FT's outputs once more for BT's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from aimkit.models.backbones.contract import MattingOutput
from aimkit.models.fusion import ROSTAS
from aimkit.train.losses import STAGES, classes, composition, cross_entropy, l1_alpha, laplacian, unknown_area
from aimkit.train.objectives import Objective, Terms, objectives

PARTS = tuple(name.lower() for name in ROSTAS)


def weights(stage: str, options: Mapping[str, Any]) -> dict[str, float]:
    """0.25 for each term; for RIM 1 for each term of TT, FT and BT, and of the joined alpha."""
    names = STAGES.get(stage, ())
    if options.get("rosta", "TT") != "RIM":
        return dict.fromkeys(names, 0.25)
    last = [name for name in names if name.startswith("fusion")]
    return dict.fromkeys([*(f"{part}_{name}" for part in PARTS for name in names), *last], 1.0)


def terms(network: Any, output: MattingOutput, batch: Mapping[str, Tensor], stage: str, parity: bool) -> Terms:
    """GFM's terms; the composition loss is in [0, 1]."""
    if network.rosta != "RIM":
        return _part(network.rosta, output, batch, stage, parity, released=parity)
    found = _fusion(output.alpha, batch, stage, parity)
    for part in PARTS:
        source = "ft" if parity and part == "bt" else part
        own = MattingOutput(
            output.extra[f"semantic_{source}"],
            output.extra[f"detail_{source}"],
            output.extra[f"alpha_{source}"],
            output.extra[f"semantic_logits_{source}"],
        )
        named = _part(part.upper(), own, batch, stage, parity, released=False)
        found |= {f"{part}_{name}": value for name, value in named.items()}
    return found


def _part(
    rosta: str, output: MattingOutput, batch: Mapping[str, Tensor], stage: str, parity: bool, *, released: bool
) -> Terms:
    """The terms of one representation; ``released`` takes the released code's targets of FT and BT."""
    label, truth = batch["label"], batch["alpha"] / 255
    unknown = unknown_area(label, parity)
    target = classes(label, ROSTAS[rosta].classes)
    if released and rosta == "FT":
        target = (label[:, 0] >= 128).long()
    elif released and rosta == "BT":
        target = (batch["alpha"][:, 0] == 255).long()
    wanted = 1 - truth if rosta == "BT" else truth
    scores = output.semantic if parity or output.semantic_logits is None else output.semantic_logits
    found = {
        "semantic_cross_entropy": cross_entropy(scores, target),
        "detail_alpha": l1_alpha(output.detail, wanted, unknown, pooled=parity),
    }
    if stage == "matting":
        found["detail_laplacian"] = laplacian(output.detail, wanted, unknown)
    return found | _fusion(output.alpha, batch, stage, parity)


def _fusion(alpha: Tensor, batch: Mapping[str, Tensor], stage: str, parity: bool) -> Terms:
    truth = batch["alpha"] / 255
    found = {"fusion_alpha": l1_alpha(alpha, truth)}
    if stage == "matting":
        valid = None if parity else batch["composition_valid"]
        found["fusion_laplacian"] = laplacian(alpha, truth)
        found["fusion_composition"] = composition(
            alpha, batch["image"], batch["foreground"], batch["background"], valid
        )
    return found


objectives.register("gfm")(Objective(terms, weights))
