"""Every number of a recipe has both bounds, every text and list a length, in every block that a recipe can hold."""

from __future__ import annotations

import importlib
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as at
import pytest
from pydantic import StringConstraints

from aimkit.bounds import Within
from aimkit.recipe import KINDS, Block
from aimkit.registry import Registry


def registries() -> list[Registry[Any]]:
    """All registries whose entries read a table of a recipe."""
    homes = [
        ("aimkit.synth.source", "foreground_sources", "background_sources"),
        ("aimkit.synth.placement", "placements"),
        ("aimkit.synth.steps", "steps"),
        ("aimkit.generators", "generators", "background_generators"),
        ("aimkit.data.streams", "streams"),
        ("aimkit.data.transforms", "transforms"),
        ("aimkit.predict.strategies", "strategies"),
    ]
    return [getattr(importlib.import_module(module), name) for module, *names in homes for name in names]


def recipe_classes() -> list[type[Block]]:
    return [getattr(importlib.import_module(home.split(":")[0]), home.split(":")[1]) for home in KINDS.values()]


def blocks() -> list[type[Block]]:
    """The blocks of recipes and registries, and all that they hold or inherit."""
    todo: list[Any] = recipe_classes()
    for registry in registries():
        for name in registry.list():
            entry = registry.get(name)
            info = entry.info if isinstance(entry.info, dict) else vars(entry.info)
            todo += [entry.value, *info.values()]
    found: dict[type[Block], None] = {}
    while todo:
        one = todo.pop()
        if not (isinstance(one, type) and issubclass(one, Block) and one.__module__.startswith("aimkit")):
            continue
        if one not in found:
            found[one] = None
            todo += one.__bases__
            todo += [leaf for field in one.model_fields.values() for leaf in leaves(field.annotation)]
    return sorted(found, key=lambda block: f"{block.__module__}.{block.__qualname__}")


def leaves(annotation: Any) -> Iterator[Any]:
    """The classes in an annotation."""
    if get_origin(annotation) is Literal:
        return
    if not get_args(annotation):
        yield annotation
    for part in get_args(annotation):
        yield from leaves(part)


def unbounded(annotation: Any, about: tuple[Any, ...] = ()) -> Iterator[str]:
    """What lacks a bound in an annotation; ``about`` is the metadata around it."""
    kind, parts = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        yield from unbounded(parts[0], (*about, *parts[1:]))
    elif kind in (Union, types.UnionType):
        for part in parts:
            yield from unbounded(part, about)
    elif kind is Literal or annotation in (bool, Any, type(None)):
        return
    elif kind in (list, tuple, dict):
        named = kind is dict and get_origin(parts[0]) is Literal
        if not (named or (kind is tuple and Ellipsis not in parts) or _length(about)):
            yield f"{kind.__name__} without a length"
        inner = tuple(one for one in about if isinstance(one, Within))
        for part in parts:
            if part is not Ellipsis:
                yield from unbounded(part, inner)
    elif annotation in (int, float):
        for end in _ends_that_lack(about):
            yield f"{annotation.__name__} without {end}"
    elif annotation is str and not _length(about):
        yield "text without a length"


def _flat(about: tuple[Any, ...]) -> Iterator[Any]:
    for one in about:
        yield one
        yield from getattr(one, "metadata", ())  # a pydantic Field in an Annotated


def _length(about: tuple[Any, ...]) -> bool:
    return any(
        isinstance(one, at.MaxLen | at.Len)
        or (isinstance(one, StringConstraints) and one.max_length is not None)
        or "{64}" in str(getattr(one, "pattern", ""))
        for one in _flat(about)
    )


def _ends_that_lack(about: tuple[Any, ...]) -> list[str]:
    found = list(_flat(about))
    if any(isinstance(one, Within | at.Interval) for one in found):
        return []
    ends = {"a lower bound": at.Ge | at.Gt, "an upper bound": at.Le | at.Lt}
    return [name for name, kinds in ends.items() if not any(isinstance(one, kinds) for one in found)]


@pytest.mark.parametrize("block", blocks(), ids=lambda block: f"{block.__module__}.{block.__qualname__}")
def test_every_field_is_bounded(block: type[Block]) -> None:
    problems = [
        f"{name}: {problem}"
        for name, field in block.model_fields.items()
        for problem in unbounded(field.annotation, tuple(field.metadata))
    ]
    assert problems == []


def test_the_walk_meets_the_blocks_of_every_kind() -> None:
    found = {block.__name__ for block in blocks()}
    assert len(found) > 90
    assert {"SynthRecipe", "TrainRecipe", "EvaluateRecipe", "Labels", "Output", "Canvas", "Fur", "Sky"} <= found


def test_the_walk_sees_what_is_unbounded() -> None:
    from pydantic import Field

    from aimkit.bounds import CanvasSide, Names, Share, Shares, Text
    from aimkit.recipe import Range

    class Example(Block):
        a: int = 0
        b: float = Field(0.0, ge=0)
        c: Range = (0, 1)
        d: str | None = None
        e: tuple[int, ...] = ()
        f: dict[str, Share] = Field(default_factory=dict)
        g: CanvasSide | None = None
        h: Shares = (0, 1)
        i: Names = Field(default_factory=list)
        j: Annotated[tuple[int, ...], Field(max_length=4), Within(0, 9)] = ()
        k: Literal["a", "b"] = "a"
        m: dict[Literal["a"], Share] = Field(default_factory=dict)
        n: Text = ""
        o: bool = False

    fields = Example.model_fields.items()
    wrong = {name for name, field in fields if any(unbounded(field.annotation, tuple(field.metadata)))}
    assert wrong == {"a", "b", "c", "d", "e", "f"}
