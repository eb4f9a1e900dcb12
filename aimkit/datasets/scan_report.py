"""The report of a scan: what was used, what was left out, and why."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

from aimkit import console


@dataclass
class ScanReport:
    """What a source found, used and left out.

    Attributes:
        source: Title of the source.
        where: Its folder or dataset.
        found: Number of candidates.
        used: Number of items left after skipping and splitting.
        excluded: Number of files that the recipe excludes.
        skipped: (id, reason) of every candidate that can't be used.
        warnings: (id, reason) of every item that is used although something about it looks wrong.
        duplicates: (id, id) of foregrounds that look nearly the same.
        divided: Those pairs of ``duplicates`` that lie on different sides of the split.
        types: Number of items of each image type.
        notes: Further lines to show.
    """

    source: str
    where: str = ""
    found: int = 0
    used: int = 0
    excluded: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    divided: list[tuple[str, str]] = field(default_factory=list)
    types: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def lines(self, limit: int = 3) -> list[str]:
        """Short lines for people, with at most ``limit`` names each; ``to_json`` has all names."""
        return [self._summary(), *self._news(limit), *self._troubles(limit)]

    def tell(self) -> None:
        """Warn about what was left out; only in the main process, since its workers open the same sources."""
        if multiprocessing.parent_process() is None:
            for line in [self._summary(), *self._news()]:
                console.detail(line)
            for line in self._troubles():
                _warn_once(self.where, f"{self.source}: {line}")

    def why_empty(self) -> str:
        """Say why nothing is left to use."""
        if not self.found:
            return "it has no images"
        usable = self.found - len(self.skipped)
        if usable:
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

    def _troubles(self, limit: int = 3) -> list[str]:
        troubles = []
        for title, rows in (("skipped", self.skipped), ("doubtful", self.warnings)):
            for kind, count in Counter(_kind(reason) for _, reason in rows).most_common():
                names = [name for name, reason in rows if _kind(reason) == kind]
                troubles.append(f"{count} {title}, {kind}: {_few(names, limit)}")
        if self.divided:
            few = _few(self.divided, limit)
            troubles.append(f"{len(self.divided)} pairs look alike but lie in train and val: {few}")
        return troubles + self.notes


@cache
def _warn_once(where: str, text: str) -> None:
    """Warn once per text: validation opens the same sources again and again."""
    console.warn(text)


def _kind(reason: str) -> str:
    return reason.partition(":")[0]


def _few(names: Sequence[str | tuple[str, str]], limit: int) -> str:
    texts = [name if isinstance(name, str) else " = ".join(name) for name in names[:limit]]
    return ", ".join(texts) + (", ..." if len(names) > limit else "")
