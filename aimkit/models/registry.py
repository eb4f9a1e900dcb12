"""Networks and backbones by name: the one place that builds them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aimkit.errors import AimkitError
from aimkit.registry import Registry, did_you_mean

if TYPE_CHECKING:
    from torch import nn

    from aimkit.models.backbones.contract import Backbone
    from aimkit.models.base import MattingModel

DEFAULT_BACKBONE = "resnet34_mp"

#: Entries are ``build(backbone, **options) -> MattingModel``.
models: Registry[Callable[..., Any]] = Registry("model")
#: Entries are ``build(*, in_chans=3, **options) -> Backbone``. timm's architectures are in ``backbones.py`` instead.
backbones: Registry[Callable[..., Any]] = Registry("backbone")


def create_model(
    name: str,
    *,
    backbone: str | nn.Module = DEFAULT_BACKBONE,
    weights: str | Path | None = None,
    pretrained: bool = False,
    backbone_weights: str | Path | None = None,
    in_chans: int = 3,
    backbone_options: dict[str, Any] | None = None,
    **options: Any,
) -> MattingModel:
    """Build a network. No weights are read or fetched unless asked for.

    Args:
        name: Registered network: ``aimnet``, ...; ``aimkit models ls`` lists them.
        backbone: ``resnet34_mp`` (the paper's), any timm architecture, with a tag for certain pretrained weights
            (``convnext_tiny.fb_in22k``), a registered name, or a module that keeps the backbone contract.
        weights: Weights of the whole network: a file (ours or a released one) or a zoo id.
        pretrained: Fetch the backbone's pretrained weights.
        backbone_weights: Weights of the backbone: a file or a zoo id.
        in_chans: Channels of the image.
        backbone_options: Keywords of the backbone.
        options: Keywords of the network, such as ``fusion="soft"``.

    Returns:
        The network, in training mode, on the CPU.

    Raises:
        AimkitError: An unknown name or option, or weights that do not fit.
    """
    entry = models.get(name, "model")
    # What makes it the paper's network on a backbone goes before the defaults, not before what the caller says.
    own = entry.info.get("paper", {}).get(backbone, {}) if isinstance(backbone, str) else {}
    made = {key: value for key, value in own.items() if key != "backbone"} | options
    trunk = create_backbone(
        own.get("backbone", backbone),
        pretrained=pretrained,
        weights=backbone_weights,
        in_chans=in_chans,
        **backbone_options or {},
    )
    model: MattingModel = _call(entry.value, f"model {name}", trunk, **made)
    if isinstance(backbone, str):
        kept = {"in_chans": in_chans, "backbone_options": backbone_options or {}, **options}
        model.build = {"name": name, "backbone": backbone} | kept
    if weights is not None:
        from aimkit.models.weights import loading

        loading.load(model, weights)
    return model


def create_backbone(
    name: str | nn.Module,
    *,
    pretrained: bool = False,
    weights: str | Path | None = None,
    in_chans: int = 3,
    **options: Any,
) -> Backbone:
    """Build a backbone: a registered one, else timm's architecture of that name.

    Raises:
        AimkitError: An unknown name or option, weights that do not fit, or a backbone that breaks the contract.
    """
    from aimkit.models.backbones.contract import check_attributes

    trunk: Any
    if not isinstance(name, str):
        trunk = name
    elif name in backbones:
        entry = backbones.get(name)
        if pretrained and weights is None and entry.info.get("fetches"):
            options["pretrained"] = True
        elif pretrained and weights is None:
            weights = entry.info.get("pretrained")
            if weights is None:
                raise AimkitError(f"no pretrained weights are known for {name}", "pretrained", "use backbone_weights")
        trunk = _call(entry.value, f"backbone {name}", in_chans=in_chans, **options)
    else:
        from aimkit.models.backbones.factory import create

        trunk = create(name, pretrained=pretrained and weights is None, weights=weights, in_chans=in_chans, **options)
        weights = None
    check_attributes(trunk, in_chans)
    if weights is not None:
        from aimkit.models.weights import loading

        loading.load(trunk, weights)
    checked: Backbone = trunk
    return checked


def list_models(pattern: str = "*") -> list[str]:
    """Names of networks that match a shell pattern."""
    return models.list(pattern)


def list_backbones(pattern: str = "*", *, kind: str | None = None, max_params: float | None = None) -> list[str]:
    """Names of backbones that match a shell pattern: the registered ones and all of timm's.

    Args:
        pattern: Shell pattern.
        kind: Only backbones of this kind; see ``aimkit.models.backbones.factory``.
        max_params: Only backbones of at most so many parameters, in millions.
    """
    from aimkit.models.backbones.factory import list_backbones as list_all

    return list_all(pattern, kind=kind, max_params=max_params)


def register_model(name: str, **info: Any) -> Callable[[Any], Any]:
    """Decorator that makes a network of one's own known by name: ``build(backbone, **options) -> MattingModel``.

    Args:
        name: How it is called from now on.
        info: ``loss``, the objective that it is trained for (``aimkit.train.objective``; AimNet's by default), and
            ``paper``: by name of a backbone, what makes it the paper's network there, keywords of the network or
            ``backbone``, another one of that name.
    """
    return models.register(name, **info)


def register_backbone(name: str, **info: Any) -> Callable[[Any], Any]:
    """Decorator that makes a backbone of one's own known by name: ``build(*, in_chans=3, **options) -> Backbone``.

    Args:
        name: How it is called from now on; it goes before a timm architecture of the same name.
        info: ``kind`` and ``params`` (millions) for listings, ``pretrained`` (a file or a zoo id), or ``fetches`` when
            ``build`` itself takes ``pretrained``.
    """
    return backbones.register(name, **info)


def _call(build: Callable[..., Any], where: str, *args: Any, **options: Any) -> Any:
    """Call a builder; a keyword that it does not know becomes an error that names the nearest."""
    import inspect

    parameters = inspect.signature(build).parameters.values()
    known = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)][len(args) :]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for key in options:
            if key not in known:
                raise AimkitError(f"unknown option '{key}'", where, did_you_mean(key, known))
    return build(*args, **options)


def _lazy(target: str, summary: str) -> Callable[..., Any]:
    """A builder that imports its class when it is called, so that listing names does not import torch."""

    def build(*args: Any, **options: Any) -> Any:
        module, name = target.split(":")
        return _call(getattr(importlib.import_module(module), name), target.split(":")[1], *args, **options)

    build.__doc__, build.__qualname__ = summary, target
    return build


models.register("aimnet", loss="aimnet")(
    _lazy("aimkit.models.aimnet:AimNet", "AimNet (Li et al., IJCAI 2021): semantic and matting decoders, fused.")
)
models.register(
    "gfm",
    loss="gfm",
    paper={
        "resnet34_2b": {"width": "backbone", "finest": 1},
        "densenet121": {"backbone": "densenet121_gfm"},
        "resnet101": {"width": "backbone"},
    },
)(_lazy("aimkit.models.gfm:GFM", "GFM (Li et al., IJCV 2021): glance and focus decoders, collaborative matting."))
models.register("p3mnet", loss="p3mnet")(
    _lazy("aimkit.models.p3mnet:P3MNet", "P3M-Net (Li et al., ACM MM 2021): decoders that exchange features.")
)
backbones.register("resnet34_mp", kind="max-pooling", params=21.3, pretrained="resnet34_mp.in1k")(
    _lazy(
        "aimkit.models.backbones.resnet_mp:ResNet34MP",
        "The paper's ResNet-34: stride 1, max-pooling, indices.",
    )
)
backbones.register("resnet34_2b", kind="max-pooling", params=34.8, fetches=True)(
    _lazy(
        "aimkit.models.backbones.gfm_backbones:ResNet34TwoBlocks",
        "GFM's ResNet-34 from stride 1, with two more stages.",
    )
)
backbones.register("densenet121_gfm", kind="pyramid", params=11.6, fetches=True)(
    _lazy(
        "aimkit.models.backbones.gfm_backbones:DenseNet121", "GFM's DenseNet-121: no first pooling, so twice as fine."
    )
)
