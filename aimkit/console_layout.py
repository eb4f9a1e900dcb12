"""Fits tables into the width of a terminal: text wraps, columns are left out or moved below, numbers stay whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Blanks between columns.
GAP = 2


@dataclass(frozen=True)
class TableBlock:
    """Columns that are printed side by side.

    Attributes:
        positions: Position of each of them in the table.
        widths: Their widths in characters, in the same order.
    """

    positions: tuple[int, ...]
    widths: tuple[int, ...]


def arrange(
    columns: Sequence[str], cells: Sequence[Sequence[str]], width: int, drop: Sequence[str] = ()
) -> tuple[list[TableBlock], list[str]]:
    """Arrange a table in a terminal.

    Text wraps between words; a word is broken only where it is longer than half the terminal. When the columns do not
    fit then, those that may be left out are, one after the other. What still doesn't fit goes into blocks below, each
    with the first column.

    Args:
        columns: Titles.
        cells: Texts, by row.
        width: Width of the terminal in characters.
        drop: Titles of the columns to leave out, the least important first.

    Returns:
        The blocks, and the titles of the columns that are left out.
    """
    least = [_least([title, *(row[at] for row in cells)], width) for at, title in enumerate(columns)]
    natural = [max(_length(text) for text in (title, *(row[at] for row in cells))) for at, title in enumerate(columns)]
    # Names in the first column stay on one line.
    least[:1] = [min(natural[0], width // 2)]
    kept, dropped = list(range(len(columns))), []
    for title in drop:
        if _total([least[at] for at in kept]) <= width:
            break
        kept.remove(list(columns).index(title))
        dropped.append(title)
    blocks: list[list[int]] = [kept[:1]]
    for at in kept[1:]:
        if len(blocks[-1]) > 1 and _total([least[one] for one in (*blocks[-1], at)]) > width:
            blocks.append(kept[:1])
        blocks[-1].append(at)
    return [TableBlock(tuple(block), _widths(block, least, natural, width)) for block in blocks], dropped


def _widths(block: Sequence[int], least: Sequence[int], natural: Sequence[int], width: int) -> tuple[int, ...]:
    """The least widths, and what is left over for the columns that would be wider, in equal parts."""
    widths = {at: least[at] for at in block}
    spare = width - _total(list(widths.values()))
    while spare > 0 and (wanting := [at for at in block if widths[at] < natural[at]]):
        for at in wanting[:spare]:
            widths[at] += 1
        spare -= min(spare, len(wanting))
    return tuple(widths.values())


def _least(texts: Sequence[str], width: int) -> int:
    """The longest word, but not more than half the terminal."""
    longest = max((_length(word) for text in texts for word in text.split()), default=1)
    return min(longest, width // 2)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _length(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
