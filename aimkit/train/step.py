"""One step of the optimiser. Nothing in it makes the host wait for the device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from aimkit.data.loader import to_device
from aimkit.errors import AimkitError
from aimkit.rng import rng
from aimkit.train import objectives
from aimkit.train.activations import counted_once
from aimkit.train.counters import counted_together
from aimkit.train.losses import semantic_scores
from aimkit.train.recipe import TrainRecipe
from aimkit.train.setup import Parts, network_input, train_mode
from aimkit.train.state import State


def one_step(recipe: TrainRecipe, parts: Parts, state: State, batches: Iterator[Any]) -> dict[str, Tensor]:
    """Take one step of the optimiser over all accumulated batches.

    Returns:
        The mean of every loss term and score in this process, scalars on the device; see ``readings.read``.
    """
    accelerator, names, sums = parts.accelerator, list[str](), None
    train_mode(parts.network, recipe, state.step)
    # Dropout and stochastic depth are seeded by the step, so checkpoints need no random state.
    torch.manual_seed(int(rng(recipe.seed, "step", state.step, accelerator.process_index).integers(2**63)))
    for _ in range(recipe.accumulate):
        batch = to_device(next(batches), accelerator.device)
        with accelerator.accumulate(parts.model):
            with accelerator.autocast():
                output = forward(recipe, parts, batch["image"])
            terms = compute_losses(recipe, parts, output, batch)
            with counted_once(parts.network.backbone, recipe.model.checkpoint_activations):
                accelerator.backward(terms["total"])
            if recipe.optim.clip is not None and accelerator.sync_gradients:
                accelerator.clip_grad_norm_(parts.model.parameters(), recipe.optim.clip)
            parts.optimizer.step()
            parts.optimizer.zero_grad()
        terms |= semantic_scores(output.semantic, batch["label"], parts.network.classes)
        names, values = list(terms), torch.stack([value.detach().float() for value in terms.values()])
        sums = values if sums is None else sums + values
    if parts.average is not None:
        parts.average.update(parts.network)
    assert sums is not None
    return dict(zip(names, (sums / recipe.accumulate).unbind(), strict=True))


def forward(recipe: TrainRecipe, parts: Parts, image: Tensor) -> Any:
    """The network's output for a batch of images, (B, 3, H, W) in [0, 1]."""
    try:
        with counted_together(parts.network):
            return parts.model(network_input(parts.network, image, recipe.channels_last))
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        what = f"batch norm gets one value per channel: {len(image)} sample of {image.shape[-1]} pixels is too little"
        hint = "set model.freeze_norm=true, or raise batch or data.transform.size"
        raise AimkitError(what, f"batch = {recipe.batch}", hint) from None


def compute_losses(recipe: TrainRecipe, parts: Parts, output: Any, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The loss terms of the architecture's objective, and ``total``, their weighted sum."""
    table = recipe.model
    weights = objectives.term_weights(table.name, recipe.stage, table.options, recipe.weights)
    return objectives.compute(
        table.name, parts.network, output, batch, weights, stage=recipe.stage, parity=recipe.parity
    )
