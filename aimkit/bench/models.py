"""What networks cost on the same backbone, side by side: parameters, multiply-adds, time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from aimkit.bench import backbones
from aimkit.models.registry import create_model
from aimkit.models.summary import cost


@dataclass(frozen=True)
class ModelCost:
    """What one network costs; times are medians in float32.

    Attributes:
        name: Name of the network.
        backbone: Name of the backbone.
        params: Parameters of network and backbone, in millions.
        macs: Multiply-adds of a forward pass, in billions.
        forward: Milliseconds an image of inference.
        train: Milliseconds of a train step (forward, backward, AdamW) on the whole batch.
    """

    name: str
    backbone: str
    params: float
    macs: float
    forward: float
    train: float


def measure(
    names: Sequence[str],
    backbone: str,
    *,
    size: int = 320,
    batch: int = 2,
    repeats: int = 5,
    seconds: float = 20.0,
    device: str = "cpu",
) -> Iterator[ModelCost]:
    """Measure networks one after another.

    Args:
        names: Registered names of the networks.
        backbone: Name of the backbone that all of them get.
        size: Height and width of the images, in pixels.
        batch: Number of images of a train step; inference takes one image.
        repeats: Number of timed runs, after one that is not timed; their median counts.
        seconds: Time after which a measurement is not repeated.
        device: Torch device: ``cpu``, ``cuda``, ...

    Yields:
        One row a network, in the order of ``names``.

    Raises:
        AimkitError: A name is unknown.
    """
    for name in names:
        with torch.device("meta"):
            model = create_model(name, backbone=backbone)
        macs = cost(model, (size, size)).macs / 1e9
        options = {"size": size, "batch": batch, "repeats": repeats, "device": device}
        speed = backbones.measure(backbone, name=name, half=False, seconds=seconds, **options)  # type: ignore[arg-type]
        yield ModelCost(name, backbone, speed.params, macs, speed.forward[0], speed.train[0] * batch)
