"""Networks and backbones by name: the one place that builds them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aimkit.errors import AimkitError
from aimkit.registry import Registry, did_you_mean

if TYPE_CHECKING:
    from torch import nn

    from aimkit.models.backbones.contract import Backbone
    from aimkit.models.backbones.factory import BackboneInfo
    from aimkit.models.base import MattingModel

DEFAULT_BACKBONE = "resnet34_mp"

BuildT = TypeVar("BuildT", bound=Callable[..., Any])


@dataclass(eq=False)
class ModelBuilder:
    """A registered network.

    Attributes:
        build: ``build(backbone, **options) -> MattingModel``, a class or a function.
        objective: Name of its training objective, see ``aimkit.train.objectives``.
        paper_options: Keywords that make it the paper's network, by the name of a backbone.
        paper_backbones: Backbones that the paper changed: the name of the changed one, by the usual name.
    """

    build: Callable[..., MattingModel]
    objective: str = "aimnet"
    paper_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    paper_backbones: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        take_name(self, self.build)


@dataclass(eq=False)
class BackboneBuilder:
    """A registered backbone.

    Attributes:
        build: ``build(*, in_chans=3, **options) -> Backbone``, a class or a function.
        kind: Kind for listings: ``pyramid``, ``flat``, ``irregular`` or another word.
        params: Number of parameters in millions, None when unknown.
        pretrained: File or zoo id of its pretrained weights, None when there are none.
        takes_pretrained: Whether ``build`` has a keyword ``pretrained`` and fetches the weights itself.
    """

    build: Callable[..., Backbone]
    kind: str = "own"
    params: float | None = None
    pretrained: str | None = None
    takes_pretrained: bool = False

    def __post_init__(self) -> None:
        take_name(self, self.build)


models: Registry[ModelBuilder] = Registry("model", plugins="aimkit.models")
#: The backbones of this package and your own; ``backbones/factory.py`` adds timm's.
backbones: Registry[BackboneBuilder] = Registry("backbone", plugins="aimkit.models")


def create_model(
    name: str | None = None,
    *,
    backbone: str | nn.Module | None = None,
    weights: str | Path | None = None,
    pretrained: bool = False,
    backbone_weights: str | Path | None = None,
    in_chans: int = 3,
    backbone_options: dict[str, Any] | None = None,
    **options: Any,
) -> MattingModel:
    """Build a network. No weights are read or fetched unless asked for.

    ``create_model(weights="ID")`` is enough for weights that identify their network, as those of the zoo, of training
    runs and of the authors do: network, backbone, options and inference defaults come from them.

    Args:
        name: Registered network: ``aimnet``, ...; ``aimkit models ls`` lists them. None takes that of the weights.
        backbone: ``resnet34_mp`` (the paper's, and the default), any timm architecture, optionally with the tag of its
            pretrained weights (``convnext_tiny.fb_in22k``), a registered name, or a module that keeps the backbone
            contract.
        weights: Weights of the whole network: a file (aimkit's or a released one), the folder of a training
            run, or a zoo id.
        pretrained: Fetch the backbone's pretrained weights.
        backbone_weights: Weights of the backbone: a file or a zoo id.
        in_chans: Channels of the image.
        backbone_options: Keywords of the backbone.
        options: Keywords of the network, such as ``fusion="soft"``.

    Returns:
        The network, in training mode, on the CPU.

    Raises:
        AimkitError: A name or option is unknown, the weights do not fit, or there is no name and the weights don't
            state it.
    """
    if name is None:
        given = {"backbone": backbone is not None, "pretrained": pretrained, "in_chans": in_chans != 3}
        given |= {"backbone_weights": backbone_weights is not None, "backbone_options": bool(backbone_options)}
        return _of_weights(weights, [*(key for key, value in given.items() if value), *options])
    builder = models.get(name, "model").value
    backbone = DEFAULT_BACKBONE if backbone is None else backbone
    named, own = backbone, dict[str, Any]()
    if isinstance(backbone, str):
        # The paper's options on this backbone override the defaults; the caller's options override both.
        named, own = builder.paper_backbones.get(backbone, backbone), dict(builder.paper_options.get(backbone, {}))
    trunk = create_backbone(
        named, pretrained=pretrained, weights=backbone_weights, in_chans=in_chans, **backbone_options or {}
    )
    model: MattingModel = _call(builder.build, f"model {name}", trunk, **own | options)
    model.created = (name, own | options)
    if isinstance(backbone, str):
        kept = {"in_chans": in_chans, "backbone_options": backbone_options or {}, **options}
        model.build = {"name": name, "backbone": backbone} | kept
    if weights is not None:
        from aimkit.models.weights import loading

        loading.load(model, weights)
    return model


def _of_weights(weights: str | Path | None, given: list[str]) -> MattingModel:
    """The network that weights say they are of."""
    if weights is None:
        hint = f"name a network ({', '.join(list_models())}), or weights that state it: weights='default'"
        raise AimkitError("missing the name of a network", "create_model", hint)
    if given:
        what = f"{', '.join(given)} can't be given without the name of a network: the weights state them"
        raise AimkitError(what, "create_model", f"leave out {', '.join(given)}, or name the network too")
    from aimkit.models.weights import declared

    return declared.network_of(weights)


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
        AimkitError: A name or option is unknown, the weights do not fit, or the backbone breaks the contract.
    """
    from aimkit.models.backbones.contract import check_attributes

    trunk: Any
    if not isinstance(name, str):
        trunk = name
    elif name in backbones:
        builder = backbones.get(name).value
        if pretrained and weights is None and builder.takes_pretrained:
            options["pretrained"] = True
        elif pretrained and weights is None:
            weights = builder.pretrained
            if weights is None:
                raise AimkitError(f"no pretrained weights are known for {name}", "pretrained", "use backbone_weights")
        trunk = _call(builder.build, f"backbone {name}", in_chans=in_chans, **options)
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
        max_params: Only backbones of at most this many parameters, in millions.
    """
    from aimkit.models.backbones.factory import list_backbones as list_all

    return list_all(pattern, kind=kind, max_params=max_params)


def describe_backbone(name: str) -> BackboneInfo:
    """The facts about a backbone.

    Raises:
        AimkitError: The name is unknown.
    """
    from aimkit.models.backbones.factory import describe

    return describe(name)


def declarable(build: Callable[..., Any]) -> dict[str, Any]:
    """What weights may declare for a network or backbone: a type for each keyword, None for any short plain value."""
    import inspect

    target: Any = getattr(build, "resolve", lambda: build)()
    parameters = inspect.signature(target).parameters.values()
    keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY or p.default is not p.empty]
    return dict.fromkeys(keywords) | dict(getattr(target, "declarable", {}))


def timm_options() -> dict[str, Any]:
    """The same for timm's architectures."""
    from aimkit.models.backbones.timm_adapter import TimmBackbone

    return dict(TimmBackbone.declarable)


def register_model(
    name: str,
    *,
    objective: str = "aimnet",
    paper_options: Mapping[str, Mapping[str, Any]] | None = None,
    paper_backbones: Mapping[str, str] | None = None,
) -> Callable[[BuildT], BuildT]:
    """Decorator that registers your own network: ``build(backbone, **options) -> MattingModel``.

    Args:
        name: Name for recipes, the command line and :func:`create_model`.
        objective: Training objective, a name in ``aimkit.train.objectives``.
        paper_options: As for :class:`ModelBuilder`.
        paper_backbones: As for :class:`ModelBuilder`.
    """

    def add(build: BuildT) -> BuildT:
        models.register(name)(ModelBuilder(build, objective, paper_options or {}, paper_backbones or {}))
        return build

    return add


def register_backbone(
    name: str,
    *,
    kind: str = "own",
    params: float | None = None,
    pretrained: str | None = None,
    takes_pretrained: bool = False,
) -> Callable[[BuildT], BuildT]:
    """Decorator that registers your own backbone: ``build(*, in_chans=3, **options) -> Backbone``.

    Args:
        name: Name for recipes, the command line and :func:`create_model`. It overrides a timm architecture of that
            name.
        kind: As for :class:`BackboneBuilder`.
        params: As for :class:`BackboneBuilder`.
        pretrained: As for :class:`BackboneBuilder`.
        takes_pretrained: As for :class:`BackboneBuilder`.
    """

    def add(build: BuildT) -> BuildT:
        backbones.register(name)(BackboneBuilder(build, kind, params, pretrained, takes_pretrained))
        return build

    return add


def _call(build: Callable[..., Any], where: str, *args: Any, **options: Any) -> Any:
    """Call a builder; an unknown keyword raises an error that names the nearest one."""
    import inspect

    parameters = inspect.signature(build).parameters.values()
    known = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)][len(args) :]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for key in options:
            if key not in known:
                raise AimkitError(f"unknown option '{key}'", where, did_you_mean(key, known))
    return build(*args, **options)


