"""Loads the released state dicts of the reference systems into our networks, and writes them back.

``formats.py`` holds the released names. The references name their backbones twice (``resnet.layer2.*`` and
``encoder2.*`` are the same tensors); the copies must agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from aimkit.errors import AimkitError
from aimkit.models.weights.formats import FORMATS, ReleasedFormat
from aimkit.state_dict import PREFIXES, unwrap


@dataclass
class LoadReport:
    """Which keys of a state dict were loaded.

    Attributes:
        format: Name of the format: ``aimnet``, ``gfm_r34``, ``resnet34_mp``, ..., or ``aimkit`` for our own keys.
        loaded: Number of our tensors that were loaded.
        aliases: Keys that named a tensor again.
        unused: Tensors that no forward pass reads (the backbone's classifier); ``state_dict`` takes them back.
    """

    format: str
    loaded: int
    aliases: list[str] = field(default_factory=list)
    unused: dict[str, Tensor] = field(default_factory=dict)


def load_state_dict(model: nn.Module, state_dict: Mapping[str, object], where: str = "state dict") -> LoadReport:
    """Load a released state dict, or one of ours, into a network or a backbone.

    Args:
        model: Network or backbone, changed in place. A backbone's state dict loaded into a network changes only its
            backbone.
        state_dict: Tensors by key, also as trainers and wrappers leave them, see :func:`aimkit.state_dict.unwrap`.
        where: File for error messages.

    Returns:
        Which keys were loaded.

    Raises:
        AimkitError: A key is unknown or missing, a shape differs, or two names of one tensor disagree. Nothing is
            loaded then.
    """
    tensors = unwrap(state_dict, where, quiet=True)
    wanted = model.state_dict()
    tensors = _named_like(tensors, wanted)
    if tensors.keys() == wanted.keys():
        _copy(model, tensors, where)
        return LoadReport("aimkit", len(tensors))
    form = recognise(tensors)
    if form is None:
        unknown, missing = tensors.keys() - wanted.keys(), wanted.keys() - tensors.keys()
        raise AimkitError(f"these weights belong to another network: {_differences(unknown, missing)}", where)
    inner = getattr(model, "backbone", None)
    target = inner if form.name == "resnet34_mp" and isinstance(inner, nn.Module) else model
    ours, report = translate(tensors, form, where)
    _copy(target, ours, where)
    report.loaded = len(ours)
    return report


def state_dict(model: nn.Module, unused: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """A network's or backbone's tensors under the released names, aliases included.

    Args:
        model: Network or backbone with a released architecture.
        unused: Tensors that only the released file has (``LoadReport.unused``); zeros by default.

    Returns:
        Tensors by released key; aliases share storage.

    Raises:
        AimkitError: The network has no released format.
    """
    tensors = model.state_dict()
    for form in FORMATS:
        names = {key: form.theirs(key) for key in tensors}
        result = {theirs: tensors[key] for key, keys in names.items() for theirs in keys}
        whole = all(any(key.startswith(ours) for key in tensors) for _, ours in form.prefixes)
        if whole and all(names.values()) and all(mark in result for mark in form.marks):
            for key, shape in form.unused.items():
                result[key] = (unused or {}).get(key, torch.zeros(shape))
            return result
    what = f"this {type(model).__name__} has no released format"
    raise AimkitError(what, hint="only the papers' networks on their own backbones have one")


def recognise(tensors: Mapping[str, Tensor]) -> ReleasedFormat | None:
    """The released format of a state dict, or None."""
    return next((form for form in FORMATS if all(mark in tensors for mark in form.marks)), None)


def options_of(form: ReleasedFormat, tensors: Mapping[str, Tensor], where: str = "state dict") -> dict[str, str]:
    """Keywords of the network that a released state dict belongs to.

    Raises:
        AimkitError: The weights are GFM's FT or BT, whose keys and shapes are the same.
    """
    if form.architecture != "gfm":
        return {}
    if "rim.0.weight" in tensors:
        return {"rosta": "RIM"}
    last = next(key for key in ("decoder0_g.6.weight", "decoder0_g.0.weight") if key in tensors)
    if len(tensors[last]) == 2:
        what = "these weights are GFM's FT or BT, which have the same keys"
        raise AimkitError(what, where, "use create_model('gfm', rosta='FT', weights=FILE) in Python, or a zoo entry")
    return {"rosta": "TT"}


def translate(tensors: Mapping[str, Tensor], form: ReleasedFormat, where: str) -> tuple[dict[str, Tensor], LoadReport]:
    """The tensors of a released state dict under our names, and a report of the other keys.

    Raises:
        AimkitError: A key is unknown, or two names of one tensor disagree.
    """
    ours: dict[str, Tensor] = {}
    report = LoadReport(form.name, 0)
    unknown = set()
    for key, value in tensors.items():
        name = form.ours(key)
        if key in form.unused:
            report.unused[key] = value
        elif name is None:
            unknown.add(key)
        elif name not in ours:
            ours[name] = value
        elif torch.equal(ours[name], value):
            report.aliases.append(key)
        else:
            raise AimkitError(f"'{key}' differs from another key that names the same tensor", where)
    if unknown:
        raise AimkitError(f"unknown keys in weights of the format {form.name}: {_some(unknown)}", where)
    return ours, report


def _named_like(tensors: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, with the prefix that was taken for a wrapper's and is the network's own."""
    for prefix in PREFIXES:
        if tensors.keys() != wanted.keys() and {prefix + key for key in tensors} == wanted.keys():
            return {prefix + key: value for key, value in tensors.items()}
    return tensors


def _copy(target: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Load all tensors or none. Batch counters may be missing, since early PyTorch versions wrote none."""
    current = target.state_dict()
    counters = {key for key in current if key.endswith("num_batches_tracked")}
    unknown, missing = tensors.keys() - current.keys(), current.keys() - tensors.keys() - counters
    name = type(target).__name__
    if unknown or missing:
        hint = "build the network with the options and backbone of these weights"
        raise AimkitError(f"the weights do not fit this {name}: {_differences(unknown, missing)}", where, hint)
    for key, value in tensors.items():
        if value.shape != current[key].shape:
            what = f"'{key}' is {tuple(value.shape)}, this {name} has {tuple(current[key].shape)}"
            raise AimkitError(
                what, where, "was it built with the same backbone, width, representation, rosta and in_chans?"
            )
    target.load_state_dict(tensors, strict=False)


def _differences(unknown: Set[str], missing: Set[str]) -> str:
    found = (("unknown", unknown), ("missing", missing))
    return "; ".join(f"{len(keys)} {word} ({_some(keys)})" for word, keys in found if keys)


def _some(keys: Set[str]) -> str:
    return ", ".join(sorted(keys)[:3]) + (", ..." if len(keys) > 3 else "")
