"""Listing the pictures to check: a folder of any layout, a recipe's sources, a dataset, a pool, or a published set."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from aimkit.datasets.catalog import DatasetPart, PublishedSet, evaluation_parts, find_published
from aimkit.datasets.catalog.layout import Located, locate
from aimkit.datasets.credits import all_licensed
from aimkit.datasets.find import FoundImages, find_images
from aimkit.datasets.inspect.stats import source_rows, total
from aimkit.datasets.lock import NAME as LOCK
from aimkit.datasets.pairing import pair_files
from aimkit.datasets.reader import Dataset, open_dataset
from aimkit.datasets.types_file import USUAL_NAMES, Typed, match, read_types
from aimkit.errors import AimkitError
from aimkit.lint.item import LintItem, LintRole, LintTarget, split_of
from aimkit.lint.items import pool_target
from aimkit.lint.rows import HUB, table_target
from aimkit.paths import as_text
from aimkit.recipe import find
from aimkit.storage import Place, place
from aimkit.synth.pool.index import is_pool
from aimkit.types import ImageType

#: Names of a foreground's folders: its colours or its photo, and its mattes.
_PAIRS: tuple[tuple[LintRole, tuple[str, ...], tuple[str, ...]], ...] = (
    ("colours", ("fg", "foreground"), ("alpha", "mask")),
    ("photo", ("original", "image", "images", "im", "img", "merged"), ("mask", "alpha", "masks", "gt")),
)
_TRIMAPS = ("trimap", "trimaps")

_LICENCES = ("licence", "license", "copying", "copyright")


def collect(target: str, overrides: Sequence[str] = (), folders: Mapping[str, str] | None = None) -> LintTarget:
    """List what a command's argument names.

    Args:
        target: A folder, a recipe (by name or file), a dataset that aimkit wrote, a pool, or ``hf:NAME``.
        overrides: ``key=value`` texts for a recipe.
        folders: Own folders in place of a recipe's, see :func:`aimkit.synth.own_data.own_sources`.

    Raises:
        AimkitError: There is nothing of that name, or nothing to check in it.
    """
    if target.startswith(HUB):
        return table_target(target)
    root = place(target, "TARGET")
    given = [*overrides, *(name for name, path in (folders or {}).items() if path)]
    if root.is_dir() and given:
        raise AimkitError(f"'{given[0]}' belongs to a recipe, and TARGET is a folder", target, "leave it out")
    if root.is_dir():
        found = place_target(root)
    elif root.exists() and isinstance(root, Path) and root.suffix.lower() != ".toml":
        raise AimkitError("this file is not a recipe", target, "give a folder, a recipe or a dataset")
    else:
        from aimkit.lint.recipes import recipe_target

        try:
            find(target)
        except AimkitError as error:
            raise AimkitError("neither a folder nor a recipe has this name", target, error.hint) from None
        found = recipe_target(target, overrides, folders)
    if not found.items and not found.faults:
        notes = "; ".join(found.notes)
        raise AimkitError("there are no pictures to check", target, notes or "give a folder of images")
    return found


def collect_known(name: str) -> LintTarget:
    """List a known test set: a published one by its name in the catalog, or whatever else :func:`collect` takes.

    The files of a published set are those of its part for evaluation, in the folder that the set's environment variable
    names, as in recipes. A folder of that name comes first.

    Raises:
        AimkitError: There is nothing of that name, or the variable is not set.
    """
    if name.startswith(HUB) or place(name, "--against").exists():
        return collect(name)
    known = evaluation_parts()
    if name in known:
        return published_target(*known[name])
    try:
        published = find_published(name)
    except AimkitError:
        return collect(name)
    return published_target(published, published.part("", "evaluation", "--against"))


def published_target(published: PublishedSet, part: DatasetPart) -> LintTarget:
    """List a part of a published set, in the folder that its environment variable names."""
    if published.variable not in os.environ:
        what = f"the folder of {published.title} is not known: the variable {published.variable} is not set"
        mirror = next((f", or --against hf:{one.hub}" for one in published.mirrors if one.part == part.name), "")
        raise AimkitError(what, "--against", f"export {published.variable}=/your/folder, or --against FOLDER{mirror}")
    target = LintTarget(part.title or published.title)
    add_published(target, locate(published, part, place(f"${{{published.variable}}}"), "--against"))
    return target


def place_target(root: Place) -> LintTarget:
    """List a folder: a dataset that aimkit wrote, a pool, or pictures in any layout."""
    if (root / LOCK).is_file():
        return dataset_target(root)
    return pool_target(root) if is_pool(root) else folder_target(root)


def folder_target(root: Place) -> LintTarget:
    """List a folder: pairs in folders of the usual names, at any depth, and all other pictures as single ones."""
    target = LintTarget(str(root), root)
    paired = dict(_pair_folders(root)) if isinstance(root, Path) else {}
    for folder, (role, first, second) in paired.items():
        add_pairs(target, role, folder / first, folder / second, folder)
    inside = [_relative(folder / name, root) for folder, found in paired.items() for name in _planes(folder, found)]
    for path in _listed(target, find_images(root)).values():
        name = _relative(path, root)
        if not any(name.startswith(f"{one}/") for one in inside):
            group = PurePosixPath(name).parent.as_posix()
            target.items.append(LintItem(name, "single", (name,), (path,), group, split_of(name)))
    if isinstance(root, Path):
        _add_types(target, root)
        if not _has_licence(root) and not all_licensed(root, [_id(item.name) for item in target.items]):
            target.unlicensed.append(".")
    return target


def dataset_target(root: Place) -> LintTarget:
    """List the samples of a dataset that aimkit wrote; each is read when it is checked."""
    opened = open_dataset(root)
    target = LintTarget(str(root))
    # Shards keep one open file each, which threads can't share.
    lock = threading.Lock()
    for position in range(len(opened)):
        files = (f"sample {position}", f"sample {position} (alpha)")
        planes = tuple(partial(_plane, opened, lock, position, name) for name in ("image", "alpha"))
        target.items.append(LintItem(files[0], "composite", files, planes, "samples"))
    # Pictures may state their licences themselves; the samples have them then.
    used = source_rows(total(opened.sidecars())["sources"])
    bare = {source for _, source, licence, _, _ in used if not licence}
    for role in ("foregrounds", "backgrounds"):
        for table in opened.recipe.get(role, ()):
            title = table.get("name") or table.get("source")
            if table.get("source") != "procedural" and not table.get("licence") and title in bare:
                target.unlicensed.append(f"{role}: {title}")
    return target


def _plane(opened: Dataset, lock: threading.Lock, position: int, name: str) -> bytes:
    with lock:
        return opened.record(position).planes[name]


def add_pairs(
    target: LintTarget,
    role: LintRole,
    colours: Place,
    mattes: Place,
    folder: Place,
    *,
    exclude: Any = (),
    split: str = "",
    kind: ImageType | None = None,
) -> None:
    """Add the pairs of two folders to a target, and what lacks a partner to its faults.

    Args:
        target: What is completed.
        role: "colours" or "photo".
        colours: Folder of colours or photos.
        mattes: Folder of mattes.
        folder: The folder of both; its trimaps and its types file are used.
        exclude: Files to leave out, see :func:`aimkit.datasets.exclude.read_exclude`.
        split: The split that all of them belong to; by default, what the names of their folders say.
        kind: Image type of all of them, unless a types file says otherwise.
    """
    first, second = (_listed(target, find_images(one, exclude)) for one in (colours, mattes))
    names = (_name(target, colours), _name(target, mattes))
    both = pair_files(first, second, names, where=str(folder), allow_missing=True)
    for row in both.lost.rows:
        target.fault("unpaired", row.reason, row.name)
    trimaps = next((find_images(folder / name).files for name in _TRIMAPS if (folder / name).is_dir()), {})
    for name, files in both.pairs.items():
        shown = tuple(_name(target, path) for path in files)
        own = split or split_of(shown[0])
        target.items.append(LintItem(shown[0], role, shown, files, names[1], own, kind, trimaps.get(name)))


def add_published(
    target: LintTarget, located: Located, *, exclude: Any = (), split: str = "", kind: ImageType | None = None
) -> None:
    """Add a part of a published dataset; ``exclude``, ``split`` and ``kind`` as for :func:`add_pairs`."""
    planes = located.planes
    if "alpha" not in planes:
        for folder in planes["image"]:
            add_singles(target, folder, exclude=exclude, split=split)
        return
    role: LintRole = "colours" if "foreground" in planes else "photo"
    for colours, mattes in zip(planes["foreground" if role == "colours" else "image"], planes["alpha"], strict=False):
        add_pairs(target, role, colours, mattes, located.folder, exclude=exclude, split=split, kind=kind)


def add_singles(target: LintTarget, folder: Place, *, exclude: Any = (), split: str = "") -> bool:
    """Add the pictures below a folder to a target; ``exclude`` and ``split`` as for :func:`add_pairs`.

    Returns:
        Whether the folder states a licence for each of them.
    """
    found = find_images(folder, exclude)
    for path in _listed(target, found).values():
        name = _name(target, path)
        target.items.append(LintItem(name, "single", (name,), (path,), _name(target, folder), split or split_of(name)))
    return all_licensed(folder, found.files)


def with_types(items: list[LintItem], typed: Mapping[str, Typed]) -> list[LintItem]:
    """The items with the types and categories of a types file."""
    ids = [_id(item.name) for item in items]
    found = match(ids, dict(typed)).typed
    return [
        replace(one, type=found[i].type, category=found[i].category) if i in found else one
        for i, one in zip(ids, items, strict=True)
    ]


def _id(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _pair_folders(root: Path) -> Iterator[tuple[Path, tuple[LintRole, str, str]]]:
    """Folders with pairs at any depth below a folder, and the names of their two subfolders."""
    for folder, names, _ in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith("."))
        lower = {name.lower(): name for name in names}
        for role, colours, mattes in _PAIRS:
            first, second = (next((lower[n] for n in usual if n in lower), "") for usual in (colours, mattes))
            if first and second:
                yield Path(folder), (role, first, second)
                break


def _planes(folder: Path, found: tuple[LintRole, str, str]) -> list[str]:
    return [*found[1:], *(name for name in _TRIMAPS if (folder / name).is_dir())]


def _listed(target: LintTarget, found: FoundImages) -> dict[str, Any]:
    for row in found.skips.rows:
        target.fault("unreadable", row.reason, found.skips.paths.get(row.name, row.name))
    return found.files


def _add_types(target: LintTarget, root: Path) -> None:
    """Give the items the types of the types files in their folders; the innermost file counts."""
    files = [path for name in USUAL_NAMES for path in root.rglob(name)]
    for file in sorted(files, key=lambda path: len(path.parts)):
        try:
            typed = read_types(file)
        except AimkitError as error:
            target.notes.append(f"the types file {_relative(file, root)} is not used: {error.what}")
            continue
        folder = _relative(file.parent, root)
        prefix = "" if folder == "." else f"{folder}/"
        done = iter(with_types([one for one in target.items if one.name.startswith(prefix)], typed))
        target.items = [next(done) if one.name.startswith(prefix) else one for one in target.items]


def _has_licence(folder: Path) -> bool:
    return any(entry.name.lower().startswith(_LICENCES) for entry in folder.iterdir())


def _name(target: LintTarget, path: Place) -> str:
    return as_text(path) if target.root is None else _relative(path, target.root)


def _relative(path: Place, root: Place) -> str:
    """A path below a folder, relative to it, with slashes."""
    if isinstance(path, Path) and isinstance(root, Path):
        return as_text(path.relative_to(root).as_posix()) if path.is_relative_to(root) else as_text(path)
    return str(path).removeprefix(str(root)).lstrip("/")
