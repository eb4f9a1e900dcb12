"""AimNet: cross-entropy, L1, Laplacian and composition, each with weight 1 (Li et al., IJCAI 2021, section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from aimkit.models.backbones.contract import MattingOutput
from aimkit.train.losses import AIMNET_STAGES, loss_terms
from aimkit.train.objectives import Objective, Terms, objectives


def weights(stage: str, options: Mapping[str, Any]) -> dict[str, float]:
    """1 for every term."""
    return dict.fromkeys(AIMNET_STAGES.get(stage, ()), 1.0)


def terms(network: Any, output: MattingOutput, batch: Mapping[str, Tensor], stage: str, parity: bool) -> Terms:
    """AimNet's terms. In parity, the composition loss sees the planes as the network does."""
    if parity:
        planes = ("image", "foreground", "background")
        batch = {**batch, **{name: network.preprocess(batch[name]) for name in planes}}
    return loss_terms(output, batch, stage, parity)


objectives.register("aimnet")(Objective(terms, weights))
