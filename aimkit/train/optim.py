"""Optimisers and learning-rate schedules."""

from __future__ import annotations

import math

import torch
from torch import nn

from aimkit.train.recipe import Optim


def make_optimizer(model: nn.Module, params: Optim, fused: bool = False) -> torch.optim.Optimizer:
    """Adam or AdamW with four parameter groups: backbone and rest, with and without weight decay.

    Args:
        model: Network with a ``backbone``.
        params: Table ``optim`` of the recipe.
        fused: Take the steps in one kernel, even if ``params`` does not ask for it.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            # Parameters of one dimension are biases and the scales of normalisation layers.
            key = (name.startswith("backbone."), parameter.ndim > 1)
            groups.setdefault(key, []).append(parameter)
    rows = [
        {
            "params": parameters,
            "weight_decay": params.weight_decay if decays else 0.0,
            "factor": params.backbone_factor if in_backbone else 1.0,
            "frozen_until": params.freeze_backbone if in_backbone else 0,
        }
        for (in_backbone, decays), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]
    kind = torch.optim.Adam if params.name == "adam" else torch.optim.AdamW
    return kind(rows, lr=params.lr, betas=params.betas, fused=params.fused or fused or None)


def set_learning_rate(optimizer: torch.optim.Optimizer, params: Optim, step: int, steps: int) -> float:
    """Set the learning rate of every group for a step, and return that of the decoders.

    A frozen group has no gradients: its backward pass is skipped, and the norm that is clipped is that of the others.
    """
    rate = params.lr * schedule(params, step, steps)
    for group in optimizer.param_groups:
        frozen = step < group["frozen_until"]
        group["lr"] = 0.0 if frozen else rate * group["factor"]
        for parameter in group["params"]:
            parameter.requires_grad_(not frozen)
    return rate


def schedule(params: Optim, step: int, steps: int) -> float:
    """Factor of the learning rate at a step, counted from 0: linear warm-up, then constant or half a cosine."""
    if step < params.warmup:
        return (step + 1) / (params.warmup + 1)
    if params.schedule == "constant":
        return 1.0
    progress = (step - params.warmup) / max(1, steps - params.warmup)
    return params.floor + (1 - params.floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
