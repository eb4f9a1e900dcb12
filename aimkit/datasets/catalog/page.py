"""The page of a published dataset, and the recipe lines and commands that use it."""

from __future__ import annotations

import json
import re
import shlex

from aimkit import resources
from aimkit.datasets.catalog import DatasetPart, PublishedSet
from aimkit.datasets.catalog.layout import LABELS, expected
from aimkit.recipe import find, header

#: What a part is used for, in words.
USES = {
    "foregrounds": "foregrounds of composites",
    "backgrounds": "backgrounds of composites",
    "saliency": "images and masks for the saliency stage",
    "evaluation": "data to evaluate on",
}


def page(published: PublishedSet) -> str:
    """Everything the catalog knows about a dataset, as plain text."""
    types = ", ".join(published.types) + (f"; category {published.category}" if published.category else "")
    facts = [
        ("page", published.page),
        ("get it", published.get),
        ("or", mirror_text(published)),
        ("terms", published.terms),
        ("types", types),
        ("cite", published.paper),
    ]
    lines = [f"{published.title} ({', '.join([published.name, *published.aliases])})", "", published.about, ""]
    lines += [f"{name:<8}{text}" for name, text in facts if text]
    lines += ["", "As published:", *_tree(published), "", "In aimkit:"]
    for part in published.parts:
        lines.append(f"  {part.name}: {USES[part.use]}")
        others = [layout for layout in part.layouts if layout.by]
        lines += [f"    also read: {expected(layout)} (as arranged by {layout.by})" for layout in others]
        for recipe in part.recipes:
            lines.append(f"    {command(recipe, published, part)}")
            lines.append(f"      {header(find(recipe)).splitlines()[0]}")
    lines += ["", f"Check it: aimkit catalog check {published.name} DIR"]
    if published.notes:
        lines += ["", published.notes.strip()]
    return "\n".join(lines)


def mirror_text(published: PublishedSet) -> str:
    """What the mirrors of a dataset give, and the command that fetches it; "" if it has none."""
    if not published.mirrors:
        return ""
    held = ", ".join(f"{mirror.part} from {mirror.hub} ({mirror.licence})" for mirror in published.mirrors)
    return f"aimkit catalog get {published.name} -o DIR: {held}"


def recipe_lines(published: PublishedSet, part: DatasetPart, root: str) -> list[str]:
    """Recipe lines that use a part found below ``root``."""
    if part.use == "evaluation":
        return ["[data]", f"kind = {_quoted(part.evaluate)}", f"root = {_quoted(root)}"]
    table = {"foregrounds": "[[foregrounds]]", "backgrounds": "[[backgrounds]]", "saliency": "[data.train]"}[part.use]
    lines = [table, 'source = "catalog"', f"set = {_quoted(published.name)}", f"path = {_quoted(root)}"]
    first = next(one for one in published.parts if one.use == part.use)
    return lines if part is first else [*lines[:3], f"part = {_quoted(part.name)}", lines[3]]


def command(recipe: str, published: PublishedSet, part: DatasetPart, root: str = "DIR") -> str:
    """The command that runs a packaged recipe on a part."""
    kind, name = recipe.split("/")
    if kind == "evaluate":
        return f"aimkit evaluate {name} --root {shlex.quote(root)} --weights FILE"
    variables = re.findall(r"\$\{(\w+)\}", resources.recipes()[recipe].read_text(encoding="utf-8"))
    values = {published.variable: shlex.quote(root)}
    exports = " ".join(f"{variable}={values.get(variable, '...')}" for variable in dict.fromkeys(variables))
    out = "out" if kind == "synth" else "runs"
    return f"{exports} aimkit {kind} {name} -o {out}/{name}"


def _tree(published: PublishedSet) -> list[str]:
    """The folders of the authors' layout, with counts."""
    rows: dict[str, str] = {f"{published.title}/": ""}
    for part in published.parts:
        layout = part.layouts[0]
        path = f"{published.title}/"
        for name in filter(None, layout.folder.split("/")):
            path += f"{name}/"
            rows.setdefault(path, "")
        rows[path] = f"{part.count:,} {'images' if part.use == 'backgrounds' else 'pairs'}"
        for role in LABELS:
            rows |= {f"{path}{name}/": f"{LABELS[role]}s" for name in getattr(layout, role) if name != "."}
        if part.types_file:
            rows[path + part.types_file] = "types and categories"
    lines = []
    for path, text in rows.items():
        parent, name = re.fullmatch(r"(.*/)?([^/]+/?)", path).groups()  # type: ignore[union-attr]
        if parent and parent not in rows:
            # Nested folders such as "Other/fg/" have no row of their own; they are shown whole.
            upper = max((row for row in rows if path.startswith(row) and row != path), key=len)
            parent, name = upper, path[len(upper) :]
        depth = parent.count("/") if parent else 0
        lines.append(f"{'  ' * (depth + 1)}{name:<{38 - 2 * depth}}{text}".rstrip())
    return lines


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
