"""What weights state about their network: read in one place, and checked before anything is built.

Headers of weights, zoo manifests and a hub's ``config.json`` come from elsewhere, and what they say becomes keywords
of builders that read files, fetch URLs and take memory. So only options that a network or backbone lists
(``declarable``) are taken, within their bounds, and never one that names something to read or fetch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from aimkit.errors import AimkitError
from aimkit.json_files import parse_json
from aimkit.models.registry import (
    backbones,
    create_backbone,
    create_model,
    declarable,
    describe_backbone,
    models,
    timm_options,
)
from aimkit.models.weights import official
from aimkit.models.weights.loading import find
from aimkit.models.weights.options import check_options, names_a_fetch
from aimkit.recipe import expand
from aimkit.weights_file import check
from aimkit.zoo.manifest import ZooEntry
from aimkit.zoo.manifest import find as find_entry

if TYPE_CHECKING:
    from aimkit.models.base import MattingModel


@dataclass(frozen=True)
class Declared:
    """What a file, a manifest or ``config.json`` states about the network of its weights.

    Attributes:
        architecture: Name of the network; None for a backbone alone.
        backbone: Name of the backbone.
        options: Keywords of the network or backbone, not checked yet; see :func:`checked`.
        predict: Inference defaults: a ``strategy`` and its options.
        where: The file that says so, for errors.
        stage: The last stage of training; "" when it is not stated.
    """

    architecture: str | None
    backbone: str
    options: dict[str, Any] = field(default_factory=dict)
    predict: dict[str, Any] = field(default_factory=dict)
    where: str = ""
    stage: str = ""


def of(ref: str | os.PathLike[str], *, keys: bool = True) -> Declared | None:
    """What weights state about their network: their file, else the zoo's manifest, else the names of their tensors.

    Args:
        ref: File, folder of a run or of a checkpoint, or zoo id.
        keys: Whether to read the tensors for their names.

    Returns:
        What is said; None when nothing is.

    Raises:
        AimkitError: The weights are not found, or what they say is damaged.
    """
    path = find(ref)
    entry = None if expand(ref).exists() else of_entry(find_entry(os.fspath(ref)))
    told = of_file(path)
    if told is not None and entry is not None and not told.predict:
        return replace(told, predict=entry.predict)
    return told or entry or (of_keys(path) if keys else None)


def of_file(path: Path) -> Declared | None:
    """What the header of a safetensors file of aimkit's says; None for other files."""
    told = metadata(path)
    if not told.get("backbone"):
        return None
    options, predict = (
        parse_json(told.get(key) or "{}", dict, f"metadata '{key}' of the weights", str(path))
        for key in ("options", "predict")
    )
    stage = told.get("stage", "")
    return Declared(told.get("architecture") or None, told["backbone"], options, predict, str(path), stage)


def of_entry(entry: ZooEntry) -> Declared:
    """What a zoo entry says."""
    where = f"{entry.file}, {entry.id}" if entry.file else entry.id
    return Declared(entry.architecture, entry.backbone, dict(entry.options), dict(entry.predict), where, entry.stage)


def of_config(network: object, where: str) -> Declared:
    """What ``network`` in a ``config.json`` of :mod:`aimkit.models.hub` says.

    Raises:
        AimkitError: It does not name the network.
    """
    if not isinstance(network, dict) or not isinstance(network.get("name"), str):
        raise AimkitError("config.json does not name the network", where, "was it saved by aimkit?")
    options = {key: value for key, value in network.items() if key not in ("name", "backbone")}
    backbone = network.get("backbone")
    if not isinstance(backbone, str):
        raise AimkitError("config.json does not name the backbone", where, "was it saved by aimkit?")
    return Declared(network["name"], backbone, options, where=f"{where}, config.json")


def of_keys(path: Path, tensors: Mapping[str, Tensor] | None = None) -> Declared | None:
    """What the names of a released state dict say; None for other names."""
    if tensors is None:
        from aimkit.state_dict import read

        tensors = read(path, quiet=True)
    form = official.recognise(tensors)
    if form is None:
        return None
    return Declared(
        form.architecture, form.backbone, dict(official.options_of(form, tensors, str(path))), where=str(path)
    )


def build(told: Declared) -> nn.Module:
    """Build the network or backbone, with fresh weights.

    Raises:
        AimkitError: What is said is refused; see :func:`checked`.
    """
    options = checked(told)
    if told.architecture:
        return create_model(told.architecture, backbone=told.backbone, **options)
    trunk: Any = create_backbone(told.backbone, **options)
    return trunk


