"""Looking at all pairs of a training folder before a run begins: can they be read, and do their sizes match?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aimkit.datasets.matte_folder import MatteFacts, MatteFolder, decide_mattes, matte_facts
from aimkit.datasets.scan import Candidate, ScanRecord, candidate, read_place, scan
from aimkit.datasets.scan_report import ScanReport
from aimkit.errors import AimkitError
from aimkit.imageio import decode
from aimkit.paths import as_text
from aimkit.skips import lines
from aimkit.types import ImageType

_MISMATCH = "size mismatch"


@dataclass(frozen=True)
class Pair:
    """An image and its matte, as files.

    Attributes:
        name: Name of the image.
        image: Path of the image.
        alpha: Path of the matte or mask.
        type: Image type; None to infer it from the matte.
        category: Category, or "".
    """

    name: str
    image: Path
    alpha: Path
    type: ImageType | None = None
    category: str = ""


def check_pairs(
    pairs: Sequence[Pair], report: ScanReport, alpha_range: str = "", allow_missing: bool = False
) -> tuple[list[Pair], MatteFolder]:
    """Decode every image and matte once, with the results cached, and decide how the mattes are read.

    What can't be read is left out and told. Images and mattes of different sizes stop: their names or their contents
    are mixed up.

    Args:
        pairs: The files.
        report: What is known of their folder; it is completed and shown.
        alpha_range: Scale of the mattes as the user states it, or "".
        allow_missing: Whether pairs of different sizes are left out instead.

    Returns:
        The pairs that can be used, and how their mattes are read.

    Raises:
        AimkitError: Sizes differ, most pairs can't be read, or the scale of the mattes can't be told.
    """
    found = []
    for pair in pairs:
        try:
            found.append((pair, candidate(pair.name, pair.image, pair.alpha)))
        except AimkitError as error:
            report.skips.add(pair.name, error, as_text(pair.image))
    records = scan([one for _, one in found], _look, f"pairs {report.where}", f"check {report.source}")
    for (pair, _), record in zip(found, records, strict=True):
        if record.problem:
            report.skips.add(pair.name, record.problem, as_text(pair.image))
    read = [(pair, MatteFacts.of(r.matte)) for (pair, _), r in zip(found, records, strict=True) if not r.problem]
    wrong = [row for row in report.skips.rows if row.reason.startswith(_MISMATCH)]
    if wrong and not allow_missing:
        what = f"{len(wrong)} of {len(pairs)} pairs have a {_MISMATCH}:\n  " + "\n  ".join(lines(wrong))
        raise AimkitError(what, report.where, "correct these files, or leave them out with allow_missing = true")
    mattes = decide_mattes([facts for _, facts in read], alpha_range, report.where)
    good = []
    for pair, facts in read:
        if fault := mattes.fault(facts):
            report.skips.add(pair.name, fault, as_text(pair.alpha))
        else:
            good.append(pair)
    report.found, report.used = len(good) + len(report.skips), len(good)
    limit = 1.0 if allow_missing else 0.5
    report.skips.check(report.found, limit, "correct them, or go on without them: allow_missing = true")
    report.notes += mattes.notes
    report.facts["mattes"] = mattes.alpha_range
    report.tell()
    return good, mattes


def _look(one: Candidate) -> ScanRecord:
    image, matte = (decode(read_place(path), as_text(path)) for path in one.files)
    if image.size != matte.size:
        (height, width), (rows, columns) = image.size, matte.size
        turned = (
            "; one of them was turned: does only one have an EXIF orientation?"
            if (height, width) == (columns, rows)
            else ""
        )
        return ScanRecord(problem=f"{_MISMATCH}: the image is {width} x {height}, the matte {columns} x {rows}{turned}")
    facts = matte_facts(matte, as_text(one.files[1]))
    return ScanRecord(height=image.size[0], width=image.size[1], matte=facts.plain())
