"""The directive ``recipe-keys``: tables of a recipe's keys, made from its pydantic models and their docstrings."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any, get_args

from docutils import nodes
from docutils.parsers.rst import Directive
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx

OWN_TABLE = "see its own table"


def attribute_docs(model: type) -> dict[str, str]:
    """The descriptions in the ``Attributes:`` sections of a class and its bases, by name."""
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        text = inspect.cleandoc(owner.__doc__ or "")
        section = re.search(r"^Attributes:\n((?:(?: .*)?\n?)*)", text, re.MULTILINE)
        if not section:
            continue
        for name, body in re.findall(r"^ {4}(\w+): ((?:.+\n?)(?: {8}.+\n?)*)", section[1], re.MULTILINE):
            found[name] = " ".join(body.split())
    return found


def default_text(field: FieldInfo) -> str:
    """The default of a field, as TOML would show it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return OWN_TABLE
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(str, value)) + "]"
    return repr(value) if not isinstance(value, str) else f'"{value}"'


def model_table(model: Any) -> nodes.table:
    """A table with key, default and meaning of every field of a model."""
    docs = attribute_docs(model)
    table = nodes.table()
    group = nodes.tgroup(cols=3)
    table += group
    for width in (20, 20, 60):
        group += nodes.colspec(colwidth=width)
    head, body = nodes.thead(), nodes.tbody()
    group += [head, body]
    head += _row([nodes.Text("key"), nodes.Text("default"), nodes.Text("meaning")])
    for name, field in model.model_fields.items():
        # A table of its own is no readable default.
        text = default_text(field)
        short = len(text) <= 60 and text != OWN_TABLE
        default = nodes.literal("", text) if short else nodes.Text(OWN_TABLE)
        meaning = nodes.Text(docs.get(name, field.description or "").replace("``", ""))
        body += _row([nodes.literal("", name), default, meaning])
    return table


def nested(model: Any, path: str) -> list[nodes.section]:
    """A section for every field that is a table of its own."""
    result = []
    for name, field in model.model_fields.items():
        # A table that may be left out is "X | None".
        parts = [part for part in get_args(field.annotation) if part is not type(None)]
        inner = parts[0] if len(parts) == 1 else field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and inner.model_fields:
            title = nodes.title("", "", nodes.Text("Table "), nodes.literal("", name))
            result.append(model_section(inner, title, f"{path}-{name}"))
    return result


def model_section(model: Any, title: nodes.title, name: str) -> nodes.section:
    """A title, the first paragraph of a model's docstring, and its table."""
    section = nodes.section(ids=[nodes.make_id(name)])
    section += title
    summary = inspect.cleandoc(model.__doc__ or "").split("\n\n")[0]
    section += nodes.paragraph("", " ".join(summary.split()).replace("``", ""))
    section += model_table(model)
    return section


def _row(cells: list[nodes.Node]) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        entry, paragraph = nodes.entry(), nodes.paragraph()
        paragraph += cell
        entry += paragraph
        row += entry
    return row


class RecipeKeys(Directive):
    """``recipe-keys:: package.module:NAME``, where NAME is a model, or a registry, for all of its entries."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Build the tables."""
        module, name = self.arguments[0].split(":")
        found = getattr(importlib.import_module(module), name)
        if isinstance(found, type):
            return [model_table(found), *nested(found, name)]
        from aimkit.recipe import block_of

        result: list[nodes.Node] = []
        for key in found.list():
            block = block_of(found.get(key))
            result.append(model_section(block, nodes.title("", key), f"{name}-{key}"))
        return result


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("recipe-keys", RecipeKeys)
    return {"parallel_read_safe": True}