def load_network(
    weights: str | os.PathLike[str],
    *,
    model: str | None = None,
    backbone: str | None = None,
    model_options: Mapping[str, Any] | None = None,
    default: tuple[str, str] = ("aimnet", "resnet34_mp"),
) -> tuple[MattingModel, Declared | None]:
    """Build the network of weights and load them: the one way of all commands.

    Args:
        weights: File, folder of a run or of a checkpoint, or zoo id.
        model: Registered network, in place of what the weights say.
        backbone: Backbone, in place of what the weights say.
        model_options: Keywords of the network, in place of what the weights say; they are not checked.
        default: Network and backbone of weights that say nothing.

    Returns:
        The network, and what the weights say when it is of their architecture.

    Raises:
        AimkitError: The weights are not found, say something that is refused, or do not fit.
    """
    path = find(weights)
    told = of(weights, keys=model is None)
    name = model or (told and told.architecture) or default[0]
    trunk = backbone or (told.backbone if told else default[1])
    same = told is not None and told.architecture in (None, name)
    options = dict(model_options or {})
    if model_options is None and told is not None and told.architecture == name:
        options = checked(Declared(name, trunk, told.options, {}, told.where))
    if told is not None and trunk == told.backbone:
        check_size(trunk, path)
    models.get(name, "model")
    describe_backbone(trunk)
    try:
        network = create_model(name, backbone=trunk, weights=path, **options)
    except AimkitError as error:
        own = told is not None and (name, trunk) == (told.architecture, told.backbone)
        if told is None or told.architecture is None or own or error.where in ("model", "backbone"):
            raise
        wrong = " and ".join(f"--{key}" for key, value in (("model", model), ("backbone", backbone)) if value)
        hint = f"these weights are of {told.architecture} on {told.backbone}: leave out {wrong}"
        raise AimkitError(error.what, error.where, hint, exit_code=error.exit_code) from None
    if told is not None and same:
        # Their matting decoder has not been trained.
        network.semantic_only = told.stage == "semantic"
    return network, told if same else None


def network_of(weights: str | os.PathLike[str]) -> MattingModel:
    """The network that weights state they belong to, with the weights and their inference defaults.

    Args:
        weights: File, folder of a run or of a checkpoint, or zoo id.

    Raises:
        AimkitError: The weights are not found, don't say what they are of, or are those of a backbone alone.
    """
    told = of(weights)
    if told is None:
        hint = "name it: create_model(NAME, backbone=NAME, weights=...); 'aimkit models ls' lists the networks"
        raise AimkitError("the weights don't state which network they belong to", os.fspath(weights), hint)
    if told.architecture is None:
        hint = f"create_model(NAME, backbone={told.backbone!r}, backbone_weights=...)"
        raise AimkitError(f"these are the weights of a backbone alone, {told.backbone}", os.fspath(weights), hint)
    network, _ = load_network(weights)
    network.inference_defaults = {key: value for key, value in told.predict.items() if key != "strategy"}
    network.strategy = str(told.predict.get("strategy", network.strategy))
    return network


def checked(told: Declared) -> dict[str, Any]:
    """The options that a file declares, if all of them are taken from files.

    Raises:
        AimkitError: The network, the backbone or an option is unknown, an option is out of bounds, or names what to
            read or fetch. The error names the file and the key.
    """
    _check_names(told)
    if told.architecture is None:
        return check_options(told.options, _rules_of_backbone(told.backbone), told.where, "options")
    own = {key: value for key, value in told.options.items() if key != "backbone_options"}
    options = check_options(own, declarable(models.get(told.architecture).value.build), told.where, "options")
    inner = told.options.get("backbone_options")
    if inner is not None:
        if not isinstance(inner, dict):
            raise AimkitError("the backbone's options are not a table", f"{told.where}, options.backbone_options")
        rules = _rules_of_backbone(told.backbone)
        options["backbone_options"] = check_options(inner, rules, told.where, "options.backbone_options")
    return options


def stored(architecture: str, backbone: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that the weights of a network may declare, of those that built it.

    Args:
        architecture: Name of the network.
        backbone: Name of the backbone.
        options: Keywords that built the network.
    """
    kept: dict[str, Any] = {}
    for key, value in json.loads(json.dumps(dict(options), default=str)).items():
        try:
            checked(Declared(architecture, backbone, {key: value}))
        except AimkitError:
            continue
        kept[key] = value
    return kept


def not_stored(architecture: str, backbone: str, options: Mapping[str, Any]) -> list[str]:
    """Options that shape the network, but that its weights may not declare; loading must be given them again.

    Options that named initial weights are not among them: the weights that are stored replace those.
    """
    kept = stored(architecture, backbone, options)
    return sorted(key for key in options if key not in kept and not names_a_fetch(key))


def check_size(backbone: str, path: Path) -> None:
    """Refuse a header that names a backbone much larger than its file, before memory is taken for it.

    Raises:
        AimkitError: The file holds less than half of the backbone's parameters.
    """
    if check(path) != ".safetensors" or backbone in backbones:
        return
    wanted = (describe_backbone(backbone).params or 0) * 1e6
    held = path.stat().st_size / 2  # float16 is the smallest
    if held < wanted / 2:
        what = f"the file names the backbone {backbone} of {wanted / 1e6:.0f} million parameters, and is far smaller"
        raise AimkitError(what, f"{path}, backbone", "the file is damaged, or was made to exhaust memory")


def metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a safetensors file; {} for other files.

    Raises:
        AimkitError: The file can't be read.
    """
    if check(path) != ".safetensors":
        return {}
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        first = str(error).strip().split("\n")[0][:200]
        raise AimkitError(f"can't read the weights: {first}", str(path), "is the file complete?") from None


def _check_names(told: Declared) -> None:
    names = (("architecture", told.architecture, models.get), ("backbone", told.backbone, describe_backbone))
    for key, value, known in names:
        if value is None:
            continue
        try:
            if not isinstance(value, str):
                raise AimkitError(f"the {key} is not a string")
            known(value)
        except AimkitError as error:
            raise AimkitError(error.what, f"{told.where}, {key}", error.hint) from None


def _rules_of_backbone(name: str) -> dict[str, Any]:
    return declarable(backbones.get(name).value.build) if name in backbones else timm_options()
