"""The authors' files into ours and back: ``.pth`` with their names, ``.safetensors`` with ours."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aimkit
from aimkit.errors import AimkitError
from aimkit.json_files import parse_json

if TYPE_CHECKING:
    from torch import Tensor, nn

    from aimkit.models.weights.official import LoadReport


@dataclass(frozen=True)
class Build:
    """How the network of a file is built; without architecture it is a backbone."""

    architecture: str | None
    backbone: str
    options: dict[str, Any]


def convert(source: Path, target: Path, *, half: bool = False, build: Build | None = None) -> LoadReport:
    """Convert a file; the suffix of the target decides its form.

    Args:
        source: Ours or a released one.
        target: ``.safetensors`` for our names, ``.pth`` for the released ones, as ``{"state_dict": ...}``.
        half: Store float16 in place of float32, see :func:`save`.
        build: Of the network, where it is known; else the file tells.

    Returns:
        What became of the keys.

    Raises:
        AimkitError: The file fits no known network, or the network has no released form.
    """
    from aimkit.models.weights import official
    from aimkit.state_dict import read

    if target.suffix not in (".safetensors", ".pth"):
        raise AimkitError("the target must end in .safetensors or .pth", str(target))
    tensors = read(source)
    build = build or build_of(source, tensors)
    model = make(build)
    report = official.load_state_dict(model, tensors, str(source))
    if target.suffix == ".safetensors":
        save(model.state_dict(), target, describe(build) | metadata(source), half=half)
        return report
    import torch

    state = _stored(official.state_dict(model, report.unused), half)
    written(target, lambda path: torch.save({"state_dict": state}, path))
    return report


def build_of(path: Path, tensors: Mapping[str, Tensor]) -> Build:
    """How to build the network of a file: from what it says of itself, else from its keys.

    Raises:
        AimkitError: Neither tells.
    """
    from aimkit.models.weights import official

    told = metadata(path)
    if told.get("backbone"):
        options = parse_json(told.get("options") or "{}", dict, "metadata of the weights", str(path))
        return Build(told.get("architecture") or None, told["backbone"], options)
    form = official.recognise(tensors)
    if form is None:
        what = "the file does not say which network it belongs to"
        raise AimkitError(what, str(path), "name it: --architecture aimnet --backbone NAME")
    return Build(form.architecture, form.backbone, official.options_of(form, tensors, str(path)))


def make(build: Build) -> nn.Module:
    """The network or backbone, with fresh weights."""
    from aimkit.models.registry import create_backbone, create_model

    if build.architecture:
        return create_model(build.architecture, backbone=build.backbone, **build.options)
    trunk: Any = create_backbone(build.backbone, **build.options)
    return trunk


def metadata(path: Path) -> dict[str, str]:
    """What a safetensors file says of itself; empty for others."""
    if path.suffix != ".safetensors":
        return {}
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return dict(file.metadata() or {})


def describe(build: Build) -> dict[str, str]:
    """What a file should say of itself."""
    return {
        "format": "aimkit",
        "aimkit": aimkit.__version__,
        "architecture": build.architecture or "",
        "backbone": build.backbone,
        "options": json.dumps(build.options, sort_keys=True),
    }


def save(tensors: Mapping[str, Tensor], target: Path, about: Mapping[str, str], *, half: bool = False) -> None:
    """Write a safetensors file, whole or not at all. The same tensors give the same bytes.

    With ``half``, weights of layers become float16. Biases and the numbers of normalisation layers stay float32: they
    are few, and variances can be too small or too large for float16. Networks that load the file are float32.

    Raises:
        AimkitError: A weight is too large for float16.
    """
    from safetensors.torch import save_file

    state = {name: tensor.clone().contiguous() for name, tensor in _stored(tensors, half).items()}
    written(target, lambda path: save_file(state, path, dict(about)))


def written(target: Path, write: Callable[[Path], object]) -> None:
    """Write through a temporary name, which is flushed and renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        part = Path(folder) / target.name
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, target)


def _stored(tensors: Mapping[str, Tensor], half: bool) -> dict[str, Tensor]:
    import torch

    if not half:
        return dict(tensors)
    stored = {name: t.half() if t.dtype == torch.float32 and t.ndim > 1 else t for name, t in tensors.items()}
    for name, tensor in stored.items():
        if tensor.dtype == torch.float16 and not torch.isfinite(tensor).all():
            raise AimkitError(f"'{name}' has values that are too large for float16", "--half", "leave it out")
    return stored
