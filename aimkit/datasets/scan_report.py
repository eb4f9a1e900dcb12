"""The report of a scan: what was used, what was left out, and why."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aimkit import console
from aimkit.datasets.find import FoundImages
from aimkit.files import write_bytes
from aimkit.skips import SHOWN, Skips, lines
from aimkit.storage import Place

#: The list of everything that sources skipped, beside an output.
SKIPPED = "skipped.txt"


@dataclass
class ScanReport:
    """What a source found, used and left out.

    Attributes:
        source: Title of the source.
        where: Its folder or dataset.
        found: Number of candidates.
        used: Number of items left after skipping and splitting.
        excluded: Number of files that the recipe excludes.
        skips: Every candidate that can't be used, with the reason.
        warnings: (id, reason) of every item that is used although something about it looks wrong.
        duplicates: (id, id) of foregrounds that look nearly the same.
        divided: Those pairs of ``duplicates`` that lie on different sides of the split.
        types: Number of items of each image type.
        others: Number of files that are not images, by suffix.
        notes: Further lines to show.
        facts: What was decided and belongs into the record, such as the scale of the mattes.
    """

    source: str
    where: str = ""
    found: int = 0
    used: int = 0
    excluded: int = 0
    skips: Skips = field(default_factory=lambda: Skips("image"))
    warnings: list[tuple[str, str]] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    divided: list[tuple[str, str]] = field(default_factory=list)
    types: dict[str, int] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """(id, reason) of every candidate that can't be used."""
        return [(row.name, row.reason) for row in self.skips.rows]

    def add(self, found: FoundImages) -> None:
        """Take over what a folder holds besides its images."""
        self.excluded += found.excluded
        self.skips.extend(found.skips)
        self.others += found.others

    def lines(self, limit: int = SHOWN) -> list[str]:
        """Short lines for people, with at most ``limit`` names each; ``to_json`` has all names."""
        return [self._summary(), *self._news(limit), *self._troubles(limit)]

    def tell(self) -> None:
        """Warn about what was left out; only in the main process, since its workers open the same sources."""
        if multiprocessing.parent_process() is not None:
            return
        for line in [self._summary(), *self._news(), *(f"{name}: {fact}" for name, fact in self.facts.items())]:
            console.detail(line)
        # Validation opens the same sources again and again.
        for line in self._troubles():
            if console.first_time(self.where, line):
                console.warn(f"{self.source}: {line}")
        if self.others and console.first_time(self.where, "others"):
            kinds = ", ".join(f"{number} {kind or '(no suffix)'}" for kind, number in _most(self.others))
            console.info(f"{self.source}: {self.others.total()} other files are not images: {kinds}")
        for row in self.skips.rows[SHOWN:]:
            console.detail(f"{row.name}: {row.reason}")

    def why_empty(self) -> str:
        """Say why nothing is left to use."""
        if not self.found:
            return "; ".join(["it has no images", *self._troubles()])
        usable = self.found - len(self.skips)
        if usable > 0:
            return f"all {usable} usable images are on the other side of the split; change split or val_share"
        return "; ".join(self._troubles())

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values."""
        return asdict(self)

    def _summary(self) -> str:
        types = ", ".join(f"{count} {name}" for name, count in self.types.items())
        return f"{self.source}: {self.used} of {self.found} used" + (f" ({types})" if types else "")

    def _news(self, limit: int = 3) -> list[str]:
        news = [f"{self.excluded} excluded"] if self.excluded else []
        if self.duplicates:
            news.append(f"{len(self.duplicates)} pairs look alike: {_few(self.duplicates, limit)}")
        return news

    def _troubles(self, limit: int = SHOWN) -> list[str]:
        troubles = []
        if self.skips:
            troubles += ["\n  ".join([f"{len(self.skips)} skipped:", *lines(self.skips.rows, limit)])]
        for kind, count in Counter(_kind(reason) for _, reason in self.warnings).most_common():
            names = [name for name, reason in self.warnings if _kind(reason) == kind]
            troubles.append(f"{count} doubtful, {kind}: {_few(names, limit)}")
        if self.divided:
            few = _few(self.divided, limit)
            troubles.append(f"{len(self.divided)} pairs look alike but lie in train and val: {few}")
        return troubles + self.notes


def write_skipped(reports: Iterable[ScanReport], target: Place) -> None:
    """List everything that sources skipped in a file beside the output; nothing is written when nothing was."""
    text = "".join(report.skips.text() for report in reports)
    if text and isinstance(target, Path):
        write_bytes(target, text.encode())
        console.info(f"all that was skipped: {target}")


def _most(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:8]


def _kind(reason: str) -> str:
    return reason.partition(":")[0]


def _few(names: Sequence[str | tuple[str, str]], limit: int) -> str:
    texts = [name if isinstance(name, str) else " = ".join(name) for name in names[:limit]]
    return ", ".join(texts) + (", ..." if len(names) > limit else "")
