"""Boards as tables, Markdown and a page."""

from __future__ import annotations

from aimkit import html, markdown
from aimkit.evaluate.tables import TITLES
from aimkit.publish.board import BoardRow, Standings

Table = tuple[list[str], list[list[str]]]
BELOW = "Not ranked"


def ranked_table(found: Standings) -> Table:
    """The rows with a rank, the best first."""
    columns = ["rank", "method", *_titles(found), "training data", "protocol", "source"]
    rows = [
        [str(rank), row.method, *_values(row, found), row.training, row.protocol, row.source]
        for rank, row in enumerate(found.ranked, 1)
    ]
    return columns, rows


def below_table(found: Standings) -> Table:
    """The rows without a rank, and why they have none."""
    columns = ["method", *_titles(found), "why not ranked", "training data", "protocol", "source"]
    rows = [
        [row.method, *_values(row, found), why, row.training or "not known", row.protocol or "-", row.source]
        for row, why in found.below
    ]
    return columns, rows


def as_markdown(found: Standings) -> str:
    """A board as Markdown."""
    board = found.board
    parts = [f"# {markdown.escape(board.title)}", markdown.escape(board.about), f"Test set: <{board.page}>"]
    parts += [_marked(ranked_table(found))] if found.ranked else ["No ranked results yet."]
    if found.below:
        parts += [f"## {BELOW}", _marked(below_table(found))]
    parts += [markdown.paragraphs(board.notes)] if board.notes else []
    return "\n\n".join(parts) + "\n"


def as_page(found: Standings) -> str:
    """A board as a page that needs no other file."""
    board = found.board
    body = f"<h1>{html.escape(board.title)}</h1><p>{html.escape(board.about)}</p>"
    body += f"<p>{html.escape(board.page)}</p>"
    body += html.table(*ranked_table(found), "ranked results") if found.ranked else "<p>No ranked results yet.</p>"
    if found.below:
        body += f"<h2>{BELOW}</h2>{html.table(*below_table(found), 'results without a rank')}"
    body += f"<p>{html.escape(board.notes)}</p>" if board.notes else ""
    return html.page(f"{board.title}: results", body)


def _titles(found: Standings) -> list[str]:
    return [TITLES[name][0] for name in found.board.metrics]


def _values(row: BoardRow, found: Standings) -> list[str]:
    return [f"{row.values[name]:.{TITLES[name][1]}f}" if name in row.values else "-" for name in found.board.metrics]


def _marked(table: Table) -> str:
    columns, rows = table
    numeric = {"rank", *(title for title, _ in TITLES.values())}
    return markdown.table(columns, rows, ["---:" if name in numeric else "---" for name in columns])
