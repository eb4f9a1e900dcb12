"""The machine and the versions that a measurement depends on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aimkit


def machine() -> dict[str, Any]:
    """Return the versions of aimkit, Python, NumPy and OpenCV, the system, the processor and its number of cores."""
    import cv2

    return {
        "aimkit": aimkit.__version__,
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "opencv": str(cv2.__version__),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu(),
        "cores": os.cpu_count() or 1,
    }


def machine_line() -> str:
    """Return the same as one line of text."""
    return ", ".join(f"{key} {value}" for key, value in machine().items())


def torch_line(device: str = "cpu") -> str:
    """Return the device and the versions of torch and timm as one line of text.

    Args:
        device: The torch device that was measured: ``cpu``, ``cuda``, ...
    """
    import timm
    import torch

    if torch.device(device).type == "cuda":
        chip = torch.cuda.get_device_name(device)
    else:
        chip = f"{cpu()}, {torch.get_num_threads()} threads"
    return f"{chip}; torch {torch.__version__}, timm {timm.__version__}, Python {platform.python_version()}"


def cpu() -> str:
    """Return the processor's name, or the architecture when the system does not tell it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
