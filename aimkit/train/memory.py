"""How much memory a run needs, estimated without allocating it, and how much there is."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from aimkit.errors import AimkitError
from aimkit.models.registry import create_model
from aimkit.train.recipe import TrainRecipe

#: Losses, temporary tensors and the allocator's rounding, relative to the activations.
_MARGIN = 1.3
#: Bytes of Python, torch and its kernels.
_BASE = 10**9


def estimate(recipe: TrainRecipe, processes: int = 1) -> int:
    """Bytes that the training process needs: weights, gradients, Adam's moments, and what the backward pass keeps.

    The network is run on torch's meta device, where tensors have shapes and no content.
    """
    table = recipe.model
    samples = max(1, recipe.batch // (recipe.accumulate * processes))
    names = (table.name, table.backbone, json.dumps(table.options, sort_keys=True))
    weights, learning, activations = _counts(
        *names, samples, recipe.data.transform.size, bool(recipe.optim.backbone_factor)
    )
    if recipe.precision != "fp32":
        activations //= 2
    if table.checkpoint_activations:
        activations //= 2
    average = weights if recipe.ema is not None else 0
    return int(_BASE + 4 * (weights + average + 3 * learning) + _MARGIN * activations)


@lru_cache(maxsize=16)
def _counts(
    name: str, backbone: str, options: str, samples: int, side: int, backbone_learns: bool
) -> tuple[int, int, int]:
    """Numbers of weights and of those that learn, and bytes that are kept for the backward pass in float32."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes()
        return tensor

    with torch.device("meta"):
        network = create_model(name, backbone=backbone, **json.loads(options)).train()
        weights = sum(p.numel() for p in network.parameters())
        learning = weights if backbone_learns else sum(p.numel() for p in _head(network))
        network.backbone.requires_grad_(backbone_learns)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            # Kept until the end, so that no storage's address is given to another.
            output = network(torch.zeros(samples, 3, side, side))
        for parameter in network.parameters():
            kept.pop(parameter.untyped_storage()._cdata, None)
        activations = sum(kept.values())
        del output
    return weights, learning, activations


def check(recipe: TrainRecipe, device: torch.device, processes: int = 1) -> tuple[int, int | None]:
    """Compare the estimate with the memory that is free.

    Returns:
        Bytes that are needed, and those that are free or None when that can't be told.

    Raises:
        AimkitError: The run can't fit.
    """
    needed, free = estimate(recipe, processes), available(device)
    if free is not None and needed > free:
        what = f"the run needs about {needed / 1e9:.1f} GB of memory, and {device} has {free / 1e9:.1f} GB free"
        hint = "lower batch or data.transform.size, raise accumulate, or set model.checkpoint_activations=true"
        raise AimkitError(what, f"batch = {recipe.batch}", hint, exit_code=1)
    return needed, free


def available(device: torch.device) -> int | None:
    """Free bytes of a GPU, or of this machine within the limit of its control group; None when that can't be told."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    found = []
    try:
        rows = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        found.append(int(rows["MemAvailable"].split()[0]) * 1024)
    except (OSError, KeyError, ValueError):
        return None
    try:
        group = Path("/sys/fs/cgroup")
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        found.append(int(limit) - int(used))
    except (OSError, ValueError):
        pass
    return min(found)


def _head(network: torch.nn.Module) -> list[Tensor]:
    return [parameter for name, parameter in network.named_parameters() if not name.startswith("backbone.")]
