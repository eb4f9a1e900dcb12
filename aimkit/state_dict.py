"""Reads state dicts from files without running code, and unwraps them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from aimkit.efficientnet_pytorch import is_efficientnet_pytorch, to_timm
from aimkit.errors import AimkitError


def read(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a safetensors or PyTorch file and unwrap it; code in the file is not run.

    EfficientNets with the names of EfficientNet-PyTorch are renamed to timm's.

    Raises:
        AimkitError: The file is missing or can't be read, or it is not a state dict.
    """
    if not path.is_file():
        raise AimkitError("weights file not found", str(path))
    content: Any
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        first = str(error).strip().split("\n")[0][:200]
        raise AimkitError(f"can't read the weights: {first}", str(path), "is the file complete?") from None
    except Exception as error:  # safetensors has an exception class of its own
        if type(error).__name__ != "SafetensorError":
            raise
        raise AimkitError(f"can't read the weights: {error}", str(path), "is the file complete?") from None
    if not isinstance(content, dict):
        raise AimkitError(f"the file holds a {type(content).__name__}, not a state dict", str(path))
    tensors = unwrap(cast(dict[str, object], content), str(path))
    return to_timm(tensors, str(path)) if is_efficientnet_pytorch(tensors) else tensors


def unwrap(content: Mapping[str, object], where: str = "state dict") -> dict[str, Tensor]:
    """Unwrap ``{"state_dict": ...}``, and remove the prefix ``module.`` from the keys.

    Raises:
        AimkitError: There are no tensors, or a value is not a tensor.
    """
    inner = content.get("state_dict", content)
    tensors: dict[str, Tensor] = {}
    for key, value in inner.items() if isinstance(inner, Mapping) else ():
        if not isinstance(value, Tensor):
            raise AimkitError(f"'{key}' is a {type(value).__name__}, not a tensor", where, "is this a state dict?")
        tensors[key] = value
    if not tensors:
        raise AimkitError("the state dict has no tensors", where)
    if all(key.startswith("module.") for key in tensors):
        return {key.removeprefix("module."): value for key, value in tensors.items()}
    return tensors
