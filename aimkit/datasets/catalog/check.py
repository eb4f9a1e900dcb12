"""Comparing a folder with a published dataset: counts, pairs, sizes, types, and that every file can be read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from aimkit import console
from aimkit.datasets.catalog import DatasetPart, PublishedSet
from aimkit.datasets.catalog.layout import LABELS, Located, expected, files, held, search
from aimkit.datasets.catalog.report import CatalogReport, Finding, PartReport
from aimkit.datasets.matte_folder import MatteFolder, scan_mattes
from aimkit.datasets.scan import read_place
from aimkit.datasets.types_file import Typed, match, read_types
from aimkit.errors import AimkitError
from aimkit.imageio import read_grey, read_rgb
from aimkit.matting.image_type import decide, measure
from aimkit.storage import Place
from aimkit.types import Float, to_float

#: Readers of the planes besides the matte, by role.
_READ: dict[str, Callable[..., Any]] = {"image": read_rgb, "foreground": read_rgb, "trimap": read_grey}


def check(
    published: PublishedSet, root: Place, *, part: str = "", types: str = "", section: str = "", quick: bool = False
) -> CatalogReport:
    """Compare a folder with a published dataset.

    Args:
        published: The dataset.
        root: The dataset's folder, its parent folder, or the folder of one part.
        part: Name of the part to check; when empty, all parts, or the one part whose folder ``root`` is.
        types: Path of a types file; when empty, the part's own.
        section: Section of the types file; when empty, the dataset's own section of AIM's file.
        quick: Compare names only and open no image.

    Raises:
        AimkitError: The folder does not exist, or holds no part of the dataset (exit code 1).
    """
    if not root.is_dir():
        raise AimkitError("folder not found", str(root), f"'aimkit catalog show {published.name}' says where to get it")
    chosen = [published.part(part)] if part else list(published.parts)
    located = [found for one in chosen if (found := search(published, one, root))]
    if not located:
        raise AimkitError(
            f"this is not {published.title}" + (f", part {part}" if part else "") + " as published",
            str(root),
            f"expected {expected(chosen[0].layouts[0])}; found {held(root)} ('aimkit catalog show {published.name}')",
            exit_code=1,
        )
    apart = _told_apart(located, root)
    # A user who gives the folder of one part does not ask for the others.
    alone = all(found.folder == root for found in apart)
    absent = [] if alone else [one.name for one in chosen if one not in [found.part for found in apart]]
    reports = [_check_part(published, found, types, section, quick) for found in apart]
    return CatalogReport(published, root, reports, absent)


def _told_apart(located: list[Located], root: Place) -> list[Located]:
    """Choose between parts that were all found in one folder: the one whose published count matches."""
    if len(located) < 2 or len({str(found.folder) for found in located}) > 1:
        return located
    fitting = [found for found in located if len(files(found).complete) == found.part.count]
    if len(fitting) != 1:
        names = ", ".join(found.part.name for found in located)
        raise AimkitError(f"the folder could be any of its parts: {names}", str(root), "choose one with --part NAME")
    return fitting


def _check_part(published: PublishedSet, located: Located, types: str, section: str, quick: bool) -> PartReport:
    found = files(located)
    report = PartReport(located, len(found.complete))
    part = located.part
    unit = "images" if part.use == "backgrounds" else "pairs"
    if len(found.complete) != part.count:
        report.problems.append(Finding("wrong count", "", f"{len(found.complete)} {unit}, {part.count} are published"))
    for role, names in found.missing.items():
        report.problems += [Finding(f"no {LABELS[role]}", name) for name in names]
    if located.layout.trimap and "trimap" not in located.planes:
        report.warnings.append(Finding("no trimaps", "", "made from the mattes where needed"))
    typed = _check_types(published, report, list(found.complete), types, section)
    inferring = not typed and part.use in ("foregrounds", "evaluation")
    if not quick:
        _read_all(found.complete, report, inferring)
        if inferring:
            report.types_from = "mattes"
    return report


def _read_all(found: Mapping[str, Mapping[str, Place]], report: PartReport, inferring: bool) -> None:
    part = report.located.part
    title = f"check {part.name}"
    types: Counter[str] = Counter()
    workers = min(16, (os.cpu_count() or 1) + 1)
    mattes = _mattes(found, report)
    with console.progress(len(found), title, "images") as progress, ThreadPoolExecutor(workers) as pool:
        looks = pool.map(lambda item: _look(item[0], item[1], part, mattes, inferring), found.items())
        for problems, warnings, kind in looks:
            report.problems += problems
            report.warnings += warnings
            types.update([kind] if kind else [])
            progress.advance()
    if inferring:
        report.types = dict(sorted(types.items()))


def _mattes(found: Mapping[str, Mapping[str, Place]], report: PartReport) -> MatteFolder:
    """How the part's mattes are read; what is odd about them goes into the report."""
    paths = {name: planes["alpha"] for name, planes in found.items() if "alpha" in planes}
    try:
        mattes = scan_mattes(paths, f"mattes of {report.located.part.name}", where=str(report.located.folder))
    except AimkitError as error:
        report.problems.append(Finding("scale of the mattes", "", error.what))
        return MatteFolder()
    report.warnings += [Finding("mattes", "", note) for note in mattes.notes]
    return mattes


