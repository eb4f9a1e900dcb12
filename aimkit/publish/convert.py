"""Convert between the authors' files (``.pth``, their names) and aimkit's (``.safetensors``, aimkit's names)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

import aimkit
from aimkit.errors import AimkitError
from aimkit.files import replacing
from aimkit.models.weights import declared, official
from aimkit.models.weights.declared import Declared
from aimkit.models.weights.official import LoadReport
from aimkit.safetensors_file import write_tensors
from aimkit.state_dict import read


def convert(source: Path, target: Path, *, half: bool = False, build: Declared | None = None) -> LoadReport:
    """Convert a weights file; the suffix of the target decides its format.

    Args:
        source: A file of aimkit's, or a released one.
        target: ``.safetensors`` for aimkit's names, ``.pth`` for the released names as ``{"state_dict": ...}``.
        half: Store float16 in place of float32, see :func:`save`.
        build: How to build the network; None to read it from the file.

    Returns:
        The report of which keys were loaded, renamed and left out.

    Raises:
        AimkitError: The file does not fit any known network, or the network has no released format.
    """
    if target.suffix not in (".safetensors", ".pth"):
        raise AimkitError("the target must end in .safetensors or .pth", str(target))
    tensors = read(source)
    build = build or declared_of(source, tensors)
    model = declared.build(build)
    report = official.load_state_dict(model, tensors, str(source))
    if target.suffix == ".safetensors":
        save(model.state_dict(), target, describe(build) | declared.metadata(source), half=half)
        return report
    state = _stored(official.state_dict(model, report.unused), half)
    # PyTorch stores the name of a file in it, but not that of a stream: the same tensors give the same bytes.
    with replacing(target) as temporary, temporary.open("wb") as file:
        torch.save({"state_dict": state}, file)
    return report


def declared_of(path: Path, tensors: Mapping[str, Tensor]) -> Declared:
    """How to build the network of a file, from its metadata, else from its keys.

    Raises:
        AimkitError: The file does not identify its network, or its metadata is damaged.
    """
    told = declared.of_file(path) or declared.of_keys(path, tensors)
    if told is None:
        what = "the file does not identify its network"
        raise AimkitError(what, str(path), "add --architecture aimnet --backbone NAME")
    return told


def describe(build: Declared) -> dict[str, str]:
    """The metadata of a file: how to build its network."""
    return {
        "format": "aimkit",
        "aimkit": aimkit.__version__,
        "architecture": build.architecture or "",
        "backbone": build.backbone,
        "options": json.dumps(build.options, sort_keys=True),
    }


def save(tensors: Mapping[str, Tensor], target: Path, about: Mapping[str, str], *, half: bool = False) -> None:
    """Write a safetensors file, whole or not at all. The same tensors give the same bytes.

    With ``half``, weights of layers become float16. Biases and the values of normalisation layers stay float32: they
    are few, and variances can be out of float16's range. Networks that load the file are float32.

    Args:
        tensors: The state dict.
        target: The file.
        about: Metadata of the file.
        half: Store float16 in place of float32.

    Raises:
        AimkitError: A weight is too large for float16.
    """
    state = {name: tensor.clone().contiguous() for name, tensor in _stored(tensors, half).items()}
    with replacing(target) as temporary:
        write_tensors(state, temporary, about)


def _stored(tensors: Mapping[str, Tensor], half: bool) -> dict[str, Tensor]:
    if not half:
        return dict(tensors)
    stored = {name: t.half() if t.dtype == torch.float32 and t.ndim > 1 else t for name, t in tensors.items()}
    for name, tensor in stored.items():
        if tensor.dtype == torch.float16 and not torch.isfinite(tensor).all():
            raise AimkitError(f"values of '{name}' are out of float16's range", "--half", "leave out --half")
    return stored
