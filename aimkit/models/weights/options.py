"""Options that come from files: only known keywords, within bounds, and none that names something to read or fetch."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from aimkit.errors import AimkitError
from aimkit.registry import did_you_mean

#: Options that name something to read, fetch or write, whoever declares them.
_FETCHES = re.compile(
    r"pretrained|checkpoint|state_dict|(^|_)weights$|(^|_)(url|uri|file|folder|dir|cache|hub)s?($|_)|(^|_)(path|token)s?$"
)
#: Ends of the numbers, texts and lists of networks that declare no bounds of their own.
_LARGEST, _LONGEST_TEXT, _LONGEST_LIST = 65_536, 64, 64
_CHANNELS = 64
_TRUST = "the file may have been made to read or fetch something; get it from a source that you trust"


def names_a_fetch(option: str) -> bool:
    """Whether the name of an option says that it names something to read, fetch or write."""
    return _FETCHES.search(option.lower()) is not None


def check_options(options: Mapping[str, Any], rules: Mapping[str, Any], where: str, key: str) -> dict[str, Any]:
    """The options, if a file may declare all of them.

    Args:
        options: What the file says.
        rules: A type by keyword, as pydantic has them, with its bounds; None for any short plain value. ``in_chans`` is
            always known.
        where: The file.
        key: The key of the table in the file.

    Raises:
        AimkitError: An option is unknown, out of bounds, or names what to read or fetch.
    """
    for name, value in options.items():
        place = f"{where}, {key}.{name[:80]}"
        if names_a_fetch(name):
            raise AimkitError(
                f"'{name[:80]}' names something to read or fetch, which no weights file may do", place, _TRUST
            )
        if name == "in_chans":
            if type(value) is not int or not 1 <= value <= _CHANNELS:
                raise AimkitError(f"in_chans is not a number from 1 to {_CHANNELS}", place)
            continue
        if name not in rules:
            hint = did_you_mean(name, [known for known in rules if not names_a_fetch(known)])
            raise AimkitError(f"'{name[:80]}' is not an option that weights may declare", place, hint)
        problem = _plain_fault(value) if rules[name] is None else _fault(value, rules[name])
        if problem:
            raise AimkitError(f"the option '{name}' is out of bounds: {problem}", place)
    return dict(options)


def _fault(value: object, rule: Any) -> str:
    try:
        TypeAdapter(rule).validate_python(value, strict=True)
    except ValidationError as error:
        return "; ".join(dict.fromkeys(str(detail["msg"]) for detail in error.errors()))[:200]
    return ""


def _plain_fault(value: object, depth: int = 0) -> str:
    """What is wrong with a value for a network that declares no types, "" if it is plain and small."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int | float):
        return "" if math.isfinite(value) and abs(value) <= _LARGEST else f"it is not within {_LARGEST:,}"
    if isinstance(value, str):
        plain = len(value) <= _LONGEST_TEXT and not re.search(r"[/\\:~\x00-\x1f]", value)
        return "" if plain else "it is not a short word"
    if isinstance(value, list) and depth == 0:
        if len(value) > _LONGEST_LIST:
            return f"the list has more than {_LONGEST_LIST} values"
        return next((problem for part in value if (problem := _plain_fault(part, 1))), "")
    return "it is not a number, a word or a list of them"
