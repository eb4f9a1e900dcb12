"""Weights from a file or the zoo into a network or a backbone."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pickle
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from aimkit.errors import AimkitError
from aimkit.models import official
from aimkit.models.efficientnet_pytorch import is_efficientnet_pytorch, to_timm
from aimkit.recipe import expand

_SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".tar")


def load(model: nn.Module, ref: str | os.PathLike[str]) -> None:
    """Load weights into a network or a backbone.

    Args:
        model: Changed in place.
        ref: A file, or the id of a zoo entry.

    Raises:
        AimkitError: No such file or entry, or the weights do not fit; nothing is loaded then.
    """
    path = find(ref)
    official.load_state_dict(model, read(path), where=str(path))


def find(ref: str | os.PathLike[str]) -> Path:
    """The file that is meant: a file, the best or newest checkpoint of a run, or a zoo entry, pulled if need be.

    Raises:
        AimkitError: There is no such file, run or entry.
    """
    path = expand(ref)
    if path.is_file():
        return path
    if path.is_dir():
        steps = sorted((path / "checkpoints").glob("step_*"), reverse=True)
        for folder in (path, path / "checkpoints" / "best", *steps):
            if (folder / "model.safetensors").is_file():
                return folder / "model.safetensors"
        raise AimkitError("the folder holds no checkpoint", str(path), "name a run, a checkpoint or a weights file")
    if path.suffix in _SUFFIXES or importlib.util.find_spec("aimkit.zoo") is None:
        raise AimkitError("no such weights file", str(path), f"give a file ({', '.join(_SUFFIXES)}) or a zoo id")
    zoo: Any = importlib.import_module("aimkit.zoo")
    found: Path = zoo.path(os.fspath(ref))
    return found


def entry_id(ref: str | os.PathLike[str]) -> str:
    """The id of a zoo entry that is meant, also by "default".

    Raises:
        AimkitError: There is no such entry.
    """
    manifest: Any = importlib.import_module("aimkit.zoo.manifest")
    return str(manifest.find(os.fspath(ref)).id)


def read(path: Path) -> dict[str, Tensor]:
    """Read a state dict from safetensors or a PyTorch file; no code in the file is run.

    EfficientNets in the names of EfficientNet-PyTorch come under timm's names.

    Raises:
        AimkitError: It can't be read, or holds no tensors.
    """
    if not path.is_file():
        raise AimkitError("no such weights file", str(path))
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
        raise AimkitError(f"the file holds a {type(content).__name__}, no state dict", str(path))
    tensors = cast(dict[str, Tensor], content)
    return to_timm(tensors, str(path)) if is_efficientnet_pytorch(tensors) else tensors
