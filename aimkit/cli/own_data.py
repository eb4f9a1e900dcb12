"""Options of commands that draw composites: own folders in place of those that the recipe names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--foregrounds",
        default="",
        metavar="DIR",
        help="Your foregrounds: cut-outs, photos (with --mattes), a folder of fg/ and alpha/ or of original/ and "
        "mask/, a pool, or hf:ORG/NAME. They replace the recipe's stored foregrounds; its generators stay, unless it "
        "has nothing else.",
    ),
    click.option("--mattes", default="", metavar="DIR", help="Mattes of the photos in --foregrounds, paired by name."),
    click.option(
        "--backgrounds",
        default="",
        metavar="DIR",
        help="Your backgrounds: photos, a pool or hf:ORG/NAME. They replace the recipe's in the same way.",
    ),
)


def own_data(command: F) -> F:
    """Add --foregrounds, --mattes and --backgrounds to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
