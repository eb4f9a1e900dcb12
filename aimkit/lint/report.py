"""The findings for programs (JSON) and for people (a page with thumbnails)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from aimkit.html import escape, page, picture, table
from aimkit.lint.record import LintRecord
from aimkit.lint.registry import LintFinding, all_checks
from aimkit.lint.run import LintResult

#: Version of the JSON document; it grows when a key changes its meaning or goes.
VERSION = 1

#: Thumbnails of a check that the page shows; all findings are listed.
_SHOWN = 24


def as_json(result: LintResult) -> dict[str, Any]:
    """The document that ``--json`` prints: all keys are always there."""
    folder = result.folder
    return {
        "version": VERSION,
        "target": folder.target.title,
        "pictures": len(folder.records),
        "roles": dict(sorted(Counter(record.item.role for record in folder.records).items())),
        "against": len(folder.against),
        "checks": list(result.checks),
        "counts": result.counts,
        "findings": [
            {
                "check": one.check,
                "severity": one.severity,
                "files": list(one.files),
                "what": one.what,
                "advice": one.advice,
                "fixable": one.fixable,
            }
            for one in result.findings
        ],
        "notes": folder.target.notes,
    }


def by_check(findings: Sequence[LintFinding]) -> dict[str, list[LintFinding]]:
    """The findings of every check that found something, in their order."""
    groups: dict[str, list[LintFinding]] = {}
    for finding in findings:
        groups.setdefault(finding.check, []).append(finding)
    return groups


def as_page(result: LintResult) -> str:
    """The page that ``--html`` writes, which needs no other file."""
    target = result.folder.target
    pictures: dict[str, LintRecord] = {}
    for record in [*result.folder.records, *result.folder.against]:
        for name in record.item.files:
            pictures.setdefault(name, record)
    counts = ", ".join(f"{count} {name}{'s' * (count != 1)}" for name, count in result.counts.items())
    parts = [
        f"<h1>{escape(target.title)}</h1>",
        f"<p class=result>{len(result.folder.records)} pictures and pairs checked: {counts}.</p>",
        *(f"<p class=note>{escape(note)}</p>" for note in target.notes),
    ]
    parts.append(findings_html(result, pictures))
    return page(f"aimkit lint {target.title}", "".join(parts))


def findings_html(result: LintResult, pictures: Mapping[str, LintRecord] | None = None) -> str:
    """The findings by check as HTML: a summary, then advice, thumbnails and all findings of each.

    Args:
        result: What was found.
        pictures: Records with thumbnails by the names of their files; none are shown without.
    """
    known, groups = all_checks(), by_check(result.findings)
    parts = []
    rows = [(name, known[name].severity, len(found), known[name].fix or "by hand") for name, found in groups.items()]
    if rows:
        parts.append(table(["check", "severity", "findings", "--fix"], rows, "checks that found something"))
    for name, found in groups.items():
        severity = known[name].severity
        head = f"{escape(name)} <span class='badge {severity}'>{severity}, {len(found)}</span>"
        parts.append(f"<h2 id='{escape(name)}'>{head}</h2><p>{escape(known[name].advice)}</p>")
        parts.append(_strips(found, pictures or {}))
        listed = [(one.files[0] if one.files else "", one.what, ", ".join(one.files[1:])) for one in found]
        lines = table(["file", "finding", "with"], listed, f"findings of {name}")
        parts.append(f"<details{' open' * (len(found) <= _SHOWN)}><summary>all {len(found)}</summary>{lines}</details>")
    return "".join(parts) or "<p>Nothing was found.</p>"


def _strips(found: Sequence[LintFinding], pictures: Mapping[str, LintRecord]) -> str:
    figures = []
    for finding in found[:_SHOWN]:
        records = list({id(r): r for name in finding.files if (r := pictures.get(name)) and r.thumbnail}.values())
        figures += [picture(record.thumbnail, record.item.name) for record in records]
    return f"<div class=wall>{''.join(figures)}</div>" if figures else ""
