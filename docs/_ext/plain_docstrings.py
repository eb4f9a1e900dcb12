"""Docstrings, signatures and help texts as Sphinx reads them.

Tables and fences of Markdown become directives, array types have their short names, and ``*`` is a star.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sphinx.application import Sphinx


def directives(lines: list[str]) -> Iterator[str]:
    """The lines with Markdown tables as ``list-table`` and fenced blocks as ``code-block``."""
    rows: list[str] = []
    fenced = False
    for line in [*lines, ""]:
        text = line.strip()
        if text.startswith("|") and text.endswith("|") and not fenced:
            rows.append(line)
            continue
        if rows:
            yield from _table(rows)
            rows = []
        if text.startswith("```"):
            fenced = not fenced
            margin = line[: len(line) - len(line.lstrip())]
            yield from ([f"{margin}.. code-block:: {text[3:] or 'text'}", ""] if fenced else [""])
        else:
            yield "    " + line if fenced and text else line


def _table(rows: list[str]) -> Iterator[str]:
    margin = rows[0][: len(rows[0]) - len(rows[0].lstrip())]
    yield from (f"{margin}.. list-table::", f"{margin}   :header-rows: 1", "")
    for row in rows:
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        if all(re.fullmatch(":?-+:?", cell) for cell in cells):
            continue
        for number, cell in enumerate(cells):
            # Spaces inside of bars make empty cells; a lone dash would be a list.
            yield f"{margin}   {'*' if not number else ' '} - {'–' if cell == '-' else cell}".rstrip()
    yield ""


def _docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = list(directives(lines))


def _help(app: Sphinx, context: Any, lines: list[str]) -> None:
    lines[:] = [line if line.lstrip().startswith("..") else line.replace("*", "\\*") for line in lines]


#: Array types of aimkit.types by what autodoc writes for them.
_ARRAYS = {
    "~numpy.ndarray[tuple[~typing.Any, ...], ~numpy.dtype[~numpy.uint8]]": "UInt8",
    "~numpy.ndarray[tuple[~typing.Any, ...], ~numpy.dtype[~numpy.float32]]": "Float",
    "~numpy.ndarray[tuple[~typing.Any, ...], ~numpy.dtype[~typing.Any]]": "Array",
}


def _signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Signatures with the names of array types."""
    for long, short in _ARRAYS.items():
        signature = signature and signature.replace(long, short)
        returns = returns and returns.replace(long, short)
    return signature, returns


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all."""
    # Before napoleon, which takes what is indented in a section as it is.
    app.connect("autodoc-process-docstring", _docstring, priority=400)
    app.connect("autodoc-process-signature", _signature)
    for part in ("description", "options", "epilog"):
        app.connect(f"sphinx-click-process-{part}", _help)
    return {"parallel_read_safe": True}
