"""Measures a timm architecture on the meta device, by shapes alone; a few architectures need real values.

timm's ``feature_info`` lists the maps, but some of its strides are wrong, and it does not say which input sizes an
architecture takes. So sizes are tried: first any multiple of 32, then with the keywords that allow other sizes, then
scaled patches, then coarser multiples, and last the one size that the architecture was made for.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import timm
import torch
from torch import Tensor, nn

from aimkit.errors import AimkitError
from aimkit.models.backbones.size_rule import SizeRule
from aimkit.models.backbones.timm_spec import TimmSpec

#: Keywords that allow other sizes than the architecture's own, in order of preference.
_SIZE_KEYWORDS: tuple[dict[str, Any], ...] = ({}, {"dynamic_img_size": True}, {"strict_img_size": False})
#: Heights and widths, in units of a multiple, that must all work for the multiple to be accepted.
_FINE = ((7, 5), (20, 12))
_COARSE = ((2, 1), (2, 3), (5, 4))
_PATCHES = (14, 7, 28, 12)
_COARSE_MULTIPLES = (96, 128, 192, 224, 256, 320, 384, 448, 512)
#: Modules with tables of positions that are too small for other sizes than their own, which shapes do not reveal. Found
#: by the checks that run the network.
_OWN_SIZE_ONLY = frozenset({"mvitv2"})
#: Number of blocks of a flat architecture to use, spread over its depth.
BLOCKS = 4


def probe(name: str, *, in_chans: int = 3, blocks: int = BLOCKS, **keywords: Any) -> TimmSpec:
    """Measure an architecture.

    Args:
        name: timm's name, with or without a tag.
        in_chans: Channels of the image.
        blocks: Number of blocks of a flat architecture to use, spread over its depth and including the last.
        keywords: Further keywords of ``timm.create_model``.

    Raises:
        AimkitError: timm can't build it, or no size that was tried works.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _probe(name, in_chans, blocks, keywords, "meta")
        except AimkitError as error:
            if not needs_values(error):
                raise
            return _probe(name, in_chans, blocks, keywords, "cpu")


def needs_values(error: Exception) -> bool:
    """Whether an architecture failed because it reads values of its tensors, so that shapes are not enough."""
    return "meta tensors" in str(error)


def build(name: str, in_chans: int, keywords: dict[str, Any], **more: Any) -> nn.Module:
    """timm's feature extractor."""
    model: nn.Module = timm.create_model(name, features_only=True, in_chans=in_chans, **keywords, **more)
    return model


def takes_channels(spec: TimmSpec, in_chans: int) -> bool:
    """Whether the architecture works with this number of input channels."""
    try:
        model = _built(spec.name, in_chans, spec.keywords, "meta")
    except Exception:
        return False
    return _runs(model, in_chans, spec.size.padded(_reference(spec.size)), [])


def channels_first(maps: list[Tensor], layout: str) -> list[Tensor]:
    """The maps as NCHW."""
    return [m.permute(0, 3, 1, 2) for m in maps] if layout == "NHWC" else list(maps)


def _probe(name: str, in_chans: int, blocks: int, given: dict[str, Any], device: str) -> TimmSpec:
    failures: list[str] = []
    best: tuple[_SizeCandidate, list[float]] | None = None
    for way in _candidates(name, in_chans, given, device, failures):
        strides = _strides(way.model, in_chans, way.rule)
        best = best or (way, strides)
        # Patches of 14 pixels take multiples of 32 by cutting off the remainder: look for a rule with exact grids.
        if all(abs(math.log2(s / _level(s))) < 0.02 for s in strides):
            best = way, strides
            break
        if way.rule.fixed or way.rule.multiple > 64:
            break
    if best is None:
        cause = failures[-1] if failures else "timm can't build it"
        raise AimkitError(f"no image size that was tried works for {name}: {cause}", f"backbone {name}", exit_code=1)
    way, strides = best
    if _is_flat(strides) and "out_indices" not in way.keywords:
        keywords = way.keywords | {"out_indices": _spread(len(way.model.feature_info.info), blocks)}
        try:
            spread = way._replace(keywords=keywords, model=_built(name, in_chans, keywords, device))
            return _spec(name, spread, in_chans)
        except Exception as error:
            failures.append(_cause(error))
    return _spec(name, way, in_chans)


