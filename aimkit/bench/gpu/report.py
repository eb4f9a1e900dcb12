"""The report of a GPU's check, and the clock that ends it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate.state import AcceleratorState


@dataclass(frozen=True)
class Figure:
    """A figure of the report.

    Attributes:
        part: Part of the check.
        name: What was measured.
        value: The figure, or None when it was not measured.
        unit: Its unit.
        estimate: What the figure should be by estimate, or the largest that is right; None where there is none.
        note: Why it was not measured, or what else there is to say.
        right: Whether the figure is right; None where only speed is measured.
    """

    part: str
    name: str
    value: float | None
    unit: str
    estimate: float | None = None
    note: str = ""
    right: bool | None = None


@dataclass(frozen=True)
class CheckSize:
    """How large the check is.

    Attributes:
        backbone: Backbone of the timed network.
        batch: Samples of its steps.
        side: Height and width of its images, in pixels.
        photo: (height, width) of the photo to predict.
        workers: Numbers of data workers to try.
        seconds: Least time of each timed figure.
        compiled: Whether to try torch.compile, which takes a minute.
    """

    backbone: str = "resnet34_mp"
    batch: int = 16
    side: int = 512
    photo: tuple[int, int] = (1080, 1920)
    workers: tuple[int, ...] = (1, 2, 4, 8, 16)
    seconds: float = 3.0
    compiled: bool = True


#: A size that says nothing about speed, to try the check itself.
SMALL = CheckSize("mobilenetv3_small_050", 2, 64, (96, 128), (0,), 0.0, False)


@dataclass
class GpuCheck:
    """What the parts of the check share.

    Attributes:
        device: The device.
        size: How large the check is.
        seconds: Time after which no further part is begun.
    """

    device: torch.device
    size: CheckSize
    seconds: float
    begin: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.seconds - (time.monotonic() - self.begin)

    def wait(self) -> None:
        """Wait until the device has finished all that it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def milliseconds(self, work: Callable[[], Any]) -> float:
        """Time of some work in milliseconds, after two calls that are not timed."""
        for _ in range(2):
            work()
        self.wait()
        done, start = 0, time.perf_counter()
        while not done or time.perf_counter() - start < self.size.seconds:
            for _ in range(4 if self.size.seconds else 1):
                work()
                done += 1
            self.wait()
        return (time.perf_counter() - start) / done * 1e3

    @contextmanager
    def training(self) -> Iterator[None]:
        """Let runs that are begun here train on the device, not on the one that accelerate would choose."""
        name, before = "ACCELERATE_TORCH_DEVICE", os.environ.get("ACCELERATE_TORCH_DEVICE")
        os.environ[name] = str(self.device)
        # accelerate keeps the device of the first run in a process for all others.
        AcceleratorState._reset_state(reset_partial_state=True)
        try:
            yield
        finally:
            AcceleratorState._reset_state(reset_partial_state=True)
            os.environ.pop(name) if before is None else os.environ.update({name: before})

    def peak(self) -> float | None:
        """Peak memory since the last call, in GB; None away from CUDA."""
        if self.device.type != "cuda":
            return None
        found = torch.cuda.max_memory_allocated(self.device) / 1e9
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)
        return found


#: A part of the check: its name, and what yields its figures.
Part = tuple[str, Callable[[GpuCheck], Iterator[Figure]]]


def run_parts(check: GpuCheck, parts: list[Part], tell: Callable[[str], None]) -> list[Figure]:
    """Run the parts in order. A part that fails, or has no time left, becomes a figure that says so."""
    found: list[Figure] = []
    for name, part in parts:
        if check.left <= 0:
            found.append(Figure(name, "not begun", None, "", note="no time was left"))
            continue
        tell(f"{name}, {check.left:.0f} s left")
        try:
            for figure in part(check):
                found.append(figure)
                if check.left <= 0:
                    break
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            found.append(
                Figure(name, "failed", None, "", note=f"{type(error).__name__}: {lines[0][:200]}", right=False)
            )
    return found
