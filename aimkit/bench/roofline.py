"""A train step on paper: kernels, operations and bytes, counted on torch's meta device, and the time they need.

The time of an operation is the longest of three: its arithmetic at the peak rate, its bytes at the memory's rate, and
the launch of a kernel. Caches and fusion make real times shorter, algorithms that miss the peak make them longer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from aimkit.models.registry import create_model
from aimkit.train import objectives
from aimkit.train.counters import counted_together

#: Operations that launch nothing: views, and memory that is not filled.
_FREE = {
    *("alias", "as_strided", "detach", "empty", "empty_like", "empty_strided", "expand", "narrow", "new_empty"),
    *("new_empty_strided", "permute", "select", "slice", "split", "split_with_sizes", "squeeze", "t", "transpose"),
    *("unbind", "unfold", "unsqueeze", "view", "_unsafe_view"),
}


@dataclass(frozen=True)
class Chip:
    """What a GPU reaches in practice.

    Attributes:
        name: Name of the GPU.
        tensor: Operations a second in bfloat16 or float16.
        plain: Operations a second in float32.
        memory: Bytes a second.
        launch: Seconds of the smallest kernel.
    """

    name: str = "H100"
    tensor: float = 550e12
    plain: float = 60e12
    memory: float = 2.6e12
    launch: float = 2e-6


class OperationCount(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what runs while it is entered.

    Attributes:
        kernels: Number of kernels, by operation.
        flops: Operations of convolutions and matrix products.
        moved: Bytes that are read and written; what a tensor repeats by a stride of zero counts once.
        seconds: Estimated time on the chip.
    """

    def __init__(self, chip: Chip | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.chip = chip or Chip()
        self.kernels: Counter[str] = Counter()
        self.flops, self.moved, self.seconds = 0, 0, 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func._schema.name.split("::")[1]
        if name in _FREE:
            return result
        tensors = [x for x in tree_leaves((args, kwargs, result)) if isinstance(x, Tensor)]
        moved = sum(map(_stored, tensors))
        count = flop_registry.get(func._overloadpacket)
        flops = count(*args, **(kwargs or {}), out_val=result) if count else 0
        half = any(x.dtype in (torch.bfloat16, torch.float16) for x in tensors)
        peak = self.chip.tensor if half else self.chip.plain
        self.kernels[name] += 1
        self.flops += flops
        self.moved += moved
        self.seconds += max(flops / peak, moved / self.chip.memory, self.chip.launch)
        return result


@dataclass(frozen=True)
class StepCost:
    """What forward pass, losses and backward pass of a step cost, without the optimiser.

    Attributes:
        kernels: Number of kernels.
        tflop: Operations of convolutions and matrix products, in 10^12.
        gigabytes: Bytes read and written, in 10^9.
        saved: Bytes that are kept for the backward pass, in 10^9.
        milliseconds: Estimated time on the chip.
    """

    kernels: int
    tflop: float
    gigabytes: float
    saved: float
    milliseconds: float


def step_cost(
    backbone: str = "resnet34_mp",
    *,
    model: str = "aimnet",
    batch: int = 16,
    size: int = 512,
    dtype: torch.dtype = torch.bfloat16,
    chip: Chip | None = None,
) -> StepCost:
    """Count a train step without computing it.

    Args:
        backbone: Name of the backbone.
        model: Name of the network.
        batch: Number of samples.
        size: Height and width of the images, in pixels.
        dtype: Type of weights and activations. Under autocast, casts of the weights come on top.
        chip: The GPU of the estimated time.

    Raises:
        AimkitError: A name is unknown.
    """
    with torch.device("meta"):
        network = create_model(model, backbone=backbone).train().to(dtype)
        image, alpha = torch.rand(batch, 3, size, size), torch.rand(batch, 1, size, size)
        valid = torch.ones(batch, dtype=torch.bool)
    data = {"image": image, "foreground": image, "background": image, "alpha": alpha, "label": alpha}
    data["composition_valid"] = valid
    weights = objectives.term_weights(model, "matting", {})
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with OperationCount(chip) as found, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        with counted_together(network):
            output = network(network.preprocess(image).to(dtype))
        torch.autograd.backward(objectives.compute(model, network, output, data, weights)["total"])
    own = {parameter.untyped_storage()._cdata for parameter in network.parameters()}
    saved = sum(tensor.untyped_storage().nbytes() for key, tensor in kept.items() if key not in own)
    return StepCost(found.kernels.total(), found.flops / 1e12, found.moved / 1e9, saved / 1e9, found.seconds * 1e3)


def cost_of(work: Callable[[], Any], chip: Chip | None = None) -> StepCost:
    """Count some work on tensors of the meta device; nothing is said about what is kept."""
    with OperationCount(chip) as found:
        work()
    return StepCost(found.kernels.total(), found.flops / 1e12, found.moved / 1e9, 0.0, found.seconds * 1e3)


def _stored(tensor: Tensor) -> int:
    """Bytes of the elements that exist in memory."""
    count = 1
    for length, stride in zip(tensor.shape, tensor.stride(), strict=True):
        count *= 1 if stride == 0 and length else length
    return count * tensor.element_size()
