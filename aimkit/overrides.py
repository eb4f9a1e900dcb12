"""Overrides of a recipe's keys, ``key=value``: dotted paths, and lists of tables by position or by name."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from aimkit.errors import AimkitError
from aimkit.registry import did_you_mean

#: Keys that name an entry of a list of tables, so that an override can address it by name.
NAME_KEYS = ("name", "step", "source", "generator")


def apply_overrides(data: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """Return a copy of the data with ``key=value`` texts applied.

    Raises:
        AimkitError: An override has no ``=``, or its path leads through a value that is not a table.
    """
    result: dict[str, Any] = json.loads(json.dumps(data, default=str))
    for override in overrides:
        key, sign, text = override.partition("=")
        if not sign or not key.strip():
            raise AimkitError(f"'{override}' is not an override", hint="write key=value, for example seed=1")
        _set(result, key.strip().split("."), _value(text), override)
    return result


def spelled_out(known: Any, overrides: Iterable[str], where: str) -> list[str]:
    """The overrides, with those of a variant in the place of its name.

    Args:
        known: The file's table of variants: lists of overrides by name.
        overrides: ``key=value`` texts; ``variant=NAME`` stands for a list.
        where: The file, for error messages.

    Raises:
        AimkitError: The variant is unknown, or the table is not one of variants.
    """
    if not isinstance(known, dict) or not all(isinstance(texts, list) for texts in known.values()):
        raise AimkitError(
            "each variant must be a list of overrides", f"{where}, variants", 'for example: name = ["seed=1"]'
        )
    result = []
    for override in overrides:
        key, _, name = override.partition("=")
        if key.strip() != "variant":
            result.append(override)
        elif name.strip() not in known:
            raise AimkitError(f"unknown variant '{name.strip()}'", f"{where}, variants", did_you_mean(name, known))
        else:
            result += map(str, known[name.strip()])
    return result


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text.strip()


def _set(data: Any, keys: list[str], value: Any, override: str) -> None:
    for slot in _slots(data, keys[0], override):
        if len(keys) == 1:
            data[slot] = value
        else:
            inner = data.setdefault(slot, {}) if isinstance(data, dict) else data[slot]
            _set(inner, keys[1:], value, override)


def _slots(data: Any, key: str, override: str) -> list[Any]:
    """The keys or positions of ``data`` that one part of an override's path means."""
    if isinstance(data, dict):
        return [key]
    if not isinstance(data, list):
        raise AimkitError(f"'{key}' is not inside a table", f"override {override}")
    if key.lstrip("-").isdigit():
        if not -len(data) <= int(key) < len(data):
            raise AimkitError(f"position {key} is outside the list of {len(data)}", f"override {override}")
        return [int(key)]
    names = [next((row[k] for k in NAME_KEYS if k in row), "") if isinstance(row, dict) else row for row in data]
    slots = [i for i, name in enumerate(names) if name == key]
    if not slots:
        raise AimkitError(f"the list has no entry '{key}'", f"override {override}", did_you_mean(key, map(str, names)))
    return slots
