"""What networks cost on the same backbone, side by side: parameters, multiply-adds, time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from aimkit.bench.backbones import bench
from aimkit.models.registry import create_model
from aimkit.models.summary import cost


@dataclass(frozen=True)
class Row:
    """One network.

    Attributes:
        name: Network.
        backbone: Backbone.
        params: In millions, with the backbone.
        macs: Multiply-adds of a forward pass, in thousand millions.
        forward: Milliseconds an image, inference, float32.
        train: Milliseconds of a train step (forward, backward, AdamW) on the whole batch, float32.
    """

    name: str
    backbone: str
    params: float
    macs: float
    forward: float
    train: float


def compare(
    names: Sequence[str],
    backbone: str,
    *,
    size: int = 320,
    batch: int = 2,
    repeats: int = 5,
    seconds: float = 20.0,
    device: str = "cpu",
) -> Iterator[Row]:
    """Measure networks one after another.

    Args:
        names: Registered networks.
        backbone: Their backbone.
        size: Height and width of the images.
        batch: Images of a train step; a forward takes one.
        repeats: Timed runs of each, after one that is not timed; their median counts.
        seconds: A measurement stops repeating after so long.
        device: ``cpu``, ``cuda``, ...

    Raises:
        AimkitError: An unknown name.
    """
    for name in names:
        with torch.device("meta"):
            model = create_model(name, backbone=backbone)
        macs = cost(model, (size, size)).macs / 1e9
        options = {"size": size, "batch": batch, "repeats": repeats, "device": device}
        speed = bench(backbone, name=name, half=False, seconds=seconds, **options)  # type: ignore[arg-type]
        yield Row(name, backbone, speed.params, macs, speed.forward[0], speed.train[0] * batch)
