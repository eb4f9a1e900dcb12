"""Exclude lists, as the recipes' key ``exclude`` reads them: written from marked items, and read back as marks."""

from __future__ import annotations

import glob
from collections.abc import Collection

from aimkit.browse.browsed import BrowsedItem, BrowsedSet
from aimkit.datasets.exclude import PATTERN, ExcludeList, without_suffix

_HEADER = """# Left out of {title}: {count} of {total}.
# For recipes and streams: exclude = "this file"
"""


def exclude_text(found: BrowsedSet, marked: Collection[int], title: str = "") -> str:
    """The exclude list of the items at some positions.

    Args:
        found: The set.
        marked: Positions of the items to leave out.
        title: Name of the set for the comment at the top.
    """
    shown = " ".join((title or found.title).split())
    lines = [_HEADER.format(title=shown, count=len(marked), total=len(found.items))]
    lines += [f"{_line(entry)}\n" for place in sorted(marked) for entry in found.items[place].entries]
    return "".join(lines)


def marked_by(found: BrowsedSet, exclude: ExcludeList) -> set[int]:
    """Positions of the items that an exclude list names."""
    owners: dict[str, BrowsedItem] = {entry: item for item in found.items for entry in item.entries}
    root = found.target.root or ""
    return {owners[name].position for name in exclude.select([(e, without_suffix(e)) for e in owners], root)}


def _line(entry: str) -> str:
    """An entry as a line of the list, which is one line, and neither a comment nor a pattern by accident."""
    if "\n" in entry or "\r" in entry:
        # A pattern knows the folders below the recipe's only, which may be any of these.
        return PATTERN + glob.escape(entry.rpartition("/")[2]).replace("\n", "?").replace("\r", "?")
    return f"./{entry}" if entry.startswith(("#", PATTERN)) or entry != entry.strip() else entry
