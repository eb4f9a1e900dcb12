"""What is wrong with a folder: files that can't be read or lack a partner, mixed contents, a licence not stated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from aimkit.lint.record import LintFolder, LintRecord
from aimkit.lint.registry import LintFault, folder_checks


@folder_checks.register("unreadable", severity="error", advice="Replace or remove the file.", fix="left out")
def unreadable(folder: LintFolder) -> Iterable[LintFault]:
    """Files that can't be decoded."""
    yield from folder.target.faults.get("unreadable", ())
    for record in folder.records:
        if record.problem:
            yield LintFault(record.item.files, record.problem)


@folder_checks.register(
    "unpaired", severity="error", advice="Add the missing file, or remove this one; the files of a pair share a name."
)
def unpaired(folder: LintFolder) -> Iterable[LintFault]:
    """Photos without a matte, and mattes without a photo."""
    yield from folder.target.faults.get("unpaired", ())


@folder_checks.register(
    "no-alpha",
    severity="error",
    advice="Save it with its alpha channel, or move it to the backgrounds.",
)
def no_alpha(folder: LintFolder) -> Iterable[LintFault]:
    """Pictures without transparency, in a folder where most have it."""
    for records in _single_groups(folder):
        opaque = [record for record in records if not record.has_alpha]
        if opaque and 2 * len(opaque) < len(records):
            yield from (LintFault(record.item.files, "it is opaque, among cut-outs") for record in opaque)


@folder_checks.register(
    "alpha-in-background",
    severity="warning",
    advice="Move it to the foregrounds, or save it without its alpha channel.",
)
def alpha_in_background(folder: LintFolder) -> Iterable[LintFault]:
    """Cut-outs in a folder that holds mostly photos."""
    for records in _single_groups(folder):
        clear = [record for record in records if record.has_alpha]
        if 2 * len(clear) <= len(records):
            yield from (LintFault(record.item.files, "it is a cut-out, among photos") for record in clear)


@folder_checks.register(
    "licence-missing",
    severity="note",
    advice='State it: licence = "..." in the source\'s table, or a file LICENSE in the folder.',
)
def licence_missing(folder: LintFolder) -> Iterable[LintFault]:
    """Folders and sources whose licence is not stated."""
    for name in folder.target.unlicensed:
        yield LintFault((name,), "no licence is stated")


def _single_groups(folder: LintFolder) -> Iterable[list[LintRecord]]:
    """The readable single pictures, a list for each folder."""
    groups: dict[str, list[LintRecord]] = defaultdict(list)
    for record in folder.records:
        if record.item.role == "single" and not record.problem:
            groups[record.item.group].append(record)
    return groups.values()
