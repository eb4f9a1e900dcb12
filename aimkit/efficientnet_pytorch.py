"""Renames the tensors of EfficientNets from the package EfficientNet-PyTorch to timm's names.

That package numbers all blocks in one sequence, timm numbers them within stages. A stage is a run of blocks of one
width, as everywhere in the family (Tan and Le: EfficientNet, ICML 2019, table 1). A block that does not expand is
timm's depthwise-separable block, whose second convolution has another name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

from torch import Tensor

from aimkit.errors import AimkitError

_MARKS = ("_conv_stem.weight", "_blocks.0._depthwise_conv.weight", "_conv_head.weight")
_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_SQUEEZE = {"_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand"}
_SEPARABLE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2", **_SQUEEZE}
_INVERTED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
    **_SQUEEZE,
}


def is_efficientnet_pytorch(tensors: Mapping[str, Tensor]) -> bool:
    """Whether a state dict has the package's names."""
    return all(mark in tensors for mark in _MARKS)


def to_timm(tensors: Mapping[str, Tensor], where: str = "state dict") -> dict[str, Tensor]:
    """The same tensors under timm's names, in the same order.

    Args:
        tensors: State dict with the package's names.
        where: File for error messages.

    Raises:
        AimkitError: A key does not belong to an EfficientNet.
    """
    places = _places(tensors, where)
    return {_name(key, tensors, places, where): value for key, value in tensors.items()}


def _name(key: str, tensors: Mapping[str, Tensor], places: list[str], where: str) -> str:
    found = re.fullmatch(r"(?:_blocks\.(\d+)\.)?(_\w+)\.(\w+)", key)
    if found is not None:
        number, module, value = found.groups()
        if number is None and module in _OUTSIDE:
            return f"{_OUTSIDE[module]}.{value}"
        if number is not None:
            expands = f"_blocks.{number}._expand_conv.weight" in tensors
            names = _INVERTED if expands else _SEPARABLE
            if module in names and int(number) < len(places):
                return f"{places[int(number)]}.{names[module]}.{value}"
    raise AimkitError(f"'{key}' is not a tensor of an EfficientNet", where)


def _places(tensors: Mapping[str, Tensor], where: str) -> list[str]:
    """``blocks.STAGE.BLOCK`` of every block."""
    widths: list[int] = []
    while (key := f"_blocks.{len(widths)}._project_conv.weight") in tensors:
        widths.append(tensors[key].shape[0])
    if not widths:
        raise AimkitError("the state dict has no blocks", where)
    places, stage, block = ["blocks.0.0"], 0, 0
    for before, width in pairwise(widths):
        stage, block = (stage, block + 1) if width == before else (stage + 1, 0)
        places.append(f"blocks.{stage}.{block}")
    return places
