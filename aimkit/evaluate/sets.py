"""Data of evaluations: published datasets by name, folders, Hugging Face datasets, and folders of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from aimkit import console
from aimkit.datasets.catalog import DatasetPart, PublishedSet, evaluation_parts
from aimkit.datasets.catalog.layout import locate, search
from aimkit.datasets.find import find_images
from aimkit.datasets.types_file import Typed, match, nearest, read_types, usual_types_file
from aimkit.errors import AimkitError
from aimkit.evaluate.hub import open_table
from aimkit.evaluate.images import EvaluationImage, EvaluationSet
from aimkit.recipe import expand
from aimkit.registry import did_you_mean
from aimkit.storage import Place

#: Folder names of data of kind "folder", by role; the published one first.
_FOLDERS = {"image": ("original", "image"), "alpha": ("mask", "alpha"), "trimap": ("trimap",)}


def open_set(
    kind: str,
    root: str = "",
    *,
    types: str = "",
    split: str = "",
    kernel: int = 30,
    limit: int = 0,
    alpha_range: str = "",
) -> EvaluationSet:
    """Open an evaluation set by its kind; arguments as for :class:`aimkit.evaluate.recipe.DataBlock`.

    Raises:
        AimkitError: The kind is unknown, an image has no alpha matte or an alpha matte no image, or an image is not in
            the types file.
    """
    if kind.startswith("hf:"):
        table, rows = open_table(kind[3:], split)
        entries = [
            EvaluationImage(fact["id"], fact["type"], fact["category"], fact["stamp"], row=row)
            for row, fact in enumerate(rows)
        ]
        local = Path(kind[3:]) if Path(kind[3:]).is_dir() else None
        return _limited(EvaluationSet(kind, entries, "", kernel, table, alpha_range, folder=local), limit)
    known = evaluation_parts()
    if kind not in known and kind != "folder":
        names = [*known, "folder", "hf:NAME"]
        raise AimkitError(f"unknown data '{kind}'", "--data", did_you_mean(kind, names))
    if not root:
        raise AimkitError(f"data '{kind}' needs its folder", "--root", "aimkit evaluate ... --root DIR")
    folder = expand(root, "--root")
    if kind in known:
        return _limited(replace(_open_known(*known[kind], folder, types, kernel), alpha_range=alpha_range), limit)
    photos, mattes = (_images(_subfolder(folder, role)) for role in ("image", "alpha"))
    _require_same(photos, mattes, "photo", "matte", folder)
    trimaps = find_images(folder / "trimap")[0] if (folder / "trimap").is_dir() else {}
    if trimaps and not set(trimaps) & set(mattes):
        console.warn(f"none of the {len(trimaps)} trimaps in {folder / 'trimap'} has the name of a matte")
    entries = _entries({"image": photos, "alpha": mattes, "trimap": trimaps})
    path = _types_file(folder, types)
    if path:
        entries = _typed(entries, read_types(path), path)
    return _limited(EvaluationSet(f"folder {folder.name}", entries, "", kernel, alpha_range=alpha_range), limit)


def _open_known(known: PublishedSet, part: DatasetPart, folder: Path, types: str, kernel: int) -> EvaluationSet:
    located = locate(known, part, folder, "--root")
    planes = {role: _listed(folders) for role, folders in located.planes.items()}
    for role in ("image", "alpha"):
        if not planes[role]:
            raise AimkitError("the folder has no images", str(located.planes[role][0]))
    _require_same(planes["image"], planes["alpha"], "photo", "matte", Path(str(located.folder)))
    if len(planes["alpha"]) != part.count:
        found = f"found {len(planes['alpha'])} of {part.count} published images"
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
    alpha_range: str = "",
    prediction_range: str = "",
) -> EvaluationSet:
    """Open a folder of predicted alpha mattes with the truth.

    Predictions without truth are left out with a warning.

    Args:
        predictions: Folder of alpha mattes, named like the truth.
        truth: Folder of true alpha mattes, or a folder with mask/; its trimap/, original/ and types file are then used
            too.
        trimaps: Folder of trimaps; those of the truth if empty, else computed.
        images: Folder of photos, for the report.
        types: Types file.
        kernel: Elliptical kernel in pixels of trimaps that are computed.
        limit: Number of images to use, the first by name; 0 for all.
        kind: Published dataset of the truth, or "". Its folders are found below ``truth``, and the protocol has its
            name.
        alpha_range: Scale of the true mattes, such as "0-255"; "" has it decided from all of them.
        prediction_range: Scale of the predictions, in the same way.

    Raises:
        AimkitError: A true alpha matte has no prediction, ``trimaps`` or ``images`` hold none of the truth, or an image
            is not in the types file.
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
        console.warn(f"{len(extra)} predictions without truth are left out: {', '.join(extra[:3])}")
    planes = {"alpha": mattes, "prediction": {name: found[name] for name in mattes}}
    for role, given in (("trimap", trimaps), ("image", images)):
        if given:
            planes[role] = _images(expand(given, f"--{role}s"))
            _require_some(mattes, planes[role], role, expand(given))
        elif role in places and places[role].is_dir():
            planes[role] = find_images(places[role])[0]
    entries = _entries(planes)
    if known:
        entries = [replace(entry, type=known[0].type, category=known[0].category) for entry in entries]
    path = _types_file(Path(str(located.folder)) if located else folder, types)
    if path:
        entries = _typed(entries, read_types(path), path)
    name = known[1].title if known else f"folder {folder.name}"
    data = EvaluationSet(name, entries, "", kernel, alpha_range=alpha_range, prediction_range=prediction_range)
    return _limited(data, limit)


