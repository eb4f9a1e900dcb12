"""Uploads: bounded in size, number and pixels, and checked to be pictures before anything else sees them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aimkit.app.told import hide_paths
from aimkit.errors import AimkitError
from aimkit.imageio import DecodedImage, decode


@dataclass(frozen=True)
class UploadLimits:
    """Bounds of what one visitor may upload.

    Attributes:
        megabytes: Size of one file.
        files: Files at a time.
        megapixels: Pixels of one picture.
        gigabytes: Temporary files of all visitors together, after which nobody can upload.
        megapixels_of_canvas: Pixels of a sample that a stranger's recipe may ask for.
    """

    megabytes: int = 64
    files: int = 100
    megapixels: int = 64
    gigabytes: int = 8
    megapixels_of_canvas: int = 4


@dataclass(frozen=True)
class Uploads:
    """What became of uploaded files.

    Attributes:
        files: The pictures that can be read, in the session's own folder.
        refused: Name and reason of each file that was refused.
    """

    files: tuple[Path, ...]
    refused: tuple[tuple[str, str], ...]

    @property
    def told(self) -> str:
        """The refused files, a line each; "" when there are none."""
        return "\n".join(f"{name}: {reason}" for name, reason in self.refused)


def accept(
    paths: Sequence[str | os.PathLike[str]],
    folder: Path,
    limits: UploadLimits,
    fault: Callable[[DecodedImage], str] = lambda picture: "",
) -> Uploads:
    """Check uploaded pictures, and move the good ones into a folder under safe names that differ.

    Args:
        paths: The files, as the server stored them.
        folder: Where the good ones go.
        limits: The bounds.
        fault: What else is wrong with a picture, or "".
    """
    good: list[Path] = []
    refused: list[tuple[str, str]] = []
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(map(Path, paths)):
        name = _plain_name(path.name)
        if number >= limits.files:
            refused.append((name, f"only {limits.files} files at a time"))
            continue
        try:
            if path.stat().st_size > limits.megabytes << 20:
                raise AimkitError(f"the file is larger than {limits.megabytes} MB")
            # Decoded once here: a file that only looks like a picture stops no later work.
            picture = decode(path, name, limit=limits.megapixels * 1_000_000)
            if text := fault(picture):
                raise AimkitError(text)
            target = _unused(folder / name)
            shutil.copyfile(path, target)
            good.append(target)
        except AimkitError as error:
            refused.append((name, hide_paths(error.what).removeprefix("can't read the image: ")))
        except OSError as error:
            refused.append((name, error.strerror or "can't be read"))
    return Uploads(tuple(good), tuple(refused))


def _plain_name(name: str) -> str:
    """A file name of letters, digits, blanks, dots and dashes, of any alphabet, that hides nothing."""
    return re.sub(r"[^\w.\- ]", "_", name)[-100:].lstrip(". ") or "picture"


def _unused(path: Path) -> Path:
    """The path, with a number when there is a file of that stem already: outputs are named after it."""
    taken = {one.stem.casefold() for one in path.parent.iterdir()}
    number, stem = 2, path.stem
    while path.stem.casefold() in taken:
        path = path.with_name(f"{stem}-{number}{path.suffix}")
        number += 1
    return path
