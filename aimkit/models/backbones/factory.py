"""Backbones by name: the registered ones and every architecture of timm, listed without importing torch.

The package has a table of timm's architectures (``timm_status.csv``, written by ``aimkit backbones check``).
Architectures that are missing from it, because another version of timm is installed, are measured at their first use,
and the result is cached.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aimkit.cache import cache_folder
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.models.backbones.timm_spec import KINDS, TimmSpec
from aimkit.models.registry import backbones, models
from aimkit.registry import did_you_mean

if TYPE_CHECKING:
    from aimkit.models.backbones.contract import Backbone

TABLE = Path(__file__).with_name("timm_status.csv")
#: Increased when ``probe.py`` changes its results, so that old ones in the cache are ignored.
PROBE_VERSION = 1


@dataclass(frozen=True)
class BackboneInfo:
    """Facts about a backbone, for listings.

    Attributes:
        name: Name for ``create_model(backbone=...)``.
        kind: ``pyramid``, ``flat``, ``irregular``, or the kind of a registered backbone.
        params: Number of parameters in millions, None when unknown.
        source: ``aimkit`` or timm's module.
        spec: Measured facts of a timm architecture, else None.
        status: ``ok``, or why the last check failed; empty when there was none.
        checked: Kind of the last check: ``run`` (weights and arithmetic) or ``meta`` (shapes only).
    """

    name: str
    kind: str
    params: float | None
    source: str
    spec: TimmSpec | None = None
    status: str = ""
    checked: str = ""


def list_backbones(pattern: str = "*", *, kind: str | None = None, max_params: float | None = None) -> list[str]:
    """Names of backbones that match a shell pattern.

    Args:
        pattern: Shell pattern, such as ``convnext*``.
        kind: Only backbones of this kind: ``pyramid``, ``flat``, ``irregular``, or that of a registered backbone.
        max_params: Only backbones of at most this many parameters, in millions.

    Raises:
        AimkitError: No backbone has that kind.
    """
    return [info.name for info in describe_backbones(pattern, kind=kind, max_params=max_params)]


def describe_backbones(
    pattern: str = "*", *, kind: str | None = None, max_params: float | None = None
) -> list[BackboneInfo]:
    """As :func:`list_backbones`, with the facts about each backbone."""
    found = [*_registered(), *_table().values()]
    kinds = sorted({info.kind for info in found} | set(KINDS))
    if kind is not None and kind not in kinds:
        raise AimkitError(f"unknown kind '{kind}'", "kind", did_you_mean(kind, kinds))
    return sorted(
        (
            info
            for info in found
            if fnmatchcase(info.name, pattern)
            and kind in (None, info.kind)
            and (max_params is None or (info.params is not None and info.params <= max_params))
        ),
        key=lambda info: info.name,
    )


def describe(name: str) -> BackboneInfo:
    """The facts about one backbone; a tag after a dot is ignored.

    Raises:
        AimkitError: The name is unknown; the hint lists the nearest ones.
    """
    arch = name.split(".")[0]
    for info in _registered():
        if info.name == name:
            return info
    if arch in _table():
        return _table()[arch]
    if _is_installed(arch):
        spec = timm_spec(name)
        return BackboneInfo(arch, spec.kind, spec.params, f"timm.{spec.module}", spec)
    raise unknown(name)


def create(
    name: str,
    *,
    pretrained: bool = False,
    weights: str | os.PathLike[str] | None = None,
    in_chans: int = 3,
    **options: Any,
) -> Backbone:
    """Build a timm architecture as a backbone; ``aimkit.models.registry.create_backbone`` builds any.

    Args:
        name: Architecture, optionally with the tag of its weights after a dot.
        pretrained: Whether to load the weights of the tag, or of the default tag.
        weights: Other weights to load instead: a file with timm's or our names, or a zoo id.
        in_chans: Channels of the image.
        options: ``blocks`` (number of blocks of a flat architecture to use, 4 by default), and keywords of
            ``timm.create_model``, such as ``img_size`` or ``drop_path_rate``.

    Raises:
        AimkitError: The name, tag or an option is unknown, or the weights do not fit.
    """
    _check(name)
    spec = timm_spec(name, options)
    from aimkit.models.backbones.timm_adapter import TimmBackbone

    options.pop("blocks", None)
    if weights is None:
        return TimmBackbone(spec, in_chans=in_chans, pretrained=pretrained, **options)
    from aimkit.models.weights import loading
    from aimkit.state_dict import read

    path = loading.find(weights)
    tensors = read(path)
    if not any(key.startswith("pyramid.") for key in tensors):
        return TimmBackbone(spec, in_chans=in_chans, state_dict=tensors, **options)
    backbone = TimmBackbone(spec, in_chans=in_chans, **options)
    loading.load(backbone, path)
    return backbone


def timm_spec(name: str, options: dict[str, Any] | None = None, *, use_table: bool = True) -> TimmSpec:
    """The measured facts of a timm architecture: from the table, the cache, or measured now.

    Args:
        name: Architecture, with or without a tag.
        options: Keywords that may change the facts (``blocks``, ``img_size``, ...).
        use_table: Whether to use the packaged table.
    """
    arch, _, tag = name.partition(".")
    options = dict(options or {})
    known = _table().get(arch)
    if use_table and known is not None and known.spec is not None and not options and _table_fits(arch, tag):
        return replace(known.spec, name=name)
    asked = json.dumps([name, sorted(options.items())], default=str)
    file = probe_folder() / f"{hashlib.sha256(asked.encode()).hexdigest()[:24]}.json"
    try:
        return replace(TimmSpec.from_row(json.loads(file.read_text(encoding="utf-8"))), name=name)
    except (OSError, ValueError, KeyError, AimkitError):
        pass
    from aimkit.models.backbones.probe import probe

    spec = probe(name, **options)
    _write(file, json.dumps(spec.to_row()))
    return spec


def check_names(model: str | None, backbone: str | None) -> None:
    """Check the names of a network and of a backbone, without importing torch; None is not checked.

    Raises:
        AimkitError: A name is unknown.
    """
    if model is not None:
        models.get(model, "model")
    if backbone is not None:
        describe(backbone)


def probe_folder() -> Path:
    """Folder of the measurements for the installed timm."""
    return cache_folder("backbones") / f"timm-{timm_version()}-{PROBE_VERSION}"


def timm_version() -> str:
    """The installed version of timm."""
    return importlib.metadata.version("timm")


def unknown(name: str) -> AimkitError:
    """The error for an unknown name."""
    names = {info.name for info in _registered()} | set(_table())
    if importlib.util.find_spec("timm") and not names:
        names = set(_installed())
    hint = did_you_mean(name.split(".")[0], names)
    return AimkitError(f"unknown backbone '{name}'", "backbone", f"{hint} ('aimkit backbones ls')".strip())


def _check(name: str) -> None:
    """Raise an error for names and tags that timm does not have."""
    arch, _, tag = name.partition(".")
    if arch not in _table() and not _is_installed(arch):
        raise unknown(name)
    if tag:
        tags = _tags(arch)
        if tag not in tags:
            hint = did_you_mean(tag, tags) if tags else f"{arch} has no tags"
            raise AimkitError(f"unknown tag '{tag}'", f"backbone {name}", hint)


def _tags(arch: str) -> list[str]:
    import timm

    full: list[str] = timm.list_models(f"{arch}.*", pretrained=True)
    return [name.partition(".")[2] for name in full]


def _table_fits(arch: str, tag: str) -> bool:
    """Whether the table is valid for the installed timm and for this tag, which may have another input size."""
    if timm_version() != _table_version():
        return False
    if not tag:
        return True
    import timm

    own, default = (timm.get_pretrained_cfg(name) for name in (f"{arch}.{tag}", arch))
    if own is None or default is None:
        return False
    return bool(own.input_size == default.input_size and own.fixed_input_size == default.fixed_input_size)


def _registered() -> Iterator[BackboneInfo]:
    for entry in backbones:
        yield BackboneInfo(entry.name, entry.value.kind, entry.value.params, "aimkit")


@cache
def _table() -> dict[str, BackboneInfo]:
    if not TABLE.is_file():
        return {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return {
        row["name"]: BackboneInfo(
            row["name"],
            row["kind"],
            float(row["params"]) if row["params"] else None,
            f"timm.{row['module']}",
            TimmSpec.from_row(row) if row["kind"] else None,
            row["status"],
            row["checked"],
        )
        for row in rows
    }


@cache
def _table_version() -> str:
    """The first line of the table: ``# timm 1.0.31``."""
    if not TABLE.is_file():
        return ""
    with TABLE.open(encoding="utf-8") as file:
        return file.readline().removeprefix("# timm ").strip()


@cache
def _installed() -> frozenset[str]:
    import timm

    return frozenset(timm.list_models())


def _is_installed(arch: str) -> bool:
    """Whether timm has an architecture; timm is imported only where the table can't tell."""
    complete = timm_version() == _table_version() and "timm" not in sys.modules
    return not complete and arch in _installed()


def _write(file: Path, text: str) -> None:
    """Write a cache file; the cache is optional, so a failure is ignored."""
    with contextlib.suppress(AimkitError):
        write_bytes(file, text.encode())
