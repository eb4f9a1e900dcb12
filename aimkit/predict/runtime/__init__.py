"""What runs a network: ``torch`` (PyTorch: any device and precision) or ``onnx`` (ONNX Runtime: starts at once)."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.models.weights.loading import SUFFIXES
from aimkit.predict.runtime.onnx import installed, require
from aimkit.recipe import expand
from aimkit.registry import did_you_mean

RUNTIMES = ("auto", "torch", "onnx")


def choose_file(runtime: str, weights: str | os.PathLike[str], device: str, only_torch: Sequence[str]) -> Path | None:
    """The ONNX file to predict with, or None for PyTorch.

    ``auto`` takes an ONNX file that is named, and that of a zoo entry on the CPU; else PyTorch.

    Args:
        runtime: ``auto``, ``torch`` or ``onnx``.
        weights: An ONNX file, or weights as for ``Predictor.load``.
        device: ``auto``, or a device.
        only_torch: Options in use that only PyTorch has.

    Raises:
        AimkitError: The runtime is unknown or can't do what is asked for, or the file can't be fetched.
    """
    if runtime not in RUNTIMES:
        raise AimkitError(f"unknown runtime '{runtime}'", "runtime", did_you_mean(runtime, RUNTIMES))
    path = expand(weights)
    named = path if path.suffix == ".onnx" and path.is_file() else None
    if runtime == "torch":
        if named is not None:
            raise AimkitError("PyTorch can't run an ONNX file", str(named), "use --runtime onnx")
        return None
    if only_torch and (named is not None or runtime == "onnx"):
        hint = f"leave out {only_torch[0]}" + ("" if named is not None else ", or use --runtime torch")
        raise AimkitError(f"the runtime onnx has no {only_torch[0]}", "runtime", hint)
    if named is not None or runtime == "onnx":
        require()
        return named or _of_entry(path, weights, needed=True)
    on_cpu = device == "cpu" or (device == "auto" and not has_gpu())
    if only_torch or not on_cpu or not installed():
        return None
    return _of_entry(path, weights, needed=False)


def _of_entry(path: Path, weights: str | os.PathLike[str], *, needed: bool) -> Path | None:
    """The ONNX file of a zoo entry."""
    from aimkit.zoo.manifest import find
    from aimkit.zoo.onnx_file import onnx_path

    is_id = not path.exists() and path.suffix not in SUFFIXES
    try:
        found = onnx_path(find(os.fspath(weights))) if is_id else None
    except AimkitError as error:
        if needed:
            raise
        console.warn(f"{error.what}; using PyTorch instead")
        return None
    if found is None and needed:
        hint = "write one with 'aimkit export' and give it as the weights, or use --runtime torch"
        raise AimkitError("these weights have no ONNX file", str(weights), hint)
    return found


def has_gpu() -> bool:
    """Whether PyTorch may find a GPU here, told without importing it: by CUDA's driver, ROCm's device, or Apple's."""
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    if Path("/dev/kfd").exists():
        return True
    try:
        driver = ctypes.CDLL("nvcuda.dll" if platform.system() == "Windows" else "libcuda.so.1")
        count = ctypes.c_int(0)
        return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except (OSError, AttributeError):
        return False