def _look(
    name: str, planes: Mapping[str, Place], part: DatasetPart, mattes: MatteFolder, inferring: bool
) -> tuple[list[Finding], list[Finding], str]:
    """Problems and warnings of one image, and its inferred type ("" unless ``inferring``)."""
    read: dict[str, Any] = {}
    for role, path in planes.items():
        try:
            if role == "alpha":
                read[role] = to_float(mattes.read(path, path.name))
            else:
                read[role] = _READ[role](read_place(path), path.name)
        except AimkitError as error:
            return [Finding("unreadable", name, f"{LABELS[role]}: {error.what}")], [], ""
    sizes = {role: f"{plane.shape[1]}x{plane.shape[0]}" for role, plane in read.items()}
    if len(set(sizes.values())) > 1:
        detail = ", ".join(f"{LABELS[role]} {size}" for role, size in sizes.items())
        return [Finding("sizes differ", name, detail)], [], ""
    if "alpha" not in read or part.use == "saliency":
        return [], [], ""
    alpha = read["alpha"]
    if alpha.max() < 0.5 / 255:
        return [Finding("empty matte", name)], [], ""
    warnings = [Finding("almost binary matte", name)] if _almost_binary(alpha) else []
    return [], warnings, str(decide(measure(alpha)).type) if inferring else ""


def _almost_binary(alpha: Float) -> bool:
    """Whether a matte is really a mask: far fewer partial pixels than its outline has pixels."""
    partial = np.count_nonzero((alpha > 0.015) & (alpha < 0.985))
    covered = np.count_nonzero(alpha > 0.015)
    # The shortest outline is a disc's; a matte that fills the frame has none.
    return bool(covered < alpha.size and partial < 0.1 * (12.6 * covered) ** 0.5)


def _check_types(
    published: PublishedSet, report: PartReport, names: list[str], types: str, section: str
) -> dict[str, Typed] | None:
    """Types by image name if there is a types file; its problems go into the report."""
    part = report.located.part
    own = report.located.folder / part.types_file if part.types_file else None
    if not types and own is not None and not own.is_file():
        report.problems.append(Finding("no types file", "", f"{part.types_file} not found"))
    if not types and (own is None or not own.is_file()):
        return None
    file = types or str(own)
    try:
        rows = _read_types(file, section, published.section)
    except AimkitError as error:
        report.problems.append(Finding("types file", "", error.what.replace("\n ", ";")))
        return None
    matching = match(names, rows)
    report.types_from = file
    report.types = dict(sorted(Counter(str(typed.type) for typed in matching.typed.values()).items()))
    near = [(name, f"nearest: {near}" if near else "") for name, near in matching.missing]
    report.problems += [Finding("no type", name, detail) for name, detail in near]
    report.warnings += [Finding("named in the types file only", name) for name, _ in matching.unknown]
    report.problems += _wrong_types(published, part, matching.typed)
    return matching.typed


def _read_types(file: str, section: str, usual: str) -> dict[str, Typed]:
    """Read a types file: AIM's has a section for each dataset, users' own have none."""
    if section or not usual:
        return read_types(file, section)
    try:
        return read_types(file, usual)
    except AimkitError:
        return read_types(file)


def _wrong_types(published: PublishedSet, part: DatasetPart, typed: Mapping[str, Typed]) -> list[Finding]:
    wrong = [
        Finding("wrong type", name, f"{entry.type}, but all images are {published.type}")
        for name, entry in typed.items()
        if published.type and entry.type != published.type
    ]
    counts = Counter(entry.category for entry in typed.values())
    if part.categories and counts != part.categories:
        rows = [
            f"{name or 'none'} {counts[name]} for {part.categories.get(name, 0)}"
            for name in sorted({*counts, *part.categories})
            if counts[name] != part.categories.get(name, 0)
        ]
        wrong.append(Finding("categories differ", "", ", ".join(rows)))
    return wrong
