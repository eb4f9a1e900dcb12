"""Mattes whose levels are on another scale than the rest of their folder, or than their files' type says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from aimkit.datasets.matte_folder import MatteFolder, decide_mattes
from aimkit.errors import AimkitError
from aimkit.lint.record import LintFolder, LintRecord
from aimkit.lint.registry import LintFault, folder_checks
from aimkit.lint.view import likely_top


@folder_checks.register(
    "matte-scale",
    severity="error",
    advice="Save the matte with levels from 0 to 255 (--fix does), or state alpha_range for the source.",
    fix="levels spread over 0 to 255",
)
def matte_scale(folder: LintFolder) -> Iterable[LintFault]:
    """Mattes on another scale than their folder, and folders whose scale can't be determined."""
    for _, records, decided in _decisions(folder):
        if isinstance(decided, AimkitError):
            yield LintFault(tuple(record.item.files[-1] for record in records), decided.what)
            continue
        for record in records:
            if what := wrong_scale(record, decided):
                yield LintFault((record.item.files[-1],), what)


@folder_checks.register(
    "unusual-scale",
    severity="note",
    advice="aimkit reads them as intended, other code may not; --fix writes levels from 0 to 255.",
    fix="levels spread over 0 to 255",
)
def unusual_scale(folder: LintFolder) -> Iterable[LintFault]:
    """Folders of mattes that are all on one scale, but not on the scale of their file type."""
    for group, _, decided in _decisions(folder):
        if isinstance(decided, MatteFolder) and decided.unusual:
            yield LintFault((group or ".",), f"the mattes are stored as {decided.unusual}")


def _decisions(folder: LintFolder) -> Iterator[tuple[str, list[LintRecord], MatteFolder | AimkitError]]:
    """Each group of mattes, and how it is read, or why that can't be told."""
    for group, records in matte_groups(folder.records).items():
        try:
            yield group, records, decide_mattes([record.facts for record in records if record.facts], where=group)
        except AimkitError as error:
            yield group, records, error


def wrong_scale(record: LintRecord, decided: MatteFolder) -> str:
    """What is wrong with the scale of a matte in its folder, or ""."""
    facts = record.facts
    if facts is None or not facts.found.maximum:
        return ""
    if fault := decided.fault(facts):
        return fault
    top, found = decided.top(facts), facts.found
    # A matte in per cent, or of 0 and 1, among mattes of 0 to 255.
    if found.channel == "grey" and found.dtype == "uint8" and top == 255 and found.maximum in (1, 100):
        return f"its largest level is {found.maximum:g} of 255: is it on the scale 0-{found.maximum:g}?"
    return ""


def folder_scale(records: list[LintRecord], group: str) -> MatteFolder | None:
    """How the mattes of a folder are read; those up to exactly 100 are taken as per cent. None when nothing tells."""
    facts = [record.facts for record in records if record.facts]
    percent = max(one.found.maximum for one in facts) == 100
    for alpha_range in ("", "0-100") if percent else ("",):
        try:
            return decide_mattes(facts, alpha_range, group)
        except AimkitError:
            continue
    return None


def scale_to_fix(record: LintRecord, decided: MatteFolder) -> float:
    """The level of a matte that means opaque, to spread its levels from."""
    assert record.facts is not None
    found = record.facts.found
    top = decided.top(record.facts)
    if found.dtype == "uint8" and found.maximum in (1, 100):
        return found.maximum
    return top or likely_top(record.facts)


def matte_groups(records: Iterable[LintRecord]) -> dict[str, list[LintRecord]]:
    """The records with mattes in files of their own, by the folder with which their scale is decided."""
    groups: dict[str, list[LintRecord]] = defaultdict(list)
    for record in records:
        if record.facts is not None and not record.problem and record.item.role in ("colours", "photo"):
            groups[record.item.group].append(record)
    return dict(groups)