class _SizeCandidate(NamedTuple):
    """A size rule under which the architecture works when it is built with these keywords."""

    rule: SizeRule
    keywords: dict[str, Any]
    model: Any


def _candidates(
    name: str, in_chans: int, given: dict[str, Any], device: str, failures: list[str]
) -> Iterator[_SizeCandidate]:
    """Size rules that work, the best first; coarse multiples only when no fine one does."""
    models: dict[int, tuple[dict[str, Any], Any] | None] = {}

    def built_with(i: int) -> tuple[dict[str, Any], Any] | None:
        if i not in models:
            models[i] = _build_some_way(name, in_chans, given | _SIZE_KEYWORDS[i], device, failures)
        return models[i]

    found = False
    free = _module(name) not in _OWN_SIZE_ONLY
    patches = [SizeRule(p, p, (p, 1 << round(math.log2(p)))) for p in _PATCHES]
    rules = [SizeRule(32), SizeRule(64, 64), *patches] if free else []
    for rule in rules:
        for i in range(len(_SIZE_KEYWORDS)):
            if (way := built_with(i)) is None:
                continue
            if (smallest := _takes(way[1], in_chans, rule, _FINE, failures)) is not None:
                found = True
                yield _SizeCandidate(SizeRule(rule.multiple, smallest, rule.scale), *way)
                break
    if found or (way := built_with(0)) is None:
        return
    for multiple in _COARSE_MULTIPLES if free else ():
        if (smallest := _takes(way[1], in_chans, SizeRule(multiple, multiple), _COARSE, failures)) is not None:
            yield _SizeCandidate(SizeRule(multiple, smallest), *way)
    for fixed in _own_sizes(way[1], given):
        if _runs(way[1], in_chans, fixed, failures):
            yield _SizeCandidate(SizeRule(fixed=fixed), *way)


def _build_some_way(
    name: str, in_chans: int, keywords: dict[str, Any], device: str, failures: list[str]
) -> tuple[dict[str, Any], nn.Module] | None:
    for route in ({}, {"feature_cls": "getter"}):
        try:
            return keywords | route, _built(name, in_chans, keywords | route, device)
        except Exception as error:
            failures.append(_cause(error))
    return None


def _takes(
    model: Any, in_chans: int, rule: SizeRule, counts: tuple[tuple[int, int], ...], failures: list[str]
) -> int | None:
    """The smallest side that the architecture takes under this rule, or None when the rule does not work."""
    m = rule.multiple
    if not all(_runs(model, in_chans, (m * h, m * w), failures) for h, w in counts):
        return None
    # If the smallest side works, so do larger ones.
    for k in range(1, 5):
        if _runs(model, in_chans, (m * k, m * k), []):
            return m * k
    return None


def _own_sizes(model: Any, given: dict[str, Any]) -> list[tuple[int, int]]:
    config: dict[str, Any] = getattr(model, "pretrained_cfg", None) or {}
    sizes = [tuple(config["input_size"][-2:])] if config.get("input_size") else []
    if given.get("img_size"):
        size = given["img_size"]
        sizes.insert(0, (size, size) if isinstance(size, int) else tuple(size))
    return [*sizes, (224, 224), (256, 256), (384, 384)]


def _built(name: str, in_chans: int, keywords: dict[str, Any], device: str) -> nn.Module:
    with torch.device(device):
        return build(name, in_chans, keywords).eval()


def _run(model: Any, in_chans: int, size: tuple[int, int], batch: int = 1) -> list[Tensor]:
    with next(model.parameters()).device:
        return list(model(torch.zeros(batch, in_chans, *size)))


