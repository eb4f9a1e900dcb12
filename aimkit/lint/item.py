"""What is checked: a picture, or a pair of pictures, of a folder, a recipe or a dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from aimkit.errors import AimkitError
from aimkit.json_files import read_json
from aimkit.lint.registry import LintFault
from aimkit.storage import Place
from aimkit.types import ImageType

#: "single": one file, a cut-out where it has an alpha channel that hides something; "colours": colours of a foreground
#: and their matte; "photo": a photo and its matte; "composite": the same, made by aimkit.
LintRole = Literal["single", "colours", "photo", "composite"]


#: Names of folders that are splits.
_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class LintItem:
    """A picture, or a pair.

    Attributes:
        name: Its name in the target.
        role: What it is.
        files: Names of its files for people, colours before matte.
        sources: The files, or functions that return their bytes, in the same order.
        group: The folder with which its matte's scale is decided.
        split: "train", "val" or "test" where a folder or a recipe says so, else "".
        type: Image type that a types file, a recipe or a dataset states, or None.
        trimap: Its trimap, or None.
        category: Category that a types file, a table or a dataset states, else "".
    """

    name: str
    role: LintRole
    files: tuple[str, ...]
    sources: tuple[Place | Callable[[], bytes], ...]
    group: str = ""
    split: str = ""
    type: ImageType | None = None
    trimap: Place | None = None
    category: str = ""


def is_rendered(item: LintItem) -> bool:
    """Whether the sidecar of a picture says that ``aimkit render`` made it."""
    file = item.sources[0]
    if not isinstance(file, Path):
        return False
    try:
        sidecar = read_json(file.with_suffix(".json"), dict, "sidecar")
    except AimkitError:
        return False
    return {"model", "look", "matte_samples"} <= set(sidecar)


@dataclass
class LintTarget:
    """Everything that a command checks.

    Attributes:
        title: What the user named.
        root: The folder that names are relative to, or None.
        items: The pictures and pairs.
        faults: What was found wrong while they were listed, by check.
        unlicensed: Folders and sources whose licence is not stated.
        notes: What was left out, for people.
    """

    title: str
    root: Place | None = None
    items: list[LintItem] = field(default_factory=list)
    faults: dict[str, list[LintFault]] = field(default_factory=dict)
    unlicensed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def fault(self, check: str, what: str, *files: str) -> None:
        """Put a finding on record."""
        self.faults.setdefault(check, []).append(LintFault(files, what))


def split_of(name: str) -> str:
    """The split that the folders of a path name, or ""."""
    parts = [_SPLITS.get(part.lower(), "") for part in PurePosixPath(name).parts[:-1]]
    return next((part for part in reversed(parts) if part), "")