def _limited(data: EvaluationSet, limit: int) -> EvaluationSet:
    """Keep the first ``limit`` images, and complete the texts of the protocol."""
    entries = list(data.entries[:limit] if limit else data.entries)
    made = len(entries) if data.table is not None else sum("trimap" not in (entry.files or {}) for entry in entries)
    if data.table is not None and "trimap" in data.table.column_names:
        made = 0
    how = f"made from the true matte, elliptical kernel {data.kernel}"
    trimap = "from files" if not made else how if made == len(entries) else f"from files, {made} {how}"
    part = f"first {limit} images" if limit and limit < len(data.entries) else f"{len(entries)} images"
    return replace(data, name=f"{data.name}, {part}", entries=entries, trimap=trimap)


def _images(folder: Path) -> dict[str, Path]:
    found = find_images(folder)[0]
    if not found:
        raise AimkitError("the folder has no images", str(folder))
    return found


def _subfolder(folder: Path, role: str) -> Path:
    """The folder of a role: the first of the usual names that exists, else the first."""
    return next((folder / name for name in _FOLDERS[role] if (folder / name).is_dir()), folder / _FOLDERS[role][0])


def _listed(folders: Sequence[Place]) -> dict[str, Path]:
    return {name: path for folder in folders for name, path in find_images(Path(str(folder)))[0].items()}


def _entries(planes: Mapping[str, Mapping[str, Path]]) -> list[EvaluationImage]:
    """The images of all alpha mattes, with the planes that they have."""
    return [_entry(name, {role: found.get(name) for role, found in planes.items()}) for name in planes["alpha"]]


def _entry(name: str, files: Mapping[str, Path | None]) -> EvaluationImage:
    return EvaluationImage(name, files={role: path for role, path in files.items() if path is not None})


def _require_same(first: dict[str, Path], second: dict[str, Path], one: str, other: str, folder: Path) -> None:
    _require(first, second, other, str(folder))
    _require(second, first, one, str(folder))


def _require(names: dict[str, Path], found: dict[str, Path], what: str, where: str) -> None:
    missing = sorted(set(names) - set(found))
    if missing:
        near = next((n for n in nearest(missing[:1], sorted(set(found) - set(names))) if n), "")
        hint = f"is '{near}' the one for '{missing[0]}'?" if near else "names must be equal except for the suffix"
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise AimkitError(f"{len(missing)} of {len(names)} images have no {what}: {shown}", where, hint)


def _require_some(names: dict[str, Path], found: dict[str, Path], what: str, folder: Path) -> None:
    """Refuse a given folder that holds none of the images, and tell how many it lacks."""
    missing = sorted(set(names) - set(found))
    if len(missing) == len(names):
        pair = f"'{next(iter(found))}' in it, '{missing[0]}' in the truth"
        hint = f"names must be equal except for the suffix: {pair}"
        raise AimkitError(f"none of the {len(found)} {what}s has the name of a true matte", str(folder), hint)
    if missing:
        console.warn(f"{len(missing)} of {len(names)} images have no {what} in {folder}: {', '.join(missing[:3])}")


def _types_file(folder: Path, types: str, *, needed: str = "") -> Path | None:
    if types:
        return expand(types, "--types")
    path = usual_types_file(folder)
    if path is None and needed:
        raise AimkitError(f"types file {needed} not found", str(folder), "give it with --types FILE")
    return path


def _typed(entries: Sequence[EvaluationImage], names: dict[str, Typed], path: Path) -> list[EvaluationImage]:
    matching = match([entry.id for entry in entries], names)
    if matching.missing:
        shown = [name + (f" (nearest: {near})" if near else "") for name, near in matching.missing[:10]]
        more = "" if len(matching.missing) <= 10 else "\n  ..."
        raise AimkitError(
            f"{len(matching.missing)} of {len(entries)} images have no type:\n  " + "\n  ".join(shown) + more, str(path)
        )
    if matching.unknown:
        console.warn(
            f"{len(matching.unknown)} names in {path.name} have no image, for example {matching.unknown[0][0]}"
        )
    typed = matching.typed
    return [replace(e, type=typed[e.id].type.value, category=typed[e.id].category) for e in entries]


def _check_categories(entries: Sequence[EvaluationImage], part: DatasetPart, where: str) -> None:
    for entry in entries:
        if entry.category not in part.categories:
            hint = did_you_mean(entry.category, part.categories)
            raise AimkitError(f"{entry.id}: '{entry.category}' is not a category of {part.title}", where, hint)