def _runs(model: Any, in_chans: int, size: tuple[int, int], failures: list[str]) -> bool:
    try:
        with torch.no_grad():
            _run(model, in_chans, size)
    except Exception as error:
        failures.append(_cause(error))
        return False
    return True


def _sizes(maps: list[Tensor], layout: str) -> list[tuple[int, int]]:
    return [tuple(m.shape[1:3] if layout == "NHWC" else m.shape[2:4]) for m in maps]  # type: ignore[misc]


def _layout(maps: list[Tensor], channels: list[int]) -> str:
    first = all(m.shape[1] == c for m, c in zip(maps, channels, strict=True))
    return "NCHW" if first else "NHWC"


def _reference(rule: SizeRule) -> tuple[int, int]:
    """An image size that needs no padding."""
    if rule.fixed:
        return rule.fixed
    unit = math.lcm(rule.multiple * rule.scale[1] // rule.scale[0], 32)
    height = unit * max(1, 320 // unit)
    return height, height + unit


def _strides(model: Any, in_chans: int, rule: SizeRule) -> list[float]:
    """Stride of each map, in pixels of the image."""
    with torch.no_grad():
        maps = _run(model, in_chans, rule.padded(_reference(rule)))
    return _measured(maps, model, rule)


def _measured(maps: list[Tensor], model: Any, rule: SizeRule) -> list[float]:
    height, width = _reference(rule)
    layout = _layout(maps, model.feature_info.channels())
    return [math.sqrt(height / h * width / w) for h, w in _sizes(maps, layout)]


def _is_flat(strides: list[float]) -> bool:
    return max(strides) < 1.1 * min(strides)


def _spread(depth: int, count: int) -> tuple[int, ...]:
    """Indices of ``count`` blocks, evenly spread over the depth and including the last."""
    return tuple(sorted({max(0, round(depth * (i + 1) / count) - 1) for i in range(count)}))


def _level(stride: float) -> int:
    return 1 << max(0, round(math.log2(stride)))


def _kind(strides: list[float], levels: tuple[int, ...]) -> str:
    near = all(abs(math.log2(s / level)) < 0.25 for s, level in zip(strides, levels, strict=True))
    if _is_flat(strides):
        return "flat"
    complete = {4, 8, 16, 32} <= set(levels) <= {1, 2, 4, 8, 16, 32} and len(set(levels)) == len(levels)
    return "pyramid" if near and complete else "irregular"


def _spec(name: str, way: _SizeCandidate, in_chans: int) -> TimmSpec:
    model = way.model.train()
    maps = _run(model, in_chans, way.rule.padded(_reference(way.rule)), batch=2)
    strides = _measured(maps, model, way.rule)
    torch.autograd.backward(torch.stack([m.sum() for m in maps]).sum())
    unused = {key for key, p in model.named_parameters() if p.grad is None}
    channels = tuple(model.feature_info.channels())
    levels = tuple(_level(s) for s in strides)
    return TimmSpec(
        name=name,
        module=_module(name),
        params=round(sum(p.numel() for p in model.parameters()) / 1e6, 3),
        kind=_kind(strides, levels),
        strides=levels,
        channels=channels,
        size=way.rule,
        keywords=way.keywords,
        layout=_layout(maps, list(channels)),
        unused=_prefixes(model, unused),
    )


def _module(name: str) -> str:
    entry = timm.models.model_entrypoint(name.split(".")[0])
    return str(entry.__module__).rpartition(".")[2]


def _prefixes(model: Any, unused: set[str]) -> tuple[str, ...]:
    """The fewest names that cover the parameters: a module's name where all of its parameters are unused."""
    found: list[str] = []
    for prefix, module in model.named_modules():
        names = {f"{prefix}.{key}" for key, _ in module.named_parameters()}
        if prefix and names and names <= unused:
            found.append(prefix)
            unused = unused - names
    return tuple(found + sorted(unused))


def _cause(error: Exception) -> str:
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}"[:160]
