"""What must hold for the manifest: names that exist, digests, recipes, and metrics on images that nobody has seen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from aimkit import resources
from aimkit.errors import AimkitError
from aimkit.paths import inside
from aimkit.recipe import load_recipe
from aimkit.zoo.manifest import Entry
from aimkit.zoo.sources import kind_of, split
from aimkit.zoo.sources.file import locate


def check(entries: Sequence[Entry]) -> list[AimkitError]:
    """Everything that is wrong with entries whose schema is right already."""
    known = {entry.id: entry for entry in entries}
    return [
        problem for entry in entries for problem in (*_names(entry, known), *_files(entry), *_metrics(entry, known))
    ]


def unknowns(entries: Sequence[Entry]) -> list[str]:
    """What is not wrong, but should be told: digests that nobody knows, recipes that have changed."""
    notes = [f"{entry.id}: the digest is unknown" for entry in entries if not entry.sha256]
    for entry in entries:
        if entry.recipe and entry.recipe_digest and entry.recipe in resources.recipes():
            now = load_recipe(entry.recipe).digest()
            if now != entry.recipe_digest:
                notes.append(f"{entry.id}: the recipe {entry.recipe} has changed since, or was overridden")
    return notes


def saw(entry: Entry, known: dict[str, Entry]) -> set[str]:
    """Names of all sets that an entry, or one it comes from, was trained on or chosen by; in one spelling."""
    names: set[str] = set()
    visited: set[str] = set()
    step: Entry | None = entry
    while step is not None and step.id not in visited:
        visited.add(step.id)
        names |= {_plain(name) for name in (*step.seen, *(data.name for data in step.data))}
        step = known.get(step.init or "")
    return names


def _names(entry: Entry, known: dict[str, Entry]) -> list[AimkitError]:
    from aimkit.models.backbones.factory import describe
    from aimkit.models.registry import models

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
    if entry.init is not None and entry.init not in known and not entry.init.startswith("timm:"):
        problems.append(_problem(entry, "init", f"there is no entry '{entry.init}'"))
    if not entry.sources:
        problems.append(_problem(entry, "sources", "there is no source"))
    if (entry.sha256 is None) != (entry.bytes is None):
        problems.append(_problem(entry, "bytes", "digest and size are known together, or neither"))
    return problems


def _files(entry: Entry) -> list[AimkitError]:
    problems = []
    folder = entry.file.parent if entry.file else Path()
    for source in entry.sources:
        address, _ = split(source)
        if kind_of(address) == "file" and not address.startswith("file:/") and not locate(address, folder).is_file():
            problems.append(_problem(entry, "sources", f"there is no file '{locate(address, folder)}'"))
    if entry.recipe is not None:
        try:
            if not inside(folder, entry.recipe, entry.file or "").is_file():
                load_recipe(entry.recipe, kind="train")
        except AimkitError as error:
            problems.append(_problem(entry, "recipe", error.what, error.hint))
    return problems


def _metrics(entry: Entry, known: dict[str, Entry]) -> list[AimkitError]:
    seen = saw(entry, known)
    return [
        _problem(entry, "metrics", f"it has metrics on {metric.test_set}, whose images it has seen")
        for metric in entry.metrics
        if _plain(metric.test_set) in seen
    ]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _problem(entry: Entry, key: str, what: str, hint: str = "") -> AimkitError:
    return AimkitError(what, f"{entry.file}, {entry.id}, {key}", hint)
