"""Cost of a network: parameters, multiply-adds and memory, counted on the meta device without computing anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from aimkit.models.backbones.contract import STRIDES
from aimkit.models.base import MattingModel
from aimkit.models.registry import create_model


@dataclass(frozen=True)
class Cost:
    """Cost of one image.

    Attributes:
        size: (height, width) of the image.
        macs: Multiply-adds of the convolutions and matrix products in a forward pass.
        activations: Bytes that a training step in float32 keeps for its backward pass.
    """

    size: tuple[int, int]
    macs: int
    activations: int


@dataclass(frozen=True)
class Summary:
    """Facts and costs of a network.

    Attributes:
        parameters: Number of parameters by part of the network, in order.
        maps: (stride, channels) of the backbone's maps.
        has_indices: Whether the backbone returns pooling indices.
        outputs: Shape of every output for the first size, by name.
        costs: Cost of one image for each size.
    """

    parameters: dict[str, int]
    maps: tuple[tuple[int, int], ...]
    has_indices: bool
    outputs: dict[str, tuple[int, ...]]
    costs: tuple[Cost, ...]


def summarise(
    name: str, backbone: str, sizes: Iterable[tuple[int, int]] = ((512, 512), (1024, 1024)), **options: Any
) -> Summary:
    """Build a network on the meta device and measure it.

    Args:
        name: Name of a registered network.
        backbone: Name of a backbone.
        sizes: (height, width) of the images to count for.
        options: Keywords of ``create_model``.

    Raises:
        AimkitError: A name or option is unknown.
    """
    with torch.device("meta"):
        model = create_model(name, backbone=backbone, **options)
    parts = {part: count_parameters(child) for part, child in model.named_children()}
    image = _image(model, next(iter(sizes)))
    with torch.no_grad():
        output = model.eval()(image)
    outputs = {key: tuple(value.shape) for key, value in output._asdict().items() if isinstance(value, Tensor)}
    outputs |= {key: tuple(value.shape) for key, value in output.extra.items()}
    return Summary(
        {part: count for part, count in parts.items() if count},
        tuple(zip(STRIDES, model.backbone.channels, strict=True)),
        model.backbone.has_indices,
        outputs,
        tuple(cost(model, size) for size in sizes),
    )


def count_parameters(module: nn.Module) -> int:
    """Number of parameters, shared ones counted once."""
    return sum(parameter.numel() for parameter in module.parameters())


def cost(model: MattingModel, size: tuple[int, int]) -> Cost:
    """Cost of one image of a size; the network must be on the meta device."""
    image = _image(model, size)
    # A tensor saved twice is one storage. The list keeps all of them alive, so that addresses stay unique.
    kept: list[Tensor] = []
    own = {parameter.untyped_storage()._cdata for parameter in model.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    # Two images, since batch norm learns nothing from a single value.
    with FlopCounterMode(display=False) as counter, hooks:
        output = model.train()(torch.cat([image, image]))
    storages = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in kept}
    activations = sum(count for address, count in storages.items() if address not in own) // 2
    del output
    return Cost(size, counter.get_total_flops() // 4, activations)


def _image(model: MattingModel, size: tuple[int, int]) -> Tensor:
    return torch.empty(1, len(model.preprocessing.mean), *size, device="meta")
