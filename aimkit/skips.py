"""Failures of single items among many: skipped, counted, reported with their reasons, and bounded. The same everywhere.

Every command that works through many items (photos, source images, evaluation images, shards) treats a failing one
alike: the item is skipped, the rest goes on, the end says how many were skipped and why, and a file beside the output
lists all of them. ``--strict`` turns skipped items into exit code 3. When every item fails, the command fails.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.printable import on_one_line

#: Exit code of a command that skipped items under ``--strict``.
STRICT_EXIT = 3

#: Items that are shown on screen; the file lists all.
SHOWN = 10


class Skip(NamedTuple):
    """A skipped item.

    Attributes:
        name: What it is called: a path, an id.
        reason: Why it was skipped, in one sentence, with the hint if there is one.
    """

    name: str
    reason: str


@dataclass
class Skips:
    """The items that a piece of work left out.

    Attributes:
        noun: What an item is, in the singular: "photo", "source image".
        rows: Every skipped item, in the order of the work.
        paths: File by name, of the items whose name does not say it.
    """

    noun: str
    rows: list[Skip] = field(default_factory=list)
    paths: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, name: str | Path, problem: AimkitError | str, path: object = "") -> None:
        """Count an item as skipped."""
        reason = problem if isinstance(problem, str) else reason_of(problem, str(name), str(path))
        self.rows.append(Skip(str(name), reason))
        if str(path) not in ("", str(name)):
            self.paths[str(name)] = str(path)

    def extend(self, other: Skips) -> None:
        """Count the items that another piece of work skipped."""
        self.rows += other.rows
        self.paths |= other.paths

    @contextmanager
    def guard(self, name: str | Path) -> Iterator[None]:
        """Skip the item on any error. Write outputs outside of it.

        An unexpected exception is also only this item's failure; ``-v`` shows its traceback.
        """
        try:
            yield
        except AimkitError as error:
            self.add(name, error)
        except MemoryError:
            self.add(name, "not enough memory")
        except Exception as error:
            console.detail(traceback.format_exc())
            first = str(error).strip().split("\n")[0][:200]
            self.add(name, f"{type(error).__name__}: {first}" if first else type(error).__name__)

    def tell(self, total: int, file: Path | None = None) -> None:
        """Warn about what was skipped, and list all of it in a file.

        Args:
            total: Items of the work, the skipped ones included.
            file: Gets one line an item: name, tab, reason. Nothing is written when nothing was skipped.

        Raises:
            AimkitError: The file can't be written.
        """
        if not self.rows:
            return
        console.warn(f"{len(self.rows)} of {total} {self.noun}s skipped")
        for line in lines(self.rows):
            console.warn(f"  {line}")
        if file is not None:
            write_bytes(file, self.text().encode())
            if len(self.rows) > SHOWN:
                console.warn(f"  all of them: {file}")

    def text(self) -> str:
        """All items, one per line: path or name, tab, reason."""
        return "".join(
            f"{on_one_line(self.paths.get(name, name))}\t{on_one_line(reason)}\n" for name, reason in self.rows
        )

    def check(self, total: int, limit: float = 1.0, hint: str = "") -> None:
        """Stop when too much was skipped.

        Args:
            total: Items of the work, the skipped ones included.
            limit: Largest share of skipped items, above 0; everything skipped is always too much.
            hint: How to raise the limit.

        Raises:
            AimkitError: With the first reasons.
        """
        count = len(self.rows)
        if count and (count >= total or count > limit * total):
            reasons = "\n  ".join(lines(self.rows, 3))
            what = f"{count} of {total} {self.noun}s were skipped:\n  {reasons}"
            raise AimkitError(what, hint=hint, exit_code=1)

    def exit_code(self, strict: bool) -> int:
        """0, or 3 when items were skipped and that is not allowed."""
        return STRICT_EXIT if strict and self.rows else 0


def lines(rows: Sequence[Skip], shown: int = SHOWN) -> list[str]:
    """Short lines for people: the first items with their reasons, and how many more there are."""
    texts = [f"{on_one_line(name)}: {on_one_line(reason)}" for name, reason in rows[:shown]]
    return texts + ([f"... and {len(rows) - shown} more"] if len(rows) > shown else [])


def reason_of(error: AimkitError, *known: str) -> str:
    """What an error says, on one line: its hint too, and its place unless that is known."""
    where = f" ({error.where})" if error.where and error.where not in known else ""
    return f"{error.what}{where}" + (f"; {error.hint}" if error.hint else "")
