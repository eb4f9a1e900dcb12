"""The report of comparing a folder with a published dataset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aimkit.datasets.catalog import PublishedSet
from aimkit.datasets.catalog.layout import Located
from aimkit.storage import Place


@dataclass(frozen=True)
class Finding:
    """One difference between a folder and the published dataset.

    Attributes:
        kind: What is wrong, the same text for findings of one sort, such as "no matte".
        name: Name of the image; "" when the finding concerns the whole part.
        detail: Further details, or "".
    """

    kind: str
    name: str = ""
    detail: str = ""


@dataclass
class PartReport:
    """The findings for one part of a dataset.

    Attributes:
        located: The part and its folders.
        found: Number of complete pairs, or of backgrounds.
        problems: Findings that make the part differ from the published one.
        warnings: Findings that do not.
        types: Number of images of each type, as the types file says or as inferred from the mattes.
        types_from: Path of the types file, "mattes", or "" when types were not checked.
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
    """The findings for a folder that should hold a published dataset.

    Attributes:
        published: The dataset.
        root: The folder.
        parts: Reports of the parts that were found.
        absent: Names of the parts that were not found.
    """

    published: PublishedSet
    root: Place
    parts: list[PartReport]
    absent: list[str]

    @property
    def ok(self) -> bool:
        """Whether the folder holds the dataset as published."""
        return not self.absent and not any(part.problems for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values."""
        return {
            "set": self.published.name,
            "root": str(self.root),
            "ok": self.ok,
            "parts": [part.to_json() for part in self.parts],
            "absent": self.absent,
        }


def grouped(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Group findings by kind: ``kind``, ``count`` and ``names`` (with details)."""
    groups: dict[str, list[str]] = {}
    for finding in findings:
        text = f"{finding.name}: {finding.detail}" if finding.name and finding.detail else finding.name
        groups.setdefault(finding.kind, []).append(text or finding.detail)
    return [{"kind": kind, "count": len(names), "names": names} for kind, names in groups.items()]
