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
        help="Your cut-outs (or photos, with --mattes; fg/ and alpha/; original/ and mask/; a pool; hf:ORG/NAME). They "
        "replace the files that the recipe names; its generators are kept, unless the recipe has nothing else.",
    ),
    click.option("--mattes", default="", metavar="DIR", help="Mattes of the photos in --foregrounds, paired by name."),
    click.option(
        "--backgrounds", default="", metavar="DIR", help="Your photos, a pool or hf:ORG/NAME; used in the same way."
    ),
)


def own_data(command: F) -> F:
    """Add --foregrounds, --mattes and --backgrounds to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
