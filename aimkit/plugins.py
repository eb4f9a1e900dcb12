"""Plugins: packages that add generators, steps, sources or models by an entry point, without an import line.

A package names a module in its ``pyproject.toml``; importing the module registers its entries::

    [project.entry-points."aimkit.generators"]
    confetti = "aimkit_confetti"

The groups are ``aimkit.generators``, ``aimkit.steps``, ``aimkit.sources`` and ``aimkit.models``.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from aimkit import console


@cache
def load_plugins(group: str) -> None:
    """Import the modules that installed packages name for a group, once in a process.

    A plugin that can't be imported is named in a warning; the others are imported all the same.
    """
    for point in sorted(entry_points(group=group), key=lambda point: (point.name, point.value)):
        try:
            point.load()
        except Exception as error:
            package = f" of {point.dist.name}" if point.dist else ""
            reason = f"{type(error).__name__}: {error}"
            console.warn(f"plugin '{point.name}'{package} can't be imported and is left out: {reason}")
