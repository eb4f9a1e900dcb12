"""How fast a network is on a backbone: forward and train step, float32 and bfloat16."""

from __future__ import annotations

import math
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from aimkit.models.registry import create_model


@dataclass(frozen=True)
class Speed:
    """One network's medians.

    Attributes:
        name: Backbone.
        params: Of the whole network, in millions.
        forward: Milliseconds an image, inference; float32 and bfloat16 autocast (nan when not measured).
        train: Milliseconds an image of a train step (forward, backward, AdamW); the same two.
    """

    name: str
    params: float
    forward: tuple[float, float]
    train: tuple[float, float]


def bench(
    backbone: str,
    *,
    name: str = "aimnet",
    half: bool = True,
    size: int = 320,
    batch: int = 2,
    repeats: int = 5,
    seconds: float = 20.0,
    device: str = "cpu",
) -> Speed:
    """Measure a network on a backbone.

    Args:
        backbone: Name.
        name: Registered network.
        half: Measure bfloat16 too.
        size: Height and width of the images.
        batch: Images of a train step; a forward takes one.
        repeats: Timed runs of each, after one that is not timed; their median counts.
        seconds: A measurement stops repeating after so long, with at least one timed run.
        device: ``cpu``, ``cuda``, ...
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

    def measured(work: Callable[[bool], None], images_a_run: int) -> tuple[float, float]:
        single = _median(partial(work, False), repeats, seconds, device)
        halved = _median(partial(work, True), repeats, seconds, device) if half else math.nan
        return single * 1000 / images_a_run, halved * 1000 / images_a_run

    model.eval()
    forwards = measured(forward, 1)
    model.train()
    steps = measured(step, batch)
    return Speed(backbone, sum(p.numel() for p in model.parameters()) / 1e6, forwards, steps)


def machine(device: str = "cpu") -> str:
    """Where and with what it was measured, in a line."""
    import timm

    if torch.device(device).type == "cuda":
        chip = torch.cuda.get_device_name(device)
    else:
        chip = f"{_cpu_name()}, {torch.get_num_threads()} threads"
    return f"{chip}; torch {torch.__version__}, timm {timm.__version__}, Python {platform.python_version()}"


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


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
