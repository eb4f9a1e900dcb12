"""Controls for the keys of a recipe's tables: what a form, or anything else that edits recipes, needs to know of them.

A table is a class (:class:`aimkit.recipe.Block`); its annotations give types and bounds, its docstring the help.
"""

from __future__ import annotations

import inspect
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from aimkit.bounds import Within
from aimkit.recipe import Block

Kind = Literal["number", "range", "switch", "choice", "choices", "numbers", "shares", "text"]

#: Round numbers in a decade, at which sliders end.
_ROUND = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True)
class Control:
    """What sets one key.

    Attributes:
        key: The key, with the tables that it lies in: ``labels.kernel``.
        kind: ``number``; ``range`` of two numbers; ``switch``; ``choice`` of one, ``choices`` of several; ``numbers``,
            a list; ``shares``, a number for each of ``choices``; or ``text``.
        help: The docstring's words on it.
        default: Its value when it is left out, as plain data; None if there is none.
        optional: Whether None is a value: TOML then leaves the key out.
        whole: Whether numbers are whole.
        low: The least number that is allowed, or None.
        high: The most that is allowed, or None.
        span: Ends of a slider: what is usual, within what is allowed; None where a slider makes no sense.
        step: Step of a slider.
        choices: The names to choose from.
    """

    key: str
    kind: Kind
    help: str = ""
    default: Any = None
    optional: bool = False
    whole: bool = False
    low: float | None = None
    high: float | None = None
    span: tuple[float, float] | None = None
    step: float = 0.01
    choices: tuple[str, ...] = ()


def controls(block: type[Block], skip: Iterable[str] = ()) -> list[Control]:
    """Describe the keys of a table and of the tables in it.

    Args:
        block: Class of the table.
        skip: Keys to leave out, such as the one with the entry's name.

    Returns:
        A control for every key in the class's order, but for those with one possible value and those that hold
        tables of several classes, which registries know.
    """
    notes, found, leave = attribute_notes(block), [], set(skip)
    for name, field in block.model_fields.items():
        if name in leave:
            continue
        inner = _unwrapped(field)[0]
        if inspect.isclass(inner) and issubclass(inner, Block):
            if inner.model_fields and not _is_open(inner, field):
                found += [_within(name, one) for one in controls(inner)]
            continue
        control = _control(name, field, notes.get(name, ""))
        if control is not None:
            found.append(control)
    return found


def attribute_notes(block: type) -> dict[str, str]:
    """What the docstrings of a class and its bases say about each attribute, as one line of plain text."""
    notes: dict[str, str] = {}
    for cls in reversed(block.__mro__):
        if cls.__module__.split(".")[0] == "pydantic":
            continue
        text = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
        part = text.partition("Attributes:\n")[2]
        entries = re.split(r"^ {4}(\w+): ", part, flags=re.MULTILINE)
        for name, words in zip(entries[1::2], entries[2::2], strict=True):
            words = re.split(r"\n(?! {5})", words)[0]
            notes[name] = re.sub(r"\s+", " ", words).replace("``", "").strip()
    return notes


def _is_open(inner: type[Block], field: FieldInfo) -> bool:
    """Whether a key takes tables of other classes too, by a validator that looks in a registry."""
    return any(type(mark).__name__ == "PlainValidator" for mark in field.metadata)


def _within(table: str, control: Control) -> Control:
    return Control(**{**vars(control), "key": f"{table}.{control.key}"})


def _unwrapped(field: FieldInfo) -> tuple[Any, list[Any], bool]:
    """(type, marks such as bounds, whether None is allowed) of a field."""
    annotation, marks, optional = field.annotation, list(field.metadata), False
    while True:
        origin = typing.get_origin(annotation)
        if origin in (typing.Union, types.UnionType):
            options = [one for one in typing.get_args(annotation) if one is not type(None)]
            optional = optional or len(options) < len(typing.get_args(annotation))
            if len(options) != 1:
                return annotation, marks, optional
            annotation = options[0]
        elif origin is typing.Annotated:
            annotation, *more = typing.get_args(annotation)
            marks += _flat(more)
        else:
            return annotation, marks, optional


def _flat(marks: Iterable[Any]) -> list[Any]:
    """Marks, with those that lie within a field's own taken out of it."""
    return [inner for one in marks for inner in (one.metadata if isinstance(one, FieldInfo) else [one])]


