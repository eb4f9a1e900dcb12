"""Convert between the authors' files (``.pth``, their names) and aimkit's (``.safetensors``, aimkit's names)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

import aimkit
from aimkit.errors import AimkitError
from aimkit.files import replacing
from aimkit.json_files import parse_json
from aimkit.models.registry import create_backbone, create_model
from aimkit.models.weights import official
from aimkit.models.weights.official import LoadReport
from aimkit.state_dict import read


@dataclass(frozen=True)
class Build:
    """How to build the network of a file.

    Attributes:
        architecture: Name of the network; None for a backbone alone.
        backbone: Name of the backbone.
        options: Keywords of the network or backbone.
    """

    architecture: str | None
    backbone: str
    options: dict[str, Any]


def convert(source: Path, target: Path, *, half: bool = False, build: Build | None = None) -> LoadReport:
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
    build = build or build_of(source, tensors)
    model = make(build)
    report = official.load_state_dict(model, tensors, str(source))
    if target.suffix == ".safetensors":
        save(model.state_dict(), target, describe(build) | metadata(source), half=half)
        return report
    state = _stored(official.state_dict(model, report.unused), half)
    # PyTorch stores the name of a file in it, but not that of a stream: the same tensors give the same bytes.
    with replacing(target) as temporary, temporary.open("wb") as file:
        torch.save({"state_dict": state}, file)
    return report


def build_of(path: Path, tensors: Mapping[str, Tensor]) -> Build:
    """How to build the network of a file, from its metadata, else from its keys.

    Raises:
        AimkitError: The file does not identify its network.
    """
    told = metadata(path)
    if told.get("backbone"):
        options = parse_json(told.get("options") or "{}", dict, "metadata of the weights", str(path))
        return Build(told.get("architecture") or None, told["backbone"], options)
    form = official.recognise(tensors)
    if form is None:
        what = "the file does not identify its network"
        raise AimkitError(what, str(path), "add --architecture aimnet --backbone NAME")
    return Build(form.architecture, form.backbone, official.options_of(form, tensors, str(path)))


def make(build: Build) -> nn.Module:
    """Build the network or backbone, with fresh weights."""
    if build.architecture:
        return create_model(build.architecture, backbone=build.backbone, **build.options)
    trunk: Any = create_backbone(build.backbone, **build.options)
    return trunk


def metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a safetensors file; {} for other files."""
    if path.suffix != ".safetensors":
        return {}
    with safe_open(path, "pt") as file:
        return dict(file.metadata() or {})


def describe(build: Build) -> dict[str, str]:
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
        save_file(state, temporary, dict(about))


def _stored(tensors: Mapping[str, Tensor], half: bool) -> dict[str, Tensor]:
    if not half:
        return dict(tensors)
    stored = {name: t.half() if t.dtype == torch.float32 and t.ndim > 1 else t for name, t in tensors.items()}
    for name, tensor in stored.items():
        if tensor.dtype == torch.float16 and not torch.isfinite(tensor).all():
            raise AimkitError(f"values of '{name}' are out of float16's range", "--half", "leave out --half")
    return stored
