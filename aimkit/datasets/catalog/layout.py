"""Finding a published dataset's folders: as published, renamed, one level deeper, or only one part of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from aimkit.datasets.catalog import DatasetPart, PartLayout, PublishedSet
from aimkit.datasets.find import find_images
from aimkit.errors import AimkitError
from aimkit.imageio import SUFFIXES
from aimkit.skips import Skips
from aimkit.storage import Place

#: Names of the planes in texts, by role.
LABELS = {"image": "photo", "foreground": "foreground", "alpha": "matte", "trimap": "trimap"}


@dataclass(frozen=True)
class Located:
    """A part of a dataset and where it was found.

    Attributes:
        part: The part.
        layout: The layout that matches the folder.
        folder: The part's folder.
        planes: Folders by role; "trimap" only if they exist.
    """

    part: DatasetPart
    layout: PartLayout
    folder: Place
    planes: dict[str, tuple[Place, ...]]


@dataclass
class Files:
    """The files of a part.

    Attributes:
        complete: Files by role of every image that has all its planes, by image name, sorted.
        missing: Names of the images that lack a plane, by role.
        skips: Files that can't be read.
    """

    complete: dict[str, dict[str, Place]] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)
    skips: Skips = field(default_factory=lambda: Skips("file"))


def locate(published: PublishedSet, part: DatasetPart, root: Place, where: str = "") -> Located:
    """Find a part of a dataset, as :func:`search`.

    Args:
        published: The dataset.
        part: The part.
        root: The folder to search.
        where: Name of the folder in error messages; its path when empty.

    Raises:
        AimkitError: The folder does not exist, or nothing in it matches one of the part's layouts.
    """
    if not root.is_dir():
        raise AimkitError("folder not found", where or str(root))
    found = search(published, part, root)
    if found is None:
        raise AimkitError(
            f"{published.title}, part {part.name}, not found in the folder",
            where or str(root),
            f"expected {expected(part.layouts[0])}; found {held(root)} ('aimkit catalog show {published.name}')",
        )
    return found


def search(published: PublishedSet, part: DatasetPart, root: Place) -> Located | None:
    """Find a part of a dataset below a folder.

    Folder names are compared without case. A layout may begin in the folder itself or in a folder directly below it.
    It may also begin further down the layout, so that ``AM-2k/train`` works as well as ``AM-2k``, unless the folder
    has the name of another part.

    Args:
        published: The dataset.
        part: The part.
        root: The folder to search.

    Returns:
        The part with its folders, or None.
    """
    bases = [root, *_subfolders(root)]
    own = _last(part.layouts[0].folder)
    others = {_last(other.layouts[0].folder) for other in published.parts} - {own, ""}
    for layout in part.layouts:
        for base in bases:
            if located := _fit(part, layout, base, layout.folder):
                return located
    if root.name.lower() in others:
        return None
    for layout in part.layouts:
        for rest in _shorter(layout.folder):
            if located := _fit(part, layout, root, rest):
                return located
    return None


def files(located: Located) -> Files:
    """List the files of all planes and pair them by name."""
    result = Files()
    planes = {role: _listed(folders, result.skips) for role, folders in located.planes.items()}
    needed = [role for role in planes if role != "trimap"]
    names = sorted({name for role in needed for name in planes[role]})
    for role, found in planes.items():
        missing = [name for name in names if name not in found]
        if missing:
            result.missing[role] = missing
    for name in names:
        if all(name in planes[role] for role in needed):
            result.complete[name] = {role: found[name] for role, found in planes.items() if name in found}
    return result


def expected(layout: PartLayout) -> str:
    """Text that names the folders of a layout."""
    folders = [f"{layout.folder}/{name}".strip("/.") for names in layout.needed.values() for name in names]
    return " and ".join(f"{folder}/" for folder in folders)


def held(root: Place) -> str:
    """Text that lists the content of a folder."""
    names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in root.iterdir())
    shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    packed = [name for name in names if name.lower().endswith((".zip", ".rar", ".tar", ".gz", ".7z"))]
    return (shown or "nothing") + (f"; unpack {packed[0]} first" if packed else "")


def _fit(part: DatasetPart, layout: PartLayout, base: Place, relative: str) -> Located | None:
    folder = _descend(base, relative)
    if folder is None:
        return None
    planes: dict[str, tuple[Place, ...]] = {}
    for role, names in layout.needed.items():
        found = [_plane(folder, name, part_is_here=bool(relative)) for name in names]
        if None in found:
            return None
        planes[role] = tuple(place for place in found if place is not None)
    trimaps = [_descend(folder, name) for name in layout.trimap]
    if trimaps and None not in trimaps:
        planes["trimap"] = tuple(place for place in trimaps if place is not None)
    return Located(part, layout, folder, planes)


def _plane(folder: Place, name: str, part_is_here: bool) -> Place | None:
    if name != ".":
        return _descend(folder, name)
    # Any folder matches "."; only images show that a folder of any name is meant.
    return folder if part_is_here or any(_is_image(entry) for entry in folder.iterdir()) else None


def _descend(folder: Place, relative: str) -> Place | None:
    """Follow a relative path, comparing names without case; None if it does not exist."""
    for name in filter(None, relative.split("/")):
        exact = folder / name
        if exact.is_dir():
            folder = exact
            continue
        alike = [entry for entry in _subfolders(folder) if entry.name.lower() == name.lower()]
        if not alike:
            return None
        folder = alike[0]
    return folder


def _subfolders(folder: Place) -> list[Place]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith(".") and entry.is_dir())


def _shorter(relative: str) -> Iterator[str]:
    """The path without its first folder, its first two, ..., and ""."""
    while relative:
        relative = relative.partition("/")[2]
        yield relative


def _last(relative: str) -> str:
    return relative.rpartition("/")[2].lower()


def _listed(folders: tuple[Place, ...], skips: Skips) -> dict[str, Place]:
    """Images of several folders by name; a repeated name is prefixed with its parent folder."""
    found: dict[str, Place] = {}
    for folder in folders:
        images = find_images(folder)
        skips.extend(images.skips)
        for name, path in images.files.items():
            found[f"{folder.parent.name}/{name}" if name in found else name] = path
    return found


def _is_image(entry: Place) -> bool:
    return entry.suffix.lower() in SUFFIXES and not entry.name.startswith(".")
