"""Finding image files below a folder: the same names in the same order on every machine."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar, cast

from aimkit.errors import AimkitError
from aimkit.imageio import SUFFIXES
from aimkit.recipe import expand
from aimkit.storage import Place, Remote

P = TypeVar("P", bound=Place)


def subfolder(root: P, name: str, usual: Sequence[str], key: str) -> P:
    """Find a folder below ``root``.

    Args:
        root: The folder to look in.
        name: Name of the folder; when empty, the first of the usual names that exists.
        usual: Usual names, in order of preference.
        key: Recipe key that sets the name, for the hint.

    Raises:
        AimkitError: ``root`` or the folder is missing.
    """
    if not root.is_dir():
        raise AimkitError("folder not found", str(root))
    for option in [name] if name else usual:
        folder = root / option
        if folder.is_dir():
            return cast(P, folder)
    there = ", ".join(sorted(p.name for p in root.iterdir() if p.is_dir())[:8]) or "no folders"
    wanted = " or ".join(f"'{option}'" for option in ([name] if name else usual))
    raise AimkitError(f"no folder {wanted} for {key}", str(root), f"found {there}; set {key} = ...")


def find_images(root: P, exclude: Sequence[str] = ()) -> tuple[dict[str, P], int]:
    """List all images below a folder.

    Args:
        root: The folder, a path or a URL; links to folders are followed.
        exclude: Names or shell patterns, see :func:`read_exclude`.

    Returns:
        Path by id, sorted by id, and the number of excluded files. The id is the path relative to ``root`` without
        suffix; where two files would share an id, the second keeps its suffix.

    Raises:
        AimkitError: The folder does not exist.
    """
    if not root.is_dir():
        raise AimkitError("folder not found", str(root))
    found: dict[str, P] = {}
    excluded = 0
    for relative, path in sorted(_walk(root)):
        # macOS lists decomposed letters; the same files must have the same ids everywhere.
        name = unicodedata.normalize("NFC", relative)
        stem = name[: -len(path.suffix)]
        if is_excluded(name, exclude) or is_excluded(stem, exclude):
            excluded += 1
        else:
            found[name if stem in found else stem] = path
    return dict(sorted(found.items())), excluded


def read_exclude(exclude: str | list[str]) -> list[str]:
    """Read the names or shell patterns of files to exclude.

    Args:
        exclude: A list of patterns, one pattern, or a text file with one pattern a line (``#`` starts a comment). A
            pattern matches a path relative to the root or a file name, with or without suffix.

    Raises:
        AimkitError: The text file does not exist.
    """
    if isinstance(exclude, list):
        return exclude
    path = expand(exclude) if exclude else Path()
    if path.is_file():
        lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
        return [line for line in lines if line]
    if path.suffix == ".txt":
        raise AimkitError("file of exclude patterns not found", str(path))
    return [exclude] if exclude else []


def is_excluded(name: str, patterns: Sequence[str]) -> bool:
    """Whether a path relative to the root, or its last part, matches one of the patterns."""
    last = name.rpartition("/")[2]
    return any(fnmatchcase(name, pattern) or fnmatchcase(last, pattern) for pattern in patterns)


def _walk(root: Place) -> Iterator[tuple[str, Any]]:
    """Yield (path relative to the root, path) of every image that is not hidden."""
    if isinstance(root, Remote):
        for file in root.walk():
            relative = file.url[len(root.url) + 1 :]
            if file.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in relative.split("/")):
                yield relative, file
        return
    seen = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        # A link can lead back to a folder that contains it.
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                path = Path(folder) / name
                yield path.relative_to(root).as_posix(), path
