"""Comparing a folder with a published dataset: counts, pairs, sizes, types, and whether every file can be read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aimkit import console
from aimkit.datasets.catalog import DatasetPart, PublishedSet
from aimkit.datasets.catalog.layout import LABELS, Located, expected, files, held, search
from aimkit.datasets.types_file import Typed, match, read_types
from aimkit.errors import AimkitError
from aimkit.imageio import read_alpha, read_grey, read_rgb
from aimkit.matting.image_type import decide, measure
from aimkit.storage import Place
from aimkit.types import Float

#: What a reader of a plane is.
_READ = {"image": read_rgb, "foreground": read_rgb, "alpha": read_alpha, "trimap": read_grey}


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        kind: The same for findings of one sort, such as "no matte".
        name: Of the image; "" when it concerns the whole part.
        detail: What exactly, or "".
    """

    kind: str
    name: str = ""
    detail: str = ""


@dataclass
class PartReport:
    """What a part is like.

    Attributes:
        located: The part and its folders.
        found: Complete pairs, or backgrounds.
        problems: What does not match.
        warnings: What is doubtful, but no reason to refuse it.
        types: Images of each type: named in the types file, or inferred from the mattes.
        types_from: The types file, "mattes", or "" when types were not looked at.
    """

    located: Located
    found: int = 0
    problems: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    types: dict[str, int] = field(default_factory=dict)
    types_from: str = ""

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values."""
        part, layout = self.located.part, self.located.layout
        return {
            "part": part.name,
            "folder": str(self.located.folder),
            "layout": layout.by or "as published",
            "planes": {role: [str(folder) for folder in folders] for role, folders in self.located.planes.items()},
            "found": self.found,
            "expected": part.count,
            "ok": not self.problems,
            "problems": grouped(self.problems),
            "warnings": grouped(self.warnings),
            "types": self.types,
            "types_from": self.types_from,
        }


@dataclass
class CatalogReport:
    """What a folder is like beside a published dataset.

    Attributes:
        published: The dataset.
        root: The folder.
        parts: Parts that were found.
        absent: Names of those that were looked for and are not there.
    """

    published: PublishedSet
    root: Place
    parts: list[PartReport]
    absent: list[str]

    @property
    def ok(self) -> bool:
        """Whether it is all there, and as published."""
        return not self.absent and not any(part.problems for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values."""
        parts = [part.to_json() for part in self.parts]
        return {
            "set": self.published.name,
            "root": str(self.root),
            "ok": self.ok,
            "parts": parts,
            "absent": self.absent,
        }


def check(
    published: PublishedSet, root: Place, *, part: str = "", types: str = "", section: str = "", quick: bool = False
) -> CatalogReport:
    """Compare a folder with a published dataset.

    Args:
        published: The dataset.
        root: Its folder, the folder above it, or that of one part.
        part: Look only at this part; at all of them when empty, but for a folder that holds just one.
        types: A types file; the part's own when empty.
        section: Its section; the dataset's own in AIM's file when empty.
        quick: Look at names only, open no image.

    Raises:
        AimkitError: There is no such folder, or no part of the dataset is in it; exit code 1.
    """
    if not root.is_dir():
        raise AimkitError("no such folder", str(root), f"aimkit catalog show {published.name} says where to get it")
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
    # Whoever names the folder of one part does not ask for the others.
    alone = all(found.folder == root for found in apart)
    absent = [] if alone else [one.name for one in chosen if one not in [found.part for found in apart]]
    return CatalogReport(
        published, root, [_check_part(published, found, types, section, quick) for found in apart], absent
    )


def grouped(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings by kind: ``kind``, ``count`` and ``names`` (with details)."""
    groups: dict[str, list[str]] = {}
    for finding in findings:
        text = f"{finding.name}: {finding.detail}" if finding.name and finding.detail else finding.name
        groups.setdefault(finding.kind, []).append(text or finding.detail)
    return [{"kind": kind, "count": len(names), "names": names} for kind, names in groups.items()]


def _told_apart(located: list[Located], root: Place) -> list[Located]:
    """Of parts that are found in one and the same folder, the one whose count it has."""
    if len(located) < 2 or len({str(found.folder) for found in located}) > 1:
        return located
    fitting = [found for found in located if len(files(found).complete) == found.part.count]
    if len(fitting) != 1:
        names = ", ".join(found.part.name for found in located)
        raise AimkitError(f"the folder could be any of its parts: {names}", str(root), "say which: --part NAME")
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
        report.warnings.append(Finding("no trimaps", "", "they are made from the mattes where they are needed"))
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
    with console.progress(len(found), title, "images") as progress, ThreadPoolExecutor(workers) as pool:
        looks = pool.map(lambda item: _look(item[0], item[1], part, inferring), found.items())
        for problems, warnings, kind in looks:
            report.problems += problems
            report.warnings += warnings
            types.update([kind] if kind else [])
            progress.advance()
    if inferring:
        report.types = dict(sorted(types.items()))


def _look(
    name: str, planes: Mapping[str, Place], part: DatasetPart, inferring: bool
) -> tuple[list[Finding], list[Finding], str]:
    """Problems and warnings of one image, and its type when it is to be inferred."""
    read: dict[str, Any] = {}
    for role, path in planes.items():
        try:
            read[role] = _READ[role](path if isinstance(path, Path) else path.read_bytes(), path.name)
        except (AimkitError, OSError) as error:
            reason = error.what if isinstance(error, AimkitError) else str(error)
            return [Finding("unreadable", name, f"{LABELS[role]}: {reason}")], [], ""
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
    """Whether a matte has far fewer partial pixels than its outline has pixels; it is a mask then."""
    partial = np.count_nonzero((alpha > 0.015) & (alpha < 0.985))
    covered = np.count_nonzero(alpha > 0.015)
    # No outline is shorter than a disc's; a matte that fills the frame has none.
    return bool(covered < alpha.size and partial < 0.1 * (12.6 * covered) ** 0.5)


def _check_types(
    published: PublishedSet, report: PartReport, names: list[str], types: str, section: str
) -> dict[str, Typed] | None:
    """The types by name when there is a types file; what is wrong with it goes into the report."""
    part = report.located.part
    own = report.located.folder / part.types_file if part.types_file else None
    if not types and own is not None and not own.is_file():
        report.problems.append(Finding("no types file", "", f"there is no {part.types_file}"))
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
    """AIM's file has a section for each dataset, one's own has none."""
    if section or not usual:
        return read_types(file, section)
    try:
        return read_types(file, usual)
    except AimkitError:
        return read_types(file)


def _wrong_types(published: PublishedSet, part: DatasetPart, typed: Mapping[str, Typed]) -> list[Finding]:
    wrong = [
        Finding("wrong type", name, f"{entry.type}, but all are {published.type}")
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
