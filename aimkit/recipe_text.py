"""A recipe as text: a file with only the keys that say something, and the overrides between two recipes."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aimkit.controls import attribute_notes, controls
from aimkit.overrides import NAME_KEYS
from aimkit.recipe import Block, Recipe

#: Keys that say which class reads a table; they are written even where they have their default.
_NAMING = ("kind", "source", "mode", "step", "generator", "transform")
_WIDTH = 100


def essential(block: Block) -> dict[str, Any]:
    """The keys of a table that differ from their defaults, as plain data; parsed again, they give the same table."""
    found: dict[str, Any] = {}
    for key, field in type(block).model_fields.items():
        value = getattr(block, key)
        if value is None or (key not in _NAMING and value == field.get_default(call_default_factory=True)):
            continue
        plain = _plain(value)
        if plain != {} or isinstance(value, dict):
            found[key] = plain
    return found


def recipe_toml(recipe: Recipe, purpose: str, run: str, before: Mapping[str, Any] | None = None) -> str:
    """Write a recipe as a commented TOML file.

    Args:
        recipe: The recipe.
        purpose: First line of the file's head: what the recipe is for.
        run: The command that uses the file.
        before: Essential keys of the recipe that it was made from; what they were is noted where they differ.

    Returns:
        The file's text. Keys that have their defaults are left out; the others are explained.
    """
    head = [f"# {purpose}", "#", f"# Run: {run}", "#", "# Keys that are left out have their defaults."]
    return "\n".join([*head, "", *_table(recipe, essential(recipe), before, "", set())]).rstrip() + "\n"


def overrides_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The overrides, ``key=value`` texts, that turn the plain data of one recipe into that of another.

    Args:
        before: Data of a recipe, as its file has it.
        after: Data of the wanted recipe. A key that is only in ``before`` keeps its value, since overrides remove none.
    """
    return list(_changes(before, after, ""))


def as_toml(value: Any) -> str:
    """Plain data as a TOML value in one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {as_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Block):
        return essential(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value


def _table(
    block: Block, data: Mapping[str, Any], before: Mapping[str, Any] | None, path: str, told: set[str]
) -> Iterator[str]:
    """The lines of a table: plain keys first, then the tables in it, as TOML wants it; each note is told once."""
    notes, later = attribute_notes(type(block)), []
    ranges = {control.key for control in controls(type(block)) if control.kind == "range"}
    for key, value in data.items():
        held = getattr(block, key)
        tables = [held] if isinstance(held, Block) else held if isinstance(held, list) and held else []
        if tables and all(isinstance(one, Block) for one in tables) and "." not in path:
            later.append((key, tables, isinstance(held, Block)))
            continue
        note = notes.get(key, "") if key not in _NAMING else ""
        if note and note not in told:
            told.add(note)
            yield from _comment(note)
        changed = before is not None and before.get(key) != value and key not in _NAMING
        was = f"  # was {as_toml(before[key])}" if changed and before is not None and key in before else ""
        yield f"{_key(key)} = {as_toml(_short(value) if key in ranges else value)}{was}"
    for key, tables, single in later:
        name, old = f"{path}{key}", (before or {}).get(key)
        for number, one in enumerate(tables):
            row = old if single else _same(old, number, essential(one))
            yield ""
            yield f"[{name}]" if single else f"[[{name}]]"
            yield from _table(one, essential(one), row if isinstance(row, Mapping) else None, f"{name}.", told)


def _same(rows: Any, number: int, wanted: Mapping[str, Any]) -> Any:
    """The earlier row that a row of a list came from: the one of the same name, by order among them."""
    if not isinstance(rows, list):
        return None
    name = _name(wanted)
    named = [row for row in rows if isinstance(row, Mapping) and _name(row) == name]
    return named[0] if len(named) == 1 else rows[number] if number < len(rows) and _name(rows[number]) == name else None


def _name(row: Any) -> str:
    return next((str(row[key]) for key in NAME_KEYS if key in row), "") if isinstance(row, Mapping) else str(row)


def _comment(text: str) -> Iterator[str]:
    """The first sentences of a note, as far as they fit into two lines."""
    lines = textwrap.wrap(text, _WIDTH)
    if len(lines) > 2:
        kept = " ".join(lines[:2])
        end = max(kept.rfind(". "), kept.rfind("; "), kept.rfind(": "))
        lines = textwrap.wrap(kept[:end] if end > _WIDTH // 2 else kept + " ...", _WIDTH + 4)
    return (f"# {line}" for line in lines)


def _short(value: Any) -> Any:
    """A range of one value as that value."""
    return value[0] if isinstance(value, list) and value[0] == value[1] else value


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[str]:
    for key, value in after.items():
        old, at = before.get(key), f"{path}{key}"
        if old == value:
            continue
        if isinstance(old, Mapping) and isinstance(value, Mapping) and set(old) <= set(value) and "." not in key:
            yield from _changes(old, value, f"{at}.")
        elif _same_rows(old, value):
            for position, (row, new) in enumerate(zip(old or (), value, strict=True)):
                yield from _changes(row, new, f"{at}.{_address(value, position)}.")
        else:
            yield f"{at}={as_toml(value)}"


def _same_rows(old: Any, new: Any) -> bool:
    """Whether two lists hold tables of the same names in the same order, so that overrides can reach into them."""
    if not isinstance(old, Sequence) or not isinstance(new, Sequence) or isinstance(old, str) or len(old) != len(new):
        return False
    pairs = list(zip(old, new, strict=True))
    if not all(isinstance(a, Mapping) and isinstance(b, Mapping) and set(a) <= set(b) for a, b in pairs):
        return False
    return all(_name(a) == _name(b) for a, b in pairs)


def _address(rows: Sequence[Mapping[str, Any]], position: int) -> str:
    """How an override names a row: by its name if no other row has that one, else by position."""
    name = _name(rows[position])
    unique = [_name(row) for row in rows].count(name) == 1
    return name if unique and name.replace("_", "").isalnum() and not name.isdigit() else str(position)
