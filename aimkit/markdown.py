"""Markdown with YAML front matter, for cards: names and notes from elsewhere stay text, whatever they hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from aimkit.printable import on_one_line, printable

#: What begins markup inside a line: emphasis, code, links, pictures, HTML, entities, cells. An underscore within a word
#: is a letter.
_INLINE = re.compile(r"[\\`*\[\]|~]|__+|(?<!\w)_|_(?!\w)")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(value: object) -> str:
    """A value as plain text inside a line or a cell."""
    text = re.sub(r"[&<>]", lambda match: _ENTITIES[match[0]], on_one_line(str(value)))
    return _INLINE.sub(lambda match: "".join(f"\\{sign}" for sign in match[0]), text).strip()


def paragraphs(text: str) -> str:
    """Notes in several lines as plain text; a line can't become a heading, a list, a rule or front matter."""
    lines = [escape(line) for line in printable(text).strip().split("\n")]
    return "\n".join(re.sub(r"^(\d{1,9}(?=[.)])|[#+=-])", _unmarked, line) for line in lines)


def table(columns: Sequence[object], rows: Sequence[Sequence[object]], marks: Sequence[str] = ()) -> str:
    """A table; every value is escaped.

    Args:
        columns: Names of the columns.
        rows: Values, as many as columns.
        marks: Alignment of each column, "---" or "---:"; all on the left by default.
    """
    lines = [[escape(cell) or " " for cell in line] for line in (columns, *rows)]
    lines.insert(1, list(marks or ["---"] * len(columns)))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fenced(text: str, language: str = "") -> str:
    """A block of code; its fence is longer than any inside the text."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{printable(text)}\n{fence}"


def front_matter(entries: Mapping[str, object]) -> str:
    """YAML front matter of texts, numbers, lists and tables; every text is quoted where it needs to be."""
    return "\n".join(["---", *_yaml(entries), "---"])


def _yaml(value: object) -> list[str]:
    """The lines of a value in YAML's block style."""
    lines: list[str] = []
    if isinstance(value, Mapping):
        for key, inner in value.items():
            shown = _yaml(inner)
            if isinstance(inner, Mapping):
                lines += [f"{yaml_text(key)}:", *(f"  {line}" for line in shown)]
            elif isinstance(inner, list | tuple):
                lines += [f"{yaml_text(key)}:", *shown]
            else:
                lines.append(f"{yaml_text(key)}: {shown[0]}")
        return lines
    if isinstance(value, list | tuple):
        for part in value:
            first, *rest = _yaml(part)
            lines += [f"- {first}", *(f"  {line}" for line in rest)]
        return lines
    if isinstance(value, int | float):
        # YAML takes 1e-05 for a text.
        return [re.sub(r"^(-?\d+)e", r"\1.0e", json.dumps(value))]
    return [yaml_text(value)]


def yaml_text(value: object) -> str:
    """A YAML scalar that is read back as this text, hidden characters aside."""
    text = printable(str(value))
    plain = re.fullmatch(r"[A-Za-z][\w ./+<>-]*[\w+]", text) is not None
    words = text.lower() in ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
    # JSON is YAML, and a double-quoted text has no line breaks of its own.
    return text if plain and not words else json.dumps(text, ensure_ascii=False)


def _unmarked(match: re.Match[str]) -> str:
    return f"{match[0]}\\" if match[0].isdigit() else f"\\{match[0]}"
