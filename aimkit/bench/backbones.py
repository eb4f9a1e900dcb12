"""How fast a network is on a backbone: forward and train step, float32 and bfloat16."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from aimkit.models.registry import create_model


@dataclass(frozen=True)
class BackboneSpeed:
    """The speed of one network on a backbone; times are medians.

    Attributes:
        name: Name of the backbone.
        params: Parameters of the whole network, in millions.
        forward: Milliseconds an image of inference, in float32 and under bfloat16 autocast (NaN when not measured).
        train: Milliseconds an image of a train step (forward, backward, AdamW), in the same two precisions.
    """

    name: str
    params: float
    forward: tuple[float, float]
    train: tuple[float, float]


def measure(
    backbone: str,
    *,
    name: str = "aimnet",
    half: bool = True,
    size: int = 320,
    batch: int = 2,
    repeats: int = 5,
    seconds: float = 20.0,
    device: str = "cpu",
) -> BackboneSpeed:
    """Time a network on a backbone.

    Args:
        backbone: Name of the backbone.
        name: Registered name of the network.
        half: Measure bfloat16 as well.
        size: Height and width of the images, in pixels.
        batch: Number of images of a train step; inference takes one image.
        repeats: Number of timed runs, after one that is not timed; their median counts.
        seconds: Time after which a measurement is not repeated; there is always one timed run.
        device: Torch device: ``cpu``, ``cuda``, ...
    """
    model = create_model(name, backbone=backbone).to(device)
    channels = len(model.preprocessing.mean)
    images = torch.rand(batch, channels, size, size, device=device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-6)

    def forward(half: bool) -> None:
        with torch.no_grad(), _autocast(device, half):
            model(images[:1])

    def step(half: bool) -> None:
        optimiser.zero_grad(set_to_none=True)
        with _autocast(device, half):
            output = model(images)
        assert output.semantic_logits is not None
        # Any loss that reaches all outputs costs the same.
        outputs = (output.semantic_logits, output.detail - 0.5, *output.extra.values())
        loss = torch.stack([value.square().mean() for value in outputs]).sum()
        torch.autograd.backward(loss)
        optimiser.step()

    def timed(work: Callable[[bool], None], images_a_run: int) -> tuple[float, float]:
        single = _median(partial(work, False), repeats, seconds, device)
        halved = _median(partial(work, True), repeats, seconds, device) if half else math.nan
        return single * 1000 / images_a_run, halved * 1000 / images_a_run

    model.eval()
    forwards = timed(forward, 1)
    model.train()
    steps = timed(step, batch)
    return BackboneSpeed(backbone, sum(p.numel() for p in model.parameters()) / 1e6, forwards, steps)


def _autocast(device: str, half: bool) -> torch.autocast:
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=half)


def _median(work: Callable[[], None], repeats: int, seconds: float, device: str) -> float:
    work()
    _wait(device)
    times: list[float] = []
    while len(times) < repeats and (not times or sum(times) < seconds):
        start = time.perf_counter()
        work()
        _wait(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _wait(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
