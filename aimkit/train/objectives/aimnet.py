"""AimNet: cross-entropy, L1, Laplacian and composition, each with weight 1 (Li et al., IJCAI 2021, section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from aimkit.models.backbones.contract import MattingOutput
from aimkit.train.losses import STAGES, matting_losses
from aimkit.train.objectives import Terms, objectives


def weights(stage: str, options: Mapping[str, Any]) -> dict[str, float]:
    """Weights of the terms."""
    return dict.fromkeys(STAGES.get(stage, ()), 1.0)


@objectives.register("aimnet", weights=weights)
def aimnet(network: Any, output: MattingOutput, batch: Mapping[str, Tensor], stage: str, parity: bool) -> Terms:
    """AimNet's terms. In parity, the composition loss sees the planes as the network does."""
    planes = {name: batch[name] for name in ("image", "foreground", "background")}
    if parity:
        planes = {name: network.preprocess(plane) for name, plane in planes.items()}
    terms = matting_losses(
        output.semantic,
        output.detail,
        output.alpha,
        alpha=batch["alpha"],
        label=batch["label"],
        image=planes["image"],
        foreground=planes["foreground"],
        background=planes["background"],
        stage=stage,
        parity=parity,
        semantic_logits=output.semantic_logits,
        composition_valid=batch["composition_valid"],
    )
    return {name: terms[name] for name in STAGES[stage]}
