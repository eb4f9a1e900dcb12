"""Check manifests: names, files, recipes, and metrics measured on unseen images only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from aimkit import resources
from aimkit.errors import AimkitError
from aimkit.models.backbones.factory import describe
from aimkit.models.registry import models
from aimkit.models.weights import declared
from aimkit.paths import inside
from aimkit.recipe import load_recipe
from aimkit.zoo.manifest import ZooEntry
from aimkit.zoo.onnx_file import local_problem
from aimkit.zoo.sources import kind_of, split
from aimkit.zoo.sources.file import locate


def check(entries: Sequence[ZooEntry]) -> list[AimkitError]:
    """Find the errors in entries that already match the schema."""
    known = {entry.id: entry for entry in entries}
    return [
        problem for entry in entries for problem in (*_names(entry, known), *_files(entry), *_metrics(entry, known))
    ]


def unknowns(entries: Sequence[ZooEntry]) -> list[str]:
    """Find what is worth a note but not an error: unknown digests, changed recipes."""
    notes = [f"{entry.id}: no digest" for entry in entries if not entry.sha256]
    for entry in entries:
        if entry.recipe and entry.recipe_digest and entry.recipe in resources.recipes():
            now = load_recipe(entry.recipe).digest()
            if now != entry.recipe_digest:
                notes.append(f"{entry.id}: recipe {entry.recipe} has changed since, or was overridden")
    return notes


def saw(entry: ZooEntry, known: dict[str, ZooEntry]) -> set[str]:
    """Names of all sets that an entry or its ancestors were trained on or selected by, in one spelling."""
    names: set[str] = set()
    visited: set[str] = set()
    step: ZooEntry | None = entry
    while step is not None and step.id not in visited:
        visited.add(step.id)
        names |= {_plain(name) for name in (*step.seen, *(data.name for data in step.data))}
        step = known.get(step.init or "")
    return names


def _names(entry: ZooEntry, known: dict[str, ZooEntry]) -> list[AimkitError]:
    problems = []
    try:
        describe(entry.backbone)
    except AimkitError as error:
        problems.append(_problem(entry, "backbone", error.what, error.hint))
    try:
        if entry.architecture is not None:
            models.get(entry.architecture)
    except AimkitError as error:
        problems.append(_problem(entry, "architecture", error.what, error.hint))
    if not problems:
        try:
            declared.checked(declared.of_entry(entry))
        except AimkitError as error:
            problems.append(AimkitError(error.what, error.where, error.hint))
    if entry.init is not None and entry.init not in known and not entry.init.startswith("timm:"):
        problems.append(_problem(entry, "init", f"entry '{entry.init}' not found"))
    if not entry.sources:
        problems.append(_problem(entry, "sources", "the entry has no source"))
    if (entry.sha256 is None) != (entry.bytes is None):
        problems.append(_problem(entry, "bytes", "give both digest and size, or neither"))
    return problems


def _files(entry: ZooEntry) -> list[AimkitError]:
    problems = []
    folder = entry.file.parent if entry.file else Path()
    for source in entry.sources:
        address, _ = split(source)
        if kind_of(address) == "file" and not address.startswith("file:/"):
            try:
                if not (file := locate(address, folder)).is_file():
                    problems.append(_problem(entry, "sources", f"file '{file}' not found"))
            except AimkitError as error:
                problems.append(_problem(entry, "sources", error.what, error.hint))
    if wrong := local_problem(entry):
        problems.append(_problem(entry, "onnx", wrong, "write it anew with 'aimkit zoo onnx'"))
    if entry.recipe is not None:
        try:
            if not inside(folder, entry.recipe, entry.file or "").is_file():
                load_recipe(entry.recipe, kind="train")
        except AimkitError as error:
            problems.append(_problem(entry, "recipe", error.what, error.hint))
    return problems


def _metrics(entry: ZooEntry, known: dict[str, ZooEntry]) -> list[AimkitError]:
    seen = saw(entry, known)
    return [
        _problem(
            entry,
            "metrics",
            f"the entry has metrics on {metric.test_set}, whose images it was trained on or selected by",
        )
        for metric in entry.metrics
        if _plain(metric.test_set) in seen
    ]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _problem(entry: ZooEntry, key: str, what: str, hint: str = "") -> AimkitError:
    return AimkitError(what, f"{entry.file}, {entry.id}, {key}", hint)
