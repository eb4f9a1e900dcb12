"""All that a form for synth recipes needs: the controls of the recipe, and of every entry that it may name."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aimkit.controls import controls
from aimkit.generators import background_generators, generators
from aimkit.recipe import Block, block_of
from aimkit.registry import Registry
from aimkit.synth.placement import placements
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.source import background_sources, foreground_sources
from aimkit.synth.steps import steps


def synth_controls() -> dict[str, Any]:
    """Describe the controls as plain data.

    Returns:
        ``root``: the recipe's own keys and those of its tables. ``steps``, ``placements``, ``generators`` and
        ``backgrounds_drawn``: for each name its ``help`` and ``fields``. ``foregrounds`` and ``backgrounds``: for each
        source its fields. Fields are those of :class:`aimkit.controls.Control`.
    """
    return {
        "root": _fields(SynthRecipe),
        "steps": _entries(steps, "step"),
        "placements": _entries(placements, "mode"),
        "generators": _entries(generators, "generator", own=True),
        "backgrounds_drawn": _entries(background_generators, "generator", own=True),
        "foregrounds": {entry.name: _fields(block_of(entry), "source", "name") for entry in foreground_sources},
        "backgrounds": {entry.name: _fields(block_of(entry), "source", "name") for entry in background_sources},
    }


def _entries(registry: Registry[Any, Any], key: str, own: bool = False) -> dict[str, Any]:
    """Each entry's help and fields; with ``own`` only aimkit's, which are those that an empty list of names means."""
    return {
        entry.name: {"help": entry.summary, "fields": _fields(block_of(entry), key)}
        for entry in registry
        if not own or entry.value.__module__.startswith("aimkit.")
    }


def _fields(block: type[Block], *skip: str) -> list[dict[str, Any]]:
    return [asdict(control) for control in controls(block, skip)]
