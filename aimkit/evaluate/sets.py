"""Data of evaluations: published datasets by name, folders, Hugging Face datasets, and folders of predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from aimkit import console
from aimkit.datasets.catalog import DatasetPart, PublishedSet, evaluation_parts
from aimkit.datasets.catalog.layout import locate, search
from aimkit.datasets.find import find_images
from aimkit.datasets.pairing import pair_files
from aimkit.datasets.types_file import Typed, match, nearest, read_types, usual_types_file
from aimkit.errors import AimkitError
from aimkit.evaluate.hub import EvaluationTable, open_evaluation_table
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
    columns: Mapping[str, str | None] | None = None,
    kernel: int = 30,
    limit: int = 0,
    alpha_range: str = "",
) -> EvaluationSet:
    """Open an evaluation set by its kind; arguments as for :class:`aimkit.evaluate.recipe.DataBlock`.

    Raises:
        AimkitError: The kind is unknown, an image has no alpha matte or an alpha matte no image, or an image is not in
            the types file.
    """
    data = _open(kind, root, types, split, columns, kernel)
    return _limited(replace(data, alpha_range=alpha_range), limit)


def _open(
    kind: str, root: str, types: str, split: str, columns: Mapping[str, str | None] | None, kernel: int
) -> EvaluationSet:
    known = evaluation_parts()
    hub = kind if kind.startswith("hf:") else root
    if kind not in known and kind != "folder" and not kind.startswith("hf:"):
        names = [*known, "folder", "hf:NAME"]
        raise AimkitError(f"unknown data '{kind}'", "--data", did_you_mean(kind, names))
    if hub.startswith("hf:"):
        table = open_evaluation_table(hub[3:], split, columns)
        return _of_table(table, hub, known.get(kind), types, kernel)
    if not root:
        raise AimkitError(f"data '{kind}' needs its folder", "--root", "aimkit evaluate ... --root DIR")
    folder = expand(root, "--root")
    if kind in known:
        return _open_known(*known[kind], folder, types, kernel)
    photos, mattes = (_images(_subfolder(folder, role)) for role in ("image", "alpha"))
    mattes = _as_named(photos, mattes, "matte")
    _require_same(photos, mattes, "photo", "matte", folder)
    trimaps = find_images(folder / "trimap")[0] if (folder / "trimap").is_dir() else {}
    if trimaps and not set(trimaps) & set(mattes):
        console.warn(f"none of the {len(trimaps)} trimaps in {folder / 'trimap'} has the name of a matte")
    entries = _entries({"image": photos, "alpha": mattes, "trimap": trimaps})
    path = _types_file(folder, types)
    if path:
        entries = _typed(entries, read_types(path), path)
    return EvaluationSet(f"folder {folder.name}", entries, "", kernel)


def _of_table(
    table: EvaluationTable, name: str, known: tuple[PublishedSet, DatasetPart] | None, types: str, kernel: int
) -> EvaluationSet:
    """The rows of a table, which may be a mirror of a published dataset."""
    entries = sorted(
        (EvaluationImage(row.id, row.type, row.category, row=number) for number, row in enumerate(table.rows)),
        key=lambda entry: entry.id,
    )
    if types:
        path = expand(types, "--types")
        entries = _typed(entries, read_types(path), path)
        table = replace(table, origin=f"{table.origin}, types and categories of {path.name}")
    if known is None:
        return EvaluationSet(name, entries, "", kernel, table)
    published, part = known
    if len(entries) != part.count:
        console.warn(f"{part.title}: {name} has {len(entries)} of {part.count} published images")
    entries = [
        replace(one, type=one.type or published.type, category=one.category or published.category) for one in entries
    ]
    untyped = [one.id for one in entries if not one.type]
    if untyped and part.types_file:
        console.warn(f"{part.title}: {len(untyped)} images of {name} have no type; give {part.types_file} with --types")
    if part.categories:
        _check_categories([one for one in entries if one.category], part, table.where)
    return EvaluationSet(part.title, entries, "", kernel, table)


def _open_known(known: PublishedSet, part: DatasetPart, folder: Path, types: str, kernel: int) -> EvaluationSet:
    located = locate(known, part, folder)
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
    split: str = "",
    columns: Mapping[str, str | None] | None = None,
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
            too. "hf:NAME" for a Hugging Face dataset.
        trimaps: Folder of trimaps; those of the truth if empty, else computed.
        images: Folder of photos, for the report.
        types: Types file.
        split: Split of a Hugging Face dataset.
        columns: Columns of a Hugging Face dataset by role.
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
    given = {"trimap": trimaps, "image": images}
    if truth.startswith("hf:"):
        data = _open(kind or truth, truth, types, split, columns, kernel)
        planes = _predicted([entry.id for entry in data.entries], predictions, given)
        entries = [replace(entry, files=_files(entry.id, planes)) for entry in data.entries]
        data = replace(data, entries=entries, alpha_range=alpha_range, prediction_range=prediction_range)
        return _limited(data, limit)
    folder = expand(truth, "--truth")
    known = evaluation_parts().get(kind)
    located = search(*known, folder) if known and folder.is_dir() else None
    usual = {role: _subfolder(folder, role) for role in _FOLDERS} if _subfolder(folder, "alpha").is_dir() else {}
    places = {role: Path(str(places[0])) for role, places in located.planes.items()} if located else usual
    mattes = _images(places.get("alpha", folder))
    planes = {"alpha": mattes, **_predicted(list(mattes), predictions, given)}
    for role in ("trimap", "image"):
        if not given[role] and role in places and places[role].is_dir():
            planes[role] = find_images(places[role])[0]
    entries = _entries(planes)
    if known:
        entries = [replace(entry, type=known[0].type, category=known[0].category) for entry in entries]
    path = _types_file(Path(str(located.folder)) if located else folder, types)
    if path:
        entries = _typed(entries, read_types(path), path)
    name = known[1].title if known else f"folder {folder.name}"
    return _limited(EvaluationSet(name, entries, "", kernel, None, alpha_range, prediction_range), limit)


def _predicted(names: Sequence[str], predictions: str, given: Mapping[str, str]) -> dict[str, dict[str, Path]]:
    """The files beside true mattes of these names: predictions, and what else the user gives folders of."""
    folder = expand(predictions, "--predictions")
    found = _as_named({name: Path(f"{name}.png") for name in names}, _images(folder), "prediction")
    _require(names, found, "prediction", str(folder))
    extra = sorted(set(found) - set(names))
    if extra:
        console.warn(f"{len(extra)} predictions without truth are left out: {', '.join(extra[:3])}")
    planes = {"prediction": {name: found[name] for name in names}}
    for role, path in given.items():
        if path:
            planes[role] = _images(expand(path, f"--{role}s"))
            _require_some(names, planes[role], role, expand(path))
    return planes


def _limited(data: EvaluationSet, limit: int) -> EvaluationSet:
    """Keep the first ``limit`` images, and complete the texts of the protocol."""
    entries = list(data.entries[:limit] if limit else data.entries)
    made = sum(not data.has_trimap(entry) for entry in entries)
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
    return [EvaluationImage(name, files=_files(name, planes)) for name in planes["alpha"]]


def _files(name: str, planes: Mapping[str, Mapping[str, Path]]) -> dict[str, Path]:
    return {role: found[name] for role, found in planes.items() if name in found}


def _as_named(first: Mapping[str, Path], found: dict[str, Path], what: str) -> dict[str, Path]:
    """Files under the names of their partners, where those differ in no more than an ending such as ``_mask``."""
    if not found or not set(first) - set(found):
        return found
    paired = pair_files(first, found, ("", ""), allow_missing=True)
    for note in paired.notes:
        console.warn(f"{what}s: {note}")
    renamed = {name: second for name, (_, second) in paired.pairs.items()}
    used = set(renamed.values())
    return renamed | {name: path for name, path in found.items() if path not in used and name not in renamed}


def _require_same(first: dict[str, Path], second: dict[str, Path], one: str, other: str, folder: Path) -> None:
    _require(first, second, other, str(folder))
    _require(second, first, one, str(folder))


def _require(names: Iterable[str], found: dict[str, Path], what: str, where: str) -> None:
    names = set(names)
    missing = sorted(names - set(found))
    if missing:
        near = next((n for n in nearest(missing[:1], sorted(set(found) - names)) if n), "")
        hint = f"is '{near}' the one for '{missing[0]}'?" if near else "names must be equal except for the suffix"
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise AimkitError(f"{len(missing)} of {len(names)} images have no {what}: {shown}", where, hint)


def _require_some(names: Iterable[str], found: dict[str, Path], what: str, folder: Path) -> None:
    """Refuse a given folder that holds none of the images, and tell how many it lacks."""
    names = set(names)
    missing = sorted(names - set(found))
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