def take_name(builder: Any, build: Callable[..., Any]) -> None:
    """Give a builder the name and docstring of what it builds, by which registries compare and summarise values."""
    builder.__module__, builder.__doc__ = build.__module__, build.__doc__
    builder.__qualname__ = getattr(build, "__qualname__", repr(build))


def _lazy(target: str, summary: str) -> Callable[..., Any]:
    """A builder that imports its class when it is called, so that listing names does not import torch."""

    def resolve() -> Any:
        module, name = target.split(":")
        return getattr(importlib.import_module(module), name)

    def build(*args: Any, **options: Any) -> Any:
        return _call(resolve(), target.split(":")[1], *args, **options)

    build.__doc__, build.__qualname__ = summary, target
    build.resolve = resolve  # type: ignore[attr-defined]
    return build


register_model("aimnet")(
    _lazy("aimkit.models.aimnet:AimNet", "AimNet (Li et al., IJCAI 2021): semantic and matting decoders, fused.")
)
register_model(
    "gfm",
    objective="gfm",
    paper_options={"resnet34_2b": {"width": "backbone", "finest": 1}, "resnet101": {"width": "backbone"}},
    paper_backbones={"densenet121": "densenet121_gfm"},
)(_lazy("aimkit.models.gfm:GFM", "GFM (Li et al., IJCV 2021): glance and focus decoders, collaborative matting."))
register_model("p3mnet", objective="p3mnet")(
    _lazy("aimkit.models.p3mnet:P3MNet", "P3M-Net (Li et al., ACM MM 2021): decoders that exchange features.")
)
register_backbone("resnet34_mp", kind="max-pooling", params=21.3, pretrained="resnet34_mp.in1k")(
    _lazy(
        "aimkit.models.backbones.resnet_mp:ResNet34MP",
        "AimNet's ResNet-34: stride 1, max-pooling with indices.",
    )
)
register_backbone("resnet34_2b", kind="max-pooling", params=34.8, takes_pretrained=True)(
    _lazy(
        "aimkit.models.backbones.gfm_backbones:ResNet34TwoBlocks",
        "GFM's ResNet-34: starts at stride 1, with two more stages.",
    )
)
register_backbone("densenet121_gfm", kind="pyramid", params=11.6, takes_pretrained=True)(
    _lazy(
        "aimkit.models.backbones.gfm_backbones:DenseNet121",
        "GFM's DenseNet-121: no first pooling, so its maps are twice as fine.",
    )
)
