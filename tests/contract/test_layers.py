"""The shape of the package: imports point one way, no folder takes over, and a class name means one thing."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import aimkit

PACKAGE = Path(aimkit.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

#: Part of the ground floor that is a folder.
EVERYWHERE = {"ground floor", "imageio"}

#: What each folder may import, besides itself and the ground floor (the modules directly in the package).
ALLOWED: dict[str, set[str]] = {
    "imageio": set(),
    "matting": set(),
    "metrics": {"matting"},
    "generators": {"matting"},
    "datasets": {"matting"},
    "synth": {"matting", "generators", "datasets"},
    "render": {"matting", "datasets"},
    "data": {"matting", "generators", "datasets", "synth"},
    "lint": {"matting", "datasets", "synth"},
    "browse": {"matting", "datasets", "lint"},
    "zoo": set(),
    "models": {"zoo"},
    "predict": {"matting", "datasets", "zoo", "models"},
    "evaluate": {"matting", "metrics", "datasets", "zoo", "models", "predict"},
    "train": {"matting", "metrics", "datasets", "synth", "data", "zoo", "models", "predict", "evaluate"},
    "publish": {"datasets", "zoo", "models", "predict", "evaluate", "train"},
}
#: What stands on top of everything else may import all folders but the commands.
ALLOWED["app"] = {*ALLOWED}
ALLOWED["bench"] = {*ALLOWED}
ALLOWED["cli"] = {*ALLOWED}
ALLOWED["ground floor"] = set()

#: Lazy tables of names that point upwards by design: the public names, ``python -m aimkit``, and the kinds of recipes.
UPWARD = {"__init__.py": None, "__main__.py": {"cli"}, "recipe.py": {"synth", "train", "evaluate", "render"}}


def module_of(path: Path) -> str:
    names = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(["aimkit", *(names[:-1] if names[-1] == "__init__" else names)])


def folder_of(module: str, depth: int = 1) -> str:
    """The folder of a dotted name, ``a/b`` at depth 2; "ground floor" for what lies directly in the package."""
    names, folder = module.split(".")[1:], PACKAGE
    found: list[str] = []
    for name in names[:depth]:
        folder = folder / name
        if not folder.is_dir():
            break
        found.append(name)
    return "/".join(found) or "ground floor"


def imported(source: str) -> Iterator[str]:
    """Every module that a source text imports or names in a string: all of ``import``, ``from`` and "aimkit.x:y"."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value.split(":")[0]
            if text.startswith("aimkit.") and all(part.isidentifier() for part in text.split(".")):
                yield text


@cache
def imports_of(path: Path) -> frozenset[str]:
    return frozenset(name for name in imported(path.read_text()) if name.startswith("aimkit."))


def wrong(own: str, names: frozenset[str] | set[str], upward: set[str] | None = frozenset()) -> set[str]:
    """The imports that a folder may not have."""
    if upward is None:
        return set()
    below = {"ground floor"} if own == "ground floor" else EVERYWHERE
    allowed = {own, *below, *ALLOWED[own], *upward}
    return {name for name in names if folder_of(name) not in allowed}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    own = folder_of(module_of(path)) if path.parent != PACKAGE else "ground floor"
    assert own in ALLOWED, f"say in this test what {own} may import"
    upward = UPWARD.get(path.name, set()) if path.parent == PACKAGE else set()
    assert not wrong(own, imports_of(path), upward)


@pytest.mark.parametrize(
    "source",
    [
        "from aimkit.zoo import store",
        "import aimkit.zoo.store",
        "from aimkit import zoo",
        "def f():\n    from aimkit.zoo import store",
        'import importlib\nimportlib.import_module("aimkit.zoo.store")',
        'LAZY = {"a": "aimkit.zoo.store:path"}',
    ],
)
def test_every_way_to_import_is_seen(source: str) -> None:
    names = {name for name in imported(source) if name.startswith("aimkit.")}
    assert wrong("synth", names)
    assert not wrong("publish", names)


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Folders that reach themselves through others."""
    found: list[list[str]] = []

    def walk(at: str, way: list[str]) -> None:
        for to in sorted(edges.get(at, ())):
            if to == way[0]:
                found.append(way)
            elif to not in way and to > way[0]:
                walk(to, [*way, to])

    for start in sorted(edges):
        walk(start, [start])
    return found


def folder_edges(depth: int) -> dict[str, set[str]]:
    edges: dict[str, set[str]] = defaultdict(set)
    for path in FILES:
        own = folder_of(module_of(path), depth)
        if own == "ground floor" or own.count("/") != depth - 1:
            continue
        for name in imports_of(path):
            other = folder_of(name, depth)
            if other != own and other.count("/") == depth - 1 and other != "ground floor":
                edges[own].add(other)
    return edges


@pytest.mark.parametrize("depth", [1, 2])
def test_there_are_no_circles_between_folders(depth: int) -> None:
    assert circles(folder_edges(depth)) == []


def test_a_circle_would_be_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == [["a", "b", "c"]]


def test_no_folder_holds_more_than_a_quarter_of_the_code() -> None:
    lines: Counter[str] = Counter()
    for path in FILES:
        lines[folder_of(module_of(path))] += path.read_text().count("\n")
    assert {name: n for name, n in lines.items() if n > sum(lines.values()) / 4} == {}


def test_models_holds_few_files_beside_its_folders() -> None:
    assert len(list((PACKAGE / "models").glob("*.py"))) <= 12


def test_a_class_name_means_one_thing() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                homes[node.name.lstrip("_")].append(str(path.relative_to(PACKAGE)))
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


def test_the_guide_for_contributors_names_files_that_exist() -> None:
    root = PACKAGE.parent
    text = (root / "CONTRIBUTING.md").read_text()
    paths = set(re.findall(r"`((?:aimkit|tests|recipes|zoo)/[\w/.-]+)", text))
    assert len(paths) > 40
    assert [path for path in sorted(paths) if not (root / path).exists() and "KIND" not in path] == []
