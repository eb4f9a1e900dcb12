"""Training objectives of architectures: their loss terms and the weights of these, by name.

An architecture names its objective when it is registered, ``register_model(name, objective="aimnet")``. A new objective
is a file here that registers an :class:`Objective`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aimkit.errors import AimkitError
from aimkit.models.backbones.contract import MattingOutput
from aimkit.models.registry import models, take_name
from aimkit.registry import Registry, did_you_mean

Terms = dict[str, Tensor]


@dataclass(eq=False)
class Objective:
    """A training objective.

    Attributes:
        terms: ``terms(network, output, batch, stage, parity)``, the loss terms of a batch, scalars by name. The network
            is the bare one; ``batch`` and ``parity`` are as for ``losses.loss_terms``.
        weights: ``weights(stage, options)``, the weight of every term by name; empty when there is no such stage.
            ``options`` are the keywords that the network is built with.
    """

    terms: Callable[[Any, MattingOutput, Mapping[str, Tensor], str, bool], Terms]
    weights: Callable[[str, Mapping[str, Any]], dict[str, float]]

    def __post_init__(self) -> None:
        take_name(self, self.terms)


objectives: Registry[Objective] = Registry("objective", ("aimkit.train.objectives",))


def objective_of(model: str) -> Objective:
    """The objective of a registered network.

    Raises:
        AimkitError: The network or its objective is unknown.
    """
    return objectives.get(models.get(model, "model").value.objective, f"model {model}, objective").value


def term_weights(
    model: str, stage: str, options: Mapping[str, Any], changed: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The terms of a stage and their weights.

    Args:
        model: Registered network.
        stage: "matting", "saliency" or "semantic".
        options: Keywords that the network is built with.
        changed: Weights that replace the architecture's own.

    Raises:
        AimkitError: The network is unknown, its objective lacks the stage, or a changed weight names an unknown term.
    """
    weights = objective_of(model).weights(stage, options)
    if not weights:
        raise AimkitError(f"the objective of {model} has no stage '{stage}'", f"model {model}")
    for name in changed or {}:
        if name not in weights:
            raise AimkitError(f"unknown term {name} in stage {stage}", "weights", did_you_mean(name, weights))
    return {**weights, **(changed or {})}


def compute(
    model: str,
    network: Any,
    output: MattingOutput,
    batch: Mapping[str, Tensor],
    weights: Mapping[str, float],
    *,
    stage: str = "matting",
    parity: bool = False,
) -> Terms:
    """All terms of a batch, and ``total``, their weighted sum.

    Args:
        model: Registered network.
        network: The bare network, not wrapped for processes or compiled.
        output: Output of the network for the batch.
        batch: Batch from ``aimkit.data.loader.to_device``.
        weights: Weights from ``term_weights``.
        stage: "matting", "saliency" or "semantic".
        parity: Whether to compute the terms as the reference does.

    Returns:
        Scalars, float32.
    """
    terms = objective_of(model).terms(network, output, batch, stage, parity)
    return {**terms, "total": torch.stack([terms[name] * weight for name, weight in weights.items()]).sum()}
