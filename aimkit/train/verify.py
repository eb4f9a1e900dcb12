"""Checks the files of a run against the digests that were written with them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from aimkit.digests import problems, sealed
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.html import is_changed
from aimkit.imageio import decode, read_file
from aimkit.journal import examine
from aimkit.recipe import load_recipe
from aimkit.train.checkpoint import STATE, load
from aimkit.train.runs import open_run
from aimkit.train.state import recorded_digest

#: Digests of the files that describe a run; those of a checkpoint are in its ``state.json``.
NAME = "digests.json"


def seal(run: Path, files: Sequence[Path]) -> None:
    """Write the digests of the files that describe a run."""
    content = sealed({}, run, [file.relative_to(run).as_posix() for file in files])
    write_bytes(run / NAME, (json.dumps(content, indent=1) + "\n").encode())


def verify(run: Path) -> Iterator[str]:
    """Yield one line for each problem of a run: changed, missing or unreadable files, and unfinished checkpoints.

    Raises:
        AimkitError: The folder has no run.
    """
    if not (run / "recipe.toml").is_file():
        open_run(run)
    if (run / NAME).exists():
        yield from _told(run, run / NAME)
    try:
        recipe = load_recipe(run / "recipe.toml", kind="train")
        if recorded_digest(run / "recipe.toml") != recipe.digest():
            yield "recipe.toml: its digest is not that of its content"
    except AimkitError as error:
        yield f"recipe.toml: {error}"
    yield from _log(run / "metrics.jsonl")
    yield from _pictures(run)
    for folder in sorted((run / "checkpoints").glob("*")):
        if folder.name.startswith("."):
            yield f"checkpoints/{folder.name}: left by a killed run; the next start cleans it up"
            continue
        found = list(_told(run, folder / STATE))
        yield from found
        if not found:
            try:
                load(folder)
            except AimkitError as error:
                yield f"checkpoints/{folder.name}: {error.what}"


def _told(run: Path, record: Path) -> Iterator[str]:
    folder = record.parent.relative_to(run)
    try:
        yield from ((folder / problem).as_posix() for problem in problems(record))
    except AimkitError as error:
        yield f"{(folder / record.name).as_posix()}: {error.what}"


def _pictures(run: Path) -> Iterator[str]:
    """Damaged pictures of the gallery, whose format has checksums, and changed pages."""
    for path in sorted((run / "gallery").glob("*.png")):
        try:
            decode(path)
        except AimkitError as error:
            yield f"{path.relative_to(run).as_posix()}: {error.what}"
    for path in sorted(run.glob("*.html")):
        if is_changed(read_file(path)):
            yield f"{path.name}: changed since it was written"


def _log(path: Path) -> Iterator[str]:
    try:
        yield from (f"{path.name}: {problem}" for _, problem in examine(path) if problem)
    except AimkitError as error:
        yield f"{path.name}: {error.what}"
