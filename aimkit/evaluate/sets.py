"""Data to evaluate on: known datasets by name, folders, Hugging Face datasets, and folders of predictions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aimkit import console
from aimkit.datasets.catalog import DatasetPart, PublishedSet, evaluation_parts
from aimkit.datasets.catalog.layout import locate, search
from aimkit.datasets.find import find_images
from aimkit.datasets.types_file import Typed, match, nearest, read_types, usual_types_file
from aimkit.errors import AimkitError
from aimkit.evaluate.hub import cells, open_table
from aimkit.imageio import read_alpha, read_grey, read_rgb
from aimkit.matting.trimap import trimap as make_trimap
from aimkit.recipe import expand
from aimkit.registry import did_you_mean
from aimkit.storage import Place
from aimkit.types import Array, UInt8

#: Folders of data of kind "folder", by role: usual names, the published one first.
_FOLDERS = {"image": ("original", "image"), "alpha": ("mask", "alpha"), "trimap": ("trimap",)}


@dataclass(frozen=True)
class Entry:
    """An image to evaluate on, not yet read.

    Attributes:
        id: Its name: the path below the folder without suffix.
        type: SO, STM, NS, or "".
        category: animal, portrait, ..., or "".
        stamp: Changes when a file does.
        files: Paths by role: image, alpha, trimap, prediction; empty for tables.
        row: Row of a table.
    """

    id: str
    type: str = ""
    category: str = ""
    stamp: str = ""
    files: Mapping[str, Path] | None = None
    row: int = -1

    @property
    def where(self) -> str:
        """What errors call it."""
        return str((self.files or {}).get("alpha", self.id))


@dataclass(frozen=True)
class Planes:
    """What is known of an image.

    Attributes:
        alpha: The truth, uint8, or float32 in [0, 1] for deeper files, (H, W).
        trimap: Labels {0, 128, 255}, uint8, (H, W).
        image: Photo, RGB, uint8, (H, W, 3), or None.
        prediction: A stored prediction, like ``alpha``, or None.
    """

    alpha: Array
    trimap: UInt8
    image: UInt8 | None = None
    prediction: Array | None = None


@dataclass(frozen=True)
class EvaluationSet:
    """Images to evaluate on.

    Attributes:
        name: For the protocol, with the number of images.
        entries: Sorted by id.
        trimap: Where the trimaps come from, for the protocol.
        kernel: Kernel of trimaps that must be made.
        table: A Hugging Face dataset, or None when the entries have files.
    """

    name: str
    entries: Sequence[Entry]
    trimap: str
    kernel: int = 30
    table: Any = None

    @property
    def digest(self) -> str:
        """SHA-256, hex, of names, types and categories."""
        rows = [(entry.id, entry.type, entry.category) for entry in self.entries]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def read(self, entry: Entry) -> Planes:
        """Read an image; one at a time is in memory.

        Raises:
            AimkitError: A file can't be read, or the planes differ in size.
        """
        sources: Mapping[str, Any] = entry.files or cells(self.table[entry.row])
        alpha = _levels(sources["alpha"])
        trimap = read_grey(sources["trimap"]) if "trimap" in sources else make_trimap(alpha, self.kernel)
        image = read_rgb(sources["image"]) if "image" in sources else None
        prediction = _levels(sources["prediction"]) if "prediction" in sources else None
        for name, plane in (("photo", image), ("trimap", trimap)):
            if plane is not None and plane.shape[:2] != alpha.shape:
                sizes = f"{plane.shape[1]}x{plane.shape[0]}, the matte {alpha.shape[1]}x{alpha.shape[0]}"
                raise AimkitError(f"the {name} is {sizes}", entry.where, "they must be of one size")
        return Planes(alpha, trimap, image, prediction)


def open_set(
    kind: str, root: str = "", *, types: str = "", split: str = "", kernel: int = 30, limit: int = 0
) -> EvaluationSet:
    """Open data by its kind; arguments as for :class:`aimkit.evaluate.recipe.DataBlock`.

    Raises:
        AimkitError: Unknown kind, or something is missing: every image needs its matte, every matte its image, and,
            where there is a types file, every image its type.
    """
    if kind.startswith("hf:"):
        table, rows = open_table(kind[3:], split)
        entries = [
            Entry(fact["id"], fact["type"], fact["category"], fact["stamp"], row=row) for row, fact in enumerate(rows)
        ]
        return _limited(EvaluationSet(kind, entries, "", kernel, table), limit)
    known = evaluation_parts()
    if kind not in known and kind != "folder":
        names = [*known, "folder", "hf:NAME"]
        raise AimkitError(f"unknown data '{kind}'", "--data", did_you_mean(kind, names))
    if not root:
        raise AimkitError(f"data '{kind}' needs its folder", "--root", "aimkit evaluate ... --root DIR")
    folder = expand(root, "--root")
    if kind in known:
        return _limited(_open_known(*known[kind], folder, types, kernel), limit)
    photos, mattes = (_images(_subfolder(folder, role)) for role in ("image", "alpha"))
    _require_same(photos, mattes, "photo", "matte", folder)
    trimaps = find_images(folder / "trimap")[0] if (folder / "trimap").is_dir() else {}
    entries = _entries({"image": photos, "alpha": mattes, "trimap": trimaps})
    path = _types_file(folder, types)
    if path:
        entries = _typed(entries, read_types(path), path)
    return _limited(EvaluationSet(f"folder {folder.name}", entries, "", kernel), limit)


def _open_known(known: PublishedSet, part: DatasetPart, folder: Path, types: str, kernel: int) -> EvaluationSet:
    located = locate(known, part, folder, "--root")
    planes = {role: _listed(folders) for role, folders in located.planes.items()}
    for role in ("image", "alpha"):
        if not planes[role]:
            raise AimkitError("the folder has no images", str(located.planes[role][0]))
    _require_same(planes["image"], planes["alpha"], "photo", "matte", Path(str(located.folder)))
    if len(planes["alpha"]) != part.count:
        found = f"{len(planes['alpha'])} of {part.count} published images are here"
        console.warn(f"{part.title}: {found} ('aimkit catalog check {known.name} {folder}')")
    entries = [replace(entry, type=known.type, category=known.category) for entry in _entries(planes)]
    path = _types_file(Path(str(located.folder)), types, needed=part.types_file)
    if path:
        entries = _typed(entries, read_types(path), path)
    if part.categories:
        _check_categories(entries, part, str(path))
    return EvaluationSet(part.title, entries, "", kernel)


def open_predictions(
    predictions: str,
    truth: str,
    *,
    trimaps: str = "",
    images: str = "",
    types: str = "",
    kernel: int = 30,
    limit: int = 0,
    kind: str = "",
) -> EvaluationSet:
    """Open a folder of predicted mattes beside the truth.

    Args:
        predictions: Folder of mattes, named like the truth.
        truth: Folder of true mattes, or a folder that has them in mask/ (then its trimap/, original/ and types file
            are used too).
        trimaps: Folder of trimaps; those of the truth, or made, when empty.
        images: Folder of photos, for the report.
        types: Types file.
        kernel: Kernel of trimaps that must be made.
        limit: As for :func:`open_set`.
        kind: The known dataset that the truth is; its published folders are found below ``truth``, and the protocol
            has its name.

    Raises:
        AimkitError: A truth without prediction, or a types file that does not name every image. Predictions without
            truth are left out with a warning.
    """
    folder = expand(truth, "--truth")
    known = evaluation_parts().get(kind)
    located = search(*known, folder) if known and folder.is_dir() else None
    usual = {role: _subfolder(folder, role) for role in _FOLDERS} if _subfolder(folder, "alpha").is_dir() else {}
    places = {role: Path(str(places[0])) for role, places in located.planes.items()} if located else usual
    mattes = _images(places.get("alpha", folder))
    found = _images(expand(predictions, "--predictions"))
    _require(mattes, found, "prediction", str(expand(predictions)))
    extra = sorted(set(found) - set(mattes))
    if extra:
        console.warn(f"{len(extra)} predictions have no truth and are left out: {', '.join(extra[:3])}")
    planes = {"alpha": mattes, "prediction": {name: found[name] for name in mattes}}
    for role, given in (("trimap", trimaps), ("image", images)):
        if given:
            planes[role] = _images(expand(given))
        elif role in places and places[role].is_dir():
            planes[role] = find_images(places[role])[0]
    entries = _entries(planes)
    if known:
        entries = [replace(entry, type=known[0].type, category=known[0].category) for entry in entries]
    path = _types_file(Path(str(located.folder)) if located else folder, types)
    if path:
        entries = _typed(entries, read_types(path), path)
    return _limited(EvaluationSet(known[1].title if known else f"folder {folder.name}", entries, "", kernel), limit)


def _limited(data: EvaluationSet, limit: int) -> EvaluationSet:
    """The first ``limit`` entries, with the number of images and of trimaps that are made in the texts."""
    entries = list(data.entries[:limit] if limit else data.entries)
    made = len(entries) if data.table is not None else sum("trimap" not in (entry.files or {}) for entry in entries)
    if data.table is not None and "trimap" in data.table.column_names:
        made = 0
    how = f"made from the true matte, elliptical kernel {data.kernel}"
    trimap = "from files" if not made else how if made == len(entries) else f"from files, {made} {how}"
    part = f"first {limit} images" if limit and limit < len(data.entries) else f"{len(entries)} images"
    return replace(data, name=f"{data.name}, {part}", entries=entries, trimap=trimap)


def _levels(source: Any) -> Array:
    """A matte: uint8 when nothing is lost by it, which is exact and fast, else float32."""
    matte = read_alpha(source)
    scaled = matte * np.float32(255)
    levels = np.rint(scaled)
    return levels.astype(np.uint8) if np.abs(scaled - levels).max() < 1e-3 else matte


def _images(folder: Path) -> dict[str, Path]:
    found = find_images(folder)[0]
    if not found:
        raise AimkitError("the folder has no images", str(folder))
    return found


def _subfolder(folder: Path, role: str) -> Path:
    """The folder of a role: the first of the usual names that is there, else the first."""
    return next((folder / name for name in _FOLDERS[role] if (folder / name).is_dir()), folder / _FOLDERS[role][0])


def _listed(folders: Sequence[Place]) -> dict[str, Path]:
    return {name: path for folder in folders for name, path in find_images(Path(str(folder)))[0].items()}


def _entries(planes: Mapping[str, Mapping[str, Path]]) -> list[Entry]:
    """An entry for every matte, with the planes that it has."""
    return [_entry(name, {role: found.get(name) for role, found in planes.items()}) for name in planes["alpha"]]


def _entry(name: str, files: Mapping[str, Path | None]) -> Entry:
    present = {role: path for role, path in files.items() if path is not None}
    stats = [(role, path.stat()) for role, path in sorted(present.items())]
    stamp = "|".join(f"{role}:{stat.st_size}:{stat.st_mtime_ns}" for role, stat in stats)
    return Entry(name, stamp=stamp, files=present)


def _require_same(first: dict[str, Path], second: dict[str, Path], one: str, other: str, folder: Path) -> None:
    _require(first, second, other, str(folder))
    _require(second, first, one, str(folder))


def _require(names: dict[str, Path], found: dict[str, Path], what: str, where: str) -> None:
    missing = sorted(set(names) - set(found))
    if missing:
        near = next((n for n in nearest(missing[:1], sorted(set(found) - set(names))) if n), "")
        hint = f"is '{near}' meant for '{missing[0]}'?" if near else "names must be equal, but for the suffix"
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise AimkitError(f"{len(missing)} of {len(names)} images have no {what}: {shown}", where, hint)


def _types_file(folder: Path, types: str, *, needed: str = "") -> Path | None:
    if types:
        return expand(types, "--types")
    path = usual_types_file(folder)
    if path is None and needed:
        raise AimkitError(f"there is no types file {needed}", str(folder), "name it: --types FILE")
    return path


def _typed(entries: Sequence[Entry], names: dict[str, Typed], path: Path) -> list[Entry]:
    matching = match([entry.id for entry in entries], names)
    if matching.missing:
        shown = [name + (f" (nearest: {near})" if near else "") for name, near in matching.missing[:10]]
        more = "" if len(matching.missing) <= 10 else "\n  ..."
        raise AimkitError(
            f"{len(matching.missing)} of {len(entries)} images have no type:\n  " + "\n  ".join(shown) + more, str(path)
        )
    if matching.unknown:
        console.warn(f"{len(matching.unknown)} names in {path.name} have no image, such as {matching.unknown[0][0]}")
    typed = matching.typed
    return [replace(e, type=typed[e.id].type.value, category=typed[e.id].category) for e in entries]


def _check_categories(entries: Sequence[Entry], part: DatasetPart, where: str) -> None:
    for entry in entries:
        if entry.category not in part.categories:
            hint = did_you_mean(entry.category, part.categories)
            raise AimkitError(f"{entry.id}: '{entry.category}' is no category of {part.title}", where, hint)
