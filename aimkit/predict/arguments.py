"""Checks of a predictor's arguments without PyTorch, since importing it takes seconds."""

from __future__ import annotations

import re
import sys

from aimkit.errors import AimkitError
from aimkit.registry import did_you_mean

#: Strategies that come with aimkit, a module each.
STRATEGIES = ("hybrid", "resize", "whole", "tiled", "refined")

#: Names of devices: one of PyTorch's, with or without a number.
_DEVICE = re.compile(r"auto|(cpu|cuda|mps|xpu|hpu|npu|mlu|musa|mtia|xla|maia|meta|privateuseone)(:\d{1,3})?")


def check_arguments(strategy: str | None = None, device: str = "auto") -> None:
    """Refuse names that can't be right; whether this machine has the device is found later.

    Raises:
        AimkitError: The strategy is not known, or the device is not a name of PyTorch's.
    """
    # Only whoever imported the registry can have added a strategy to it.
    if strategy and strategy not in STRATEGIES and "aimkit.predict.strategy" not in sys.modules:
        raise AimkitError(f"unknown strategy '{strategy}'", "strategy", did_you_mean(strategy, STRATEGIES))
    if not _DEVICE.fullmatch(device):
        raise AimkitError(f"unknown device '{device}'", "device", "use auto, cpu, cuda, cuda:1 or mps")