def _control(key: str, field: FieldInfo, note: str) -> Control | None:
    annotation, marks, optional = _unwrapped(field)
    default = None if field.default is PydanticUndefined else field.default
    if field.default_factory is not None:
        default = field.get_default(call_default_factory=True)
    told: dict[str, Any] = {"key": key, "help": note, "default": _plain(default), "optional": optional}
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is bool:
        return Control(kind="switch", **told)
    if origin is Literal:
        names = tuple(str(one) for one in inside)
        if len(names) == 1:
            return Control(kind="switch", **told) if inside == (True,) else None
        return Control(kind="choice", choices=names, **told)
    if annotation in (int, float):
        return _numeric("number", annotation, marks, told)
    if origin is tuple and len(inside) == 2 and inside[0] is inside[1] and inside[0] in (int, float):
        return _numeric("range", inside[0], marks, told)
    if origin in (tuple, list) and inside:
        one, more = _parts(inside[0])
        if typing.get_origin(one) is Literal:
            return Control(kind="choices", choices=tuple(map(str, typing.get_args(one))), **told)
        return _numeric("numbers", one, [*marks, *more], told) if one in (int, float) else None
    if origin is dict and typing.get_origin(inside[0]) is Literal:
        told["choices"] = tuple(map(str, typing.get_args(inside[0])))
        one, more = _parts(inside[1])
        return _numeric("shares", one, [*marks, *more], told) if one in (int, float) else None
    return Control(kind="text", **told) if annotation is str else None


def _parts(annotation: Any) -> tuple[Any, list[Any]]:
    if typing.get_origin(annotation) is typing.Annotated:
        inner, *marks = typing.get_args(annotation)
        return inner, _flat(marks)
    return annotation, []


def _numeric(kind: Kind, number: type, marks: Iterable[Any], told: Mapping[str, Any]) -> Control:
    low = high = None
    for mark in marks:
        if isinstance(mark, Within):
            low, high = mark.low, mark.high
        elif isinstance(mark, Ge | Gt):
            low = _float(mark.ge if isinstance(mark, Ge) else mark.gt)
        elif isinstance(mark, Le | Lt):
            high = _float(mark.le if isinstance(mark, Le) else mark.lt)
    whole, default = number is int, told["default"]
    span = usual_span(low, high, [float(value) for value in _numbers(default)])
    step = _step(span, whole) if span else 1.0
    if span and step > 1:
        span = (math.ceil(span[0] / step) * step, span[1])
    return Control(kind=kind, whole=whole, low=low, high=high, span=span, step=step, **told)  # type: ignore[arg-type]


def _float(bound: Any) -> float:
    """A bound as a number that JSON and forms know; whole ones stay whole."""
    return bound if isinstance(bound, int) else float(bound)


def usual_span(low: float | None, high: float | None, given: Sequence[float]) -> tuple[float, float] | None:
    """Ends of a slider: the bounds if they are near, else round numbers about twice the given values.

    Args:
        low: The least that is allowed, or None.
        high: The most that is allowed, or None.
        given: Values that the slider must reach, such as the default.

    Returns:
        (low, high); None for seeds, counts and other numbers of which nothing is usual.
    """
    least, most = -math.inf if low is None else low, math.inf if high is None else high
    if most - least > 1e5 and not any(0 < abs(value) <= 1000 and value % 1 for value in given):
        return None
    largest = max(map(abs, given), default=0.0)
    if most - least <= 1 and not 0 < largest < (most - least) / 20:
        return float(least), float(most)
    if least >= 0 and most <= 2.5 * largest:
        return float(least), float(most)
    top = min(most, _rounded_up(2 * largest if largest else most / 8))
    negative = least < 0 and (not largest or min(given) < 0)
    return float(max(least, -top if negative else 0.0)), float(top)


def _rounded_up(value: float) -> float:
    decade = 10.0 ** math.floor(math.log10(value))
    return next(decade * one for one in _ROUND if decade * one >= value * (1 - 1e-9))


def _step(span: tuple[float, float], whole: bool) -> float:
    width = (span[1] - span[0]) / 100
    decade = 10.0 ** math.floor(math.log10(width)) if width > 0 else 1.0
    step = max(one * decade for one in (1, 2, 5) if one * decade <= width * (1 + 1e-9))
    return max(1.0, round(step)) if whole else float(f"{step:.6g}")


def _numbers(value: Any) -> list[float]:
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, int | float):
        return [value]
    if isinstance(value, Mapping):
        return _numbers(list(value.values()))
    return [one for inner in value for one in _numbers(inner)] if isinstance(value, list | tuple) else []


def _plain(value: Any) -> Any:
    """A default as plain data."""
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return dict(value) if isinstance(value, Mapping) else value
