"""What architectures are trained for: their loss terms and the weights of these, by name.

An architecture names its objective in its registry entry, ``register_model(name, loss="aimnet")``. An entry here is
``compute(network, output, batch, stage, parity) -> terms`` and carries ``weights``: ``weights(stage, options)`` gives
the weight of every term, where ``options`` are the keywords that the network was built with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from aimkit.errors import AimkitError
from aimkit.models.backbones.contract import MattingOutput
from aimkit.models.registry import models
from aimkit.registry import Registry, RegistryEntry, did_you_mean

Terms = dict[str, Tensor]

objectives: Registry[Callable[..., Terms]] = Registry("objective", ("aimkit.train.objectives",))


def objective_of(model: str) -> RegistryEntry[Callable[..., Terms]]:
    """The objective of a registered network; AimNet's when its entry names none.

    Raises:
        AimkitError: No such network or objective.
    """
    return objectives.get(models.get(model, "model").info.get("loss", "aimnet"), f"model {model}, loss")


def term_weights(
    model: str, stage: str, options: Mapping[str, Any], changed: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The terms of a stage and their weights.

    Args:
        model: Registered network.
        stage: "matting" or "duts".
        options: Keywords that the network is built with.
        changed: Weights that take the place of the architecture's own.

    Raises:
        AimkitError: No such network, the objective has no such stage, or a changed weight names no term of it.
    """
    entry = objective_of(model)
    weights: dict[str, float] = entry.info["weights"](stage, options)
    if not weights:
        raise AimkitError(f"the objective '{entry.name}' has no stage '{stage}'", f"model {model}")
    for name in changed or {}:
        if name not in weights:
            raise AimkitError(f"no term {name} in stage {stage}", "weights", did_you_mean(name, weights))
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
        network: The network itself, not wrapped.
        output: What it gave for the batch.
        batch: As ``aimkit.data.loader.to_device`` gives it.
        weights: As ``term_weights`` gives them.
        stage: "matting" or "duts".
        parity: As the reference computes them.

    Returns:
        Scalars, float32.
    """
    terms = objective_of(model).value(network, output, batch, stage, parity)
    return {**terms, "total": torch.stack([terms[name] * weight for name, weight in weights.items()]).sum()}
