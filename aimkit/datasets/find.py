"""Finding image files below a folder: the same names in the same order on every machine."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from aimkit.datasets.exclude import ExcludeList
from aimkit.errors import AimkitError
from aimkit.imageio import SUFFIXES, file_fault, is_picture
from aimkit.paths import as_text
from aimkit.remote import Remote
from aimkit.skips import Skips
from aimkit.storage import Place, fill

P = TypeVar("P", bound=Place)


class FoundImages(NamedTuple):
    """The images below a folder.

    Attributes:
        files: Path by id, sorted by id. The id is the path relative to the folder without suffix; where two files would
            share an id, the second keeps its suffix.
        excluded: Number of excluded files.
        skips: Files and folders that can't be read, with their reasons: broken links, pipes, locked folders.
        others: Number of files that are not images, by suffix.
    """

    files: dict[str, Any]
    excluded: int
    skips: Skips
    others: Counter[str]


def subfolder(root: P, name: str, usual: Sequence[str], key: str) -> P:
    """Find a folder below ``root``.

    Args:
        root: The folder to look in.
        name: Name of the folder, "." for the root itself, or a whole path; ``${NAME}`` is expanded. When empty, the
            first of the usual names that exists.
        usual: Usual names, in order of preference.
        key: Recipe key that sets the name, for the hint.

    Raises:
        AimkitError: ``root`` or the folder is missing.
    """
    if not root.is_dir():
        raise AimkitError("folder not found", str(root))
    name = fill(name, key)
    for option in [name] if name else usual:
        folder = root / option
        if folder.is_dir():
            return cast(P, folder)
    there = ", ".join(sorted(p.name for p in root.iterdir() if p.is_dir())[:8]) or "no folders"
    wanted = " or ".join(f"'{option}'" for option in ([name] if name else usual))
    raise AimkitError(f"no folder {wanted} for {key}", str(root), f"found {there}; set {key} = ...")


def find_images(root: Place, exclude: ExcludeList | Sequence[str] = ()) -> FoundImages:
    """List all images below a folder: by their suffixes, or by their content where the suffix is unknown.

    Args:
        root: The folder, a path or a URL; links to folders are followed. Hidden files are left out.
        exclude: Names and patterns, see :func:`aimkit.datasets.exclude.read_exclude`.

    Raises:
        AimkitError: The folder does not exist.
    """
    if not root.is_dir():
        raise AimkitError("folder not found", str(root))
    result = FoundImages({}, 0, Skips("file"), Counter())
    rows = []
    for relative, path in sorted(_walk(root, result)):
        # macOS lists decomposed letters; the same files must have the same ids everywhere.
        name = as_text(unicodedata.normalize("NFC", relative))
        rows.append((name, name[: len(name) - len(as_text(path.suffix))], path))
    listed = exclude if isinstance(exclude, ExcludeList) else ExcludeList(exclude)
    left_out = listed.select(((name, stem) for name, stem, _ in rows), root)
    for name, stem, path in rows:
        if name not in left_out:
            result.files[name if stem in result.files else stem] = path
    return result._replace(files=dict(sorted(result.files.items())), excluded=len(left_out))


def _walk(root: Place, result: FoundImages) -> Iterator[tuple[str, Any]]:
    """Yield (path relative to the root, path) of every image that is not hidden; note everything else."""
    if isinstance(root, Remote):
        for file in root.walk():
            relative = file.url[len(root.url) + 1 :]
            if any(part.startswith(".") for part in relative.split("/")):
                continue
            # Looking into the others would cost a request each.
            if file.suffix.lower() in SUFFIXES:
                yield relative, file
            else:
                result.others[file.suffix.lower()] += 1
        return

    def locked(error: OSError) -> None:
        result.skips.add(error.filename or str(root), f"can't read the folder: {error.strerror or error}")

    seen = set()
    for folder, folders, files in os.walk(root, followlinks=True, onerror=locked):
        # A link can lead back to a folder that contains it, or to one that was read already.
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            result.skips.add(folder, "this link leads to a folder that is read already")
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if name.startswith("."):
                continue
            path = Path(folder) / name
            fault = file_fault(path)
            if fault:
                result.skips.add(path.relative_to(root), fault, path)
            elif is_picture(path):
                yield path.relative_to(root).as_posix(), path
            else:
                result.others[as_text(path.suffix.lower())] += 1
