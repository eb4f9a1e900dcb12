"""Recipes: a TOML file becomes a typed, frozen object; all errors are reported at once.

A recipe is found by name (``demo``, ``synth/demo``) or by path. ``key=value`` overrides are dotted paths into the
file; a list of tables is addressed by position or by name: ``steps.0.p=1``, ``steps.jpeg.p=0``.

A file may name lists of overrides in a table ``[variants]``; ``variant=NAME`` stands for the list of that name. The
result is the recipe with these overrides; it does not record the variant's name.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from aimkit import resources
from aimkit.errors import AimkitError
from aimkit.overrides import apply_overrides, spelled_out
from aimkit.redact import redact_all
from aimkit.registry import Registry, RegistryEntry, did_you_mean
from aimkit.remote import Remote
from aimkit.storage import Place, fill, local, place
from aimkit.toml_files import read_toml

#: The class of each kind of recipe. It is named, not imported, since most callers need only one.
KINDS = {
    "synth": "aimkit.synth.recipe:SynthRecipe",
    "train": "aimkit.train.recipe:TrainRecipe",
    "evaluate": "aimkit.evaluate.recipe:EvaluateRecipe",
    "render": "aimkit.render.recipe:RenderRecipe",
}

M = TypeVar("M", bound="Block")


def _pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _ordered(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"the range [{value[0]:g}, {value[1]:g}] is reversed")
    return value


#: A range [low, high] from which a value is drawn for every sample; one number means that number.
Range = Annotated[tuple[float, float], BeforeValidator(_pair), AfterValidator(_ordered)]
IntRange = Annotated[tuple[int, int], BeforeValidator(_pair), AfterValidator(_ordered)]


class Block(BaseModel):
    """A table of a recipe. It is frozen and refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _name_the_nearest_key(cls, data: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(data)
        except ValidationError as error:
            # pydantic reports an unknown key, but only this class can name the nearest known one.
            lines = [_line(cls, details) for details in error.errors()]
            raise ValidationError.from_exception_data(cls.__name__, lines) from None


class Recipe(Block):
    """The root table of a recipe file.

    Attributes:
        kind: Kind of the recipe: ``synth``, ``train``, ``evaluate`` or ``render``.
        seed: Seed of every random stream.
    """

    outside_digest: ClassVar[frozenset[str]] = frozenset()

    kind: Annotated[str, Field(max_length=255)]
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] = 0

    def resolved(self) -> dict[str, Any]:
        """Return every key with its value as plain data, without keys that are None; credentials are masked."""
        return cast(dict[str, Any], redact_all(_plain(self.model_dump(mode="json"))))

    def digest(self) -> str:
        """Return the SHA-256 (hex) of all keys that decide the result; it is the same on every machine."""
        content = self.resolved()
        for name in self.outside_digest:
            *tables, key = name.split(".")
            table: Any = content
            for step in tables:
                table = table.get(step) or {}
            table.pop(key, None)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def load_recipe(
    name_or_path: str | os.PathLike[str] | Remote, overrides: Iterable[str] = (), *, kind: str | None = None
) -> Any:
    """Read a recipe, apply overrides and check it.

    Args:
        name_or_path: A packaged recipe (``demo``, ``train/demo``) or a TOML file, by path or URL.
        overrides: ``key=value`` texts; the value is read as TOML, else as a string. ``variant=NAME`` stands for the
            overrides that the file lists under this name.
        kind: ``synth``, ``train``, ``evaluate`` or ``render``; a recipe of another kind is an error. When None, a bare
            name is looked up in this order of kinds.

    Returns:
        The typed recipe, a ``SynthRecipe`` for kind ``synth`` and so on.

    Raises:
        AimkitError: The recipe was not found, or keys are wrong; all of them are listed.
    """
    data, where = raw_recipe(name_or_path, overrides, kind=kind)
    module, name = KINDS[data["kind"]].split(":")
    return parse(getattr(importlib.import_module(module), name), data, where)


def raw_recipe(
    name_or_path: str | os.PathLike[str] | Remote, overrides: Iterable[str] = (), *, kind: str | None = None
) -> tuple[dict[str, Any], str]:
    """Read a recipe and apply overrides, as :func:`load_recipe`, but check nothing except its kind.

    Returns:
        Plain data, and the file's path for errors.
    """
    path = find(name_or_path, kind)
    data, where = read_toml(path), str(path)
    data = apply_overrides(data, spelled_out(data.pop("variants", {}), overrides, where))
    found = data.get("kind")
    if not isinstance(found, str) or found not in KINDS:
        hint = did_you_mean(str(found), KINDS) if found else f'add kind = "{kind or "synth"}"'
        raise AimkitError("missing key 'kind'" if not found else f"unknown kind '{found}'", f"{where}, kind", hint)
    if kind is not None and found != kind:
        raise AimkitError(f"expected a {kind} recipe, not a {found} recipe", where, f"aimkit recipes ls {kind}")
    return data, where


def parse(model: type[M], data: Mapping[str, Any], where: str) -> M:
    """Validate plain data as a table.

    Args:
        model: Class of the table.
        data: Keys and values.
        where: File or table that errors name.

    Raises:
        AimkitError: Keys are wrong; each error has a line of its own.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        wrong = _faults(error)
        if len(wrong) == 1:
            key, message = wrong[0]
            raise AimkitError(message, f"{where}, {key}") from None
        lines = [f"{key}: {message}" for key, message in wrong]
        raise AimkitError(f"{len(lines)} keys are wrong:\n  " + "\n  ".join(lines), where) from None


def faults(model: type[Block], data: Mapping[str, Any]) -> dict[str, str]:
    """Check plain data as a table, for a form that shows each error at its key.

    Returns:
        What is wrong by dotted key, "(root)" for the table as a whole; empty when nothing is.
    """
    try:
        model.model_validate(data)
    except ValidationError as error:
        return dict(reversed(_faults(error)))
    return {}


def find(name_or_path: str | os.PathLike[str] | Remote, kind: str | None = None) -> Place:
    """Return the file of a packaged recipe or a path.

    Raises:
        AimkitError: There is neither; the hint names the nearest recipes.
    """
    text = str(name_or_path) if isinstance(name_or_path, Remote) else os.fspath(name_or_path)
    packaged = resources.recipes()
    for key in [text, *(f"{k}/{text}" for k in ([kind] if kind else KINDS))]:
        if key in packaged:
            return packaged[key]
    path = name_or_path if isinstance(name_or_path, Remote) else place(text)
    if path.is_file():
        return path
    if isinstance(path, Remote) or path.suffix == ".toml" or len(path.parts) > 2:
        raise AimkitError("recipe file not found", str(path), "'aimkit recipes ls' lists the packaged recipes")
    known = [key for key in packaged if kind is None or key.startswith(f"{kind}/")]
    names = {*known, *(key.split("/")[1] for key in known)}
    raise AimkitError(f"unknown recipe '{text}'", hint=did_you_mean(text, names) + " ('aimkit recipes ls')")


def expand(path: str | os.PathLike[str], where: str = "") -> Path:
    """Return a path with ``~`` and ``${NAME}`` replaced.

    Raises:
        AimkitError: An environment variable is not set, or the path is too long.
    """
    return local(fill(path, where), where or os.fspath(path))


def named(registry: Registry[Any, Any], key: str) -> Callable[[Any], Any]:
    """Make a validator for tables that name a registry entry: ``{step = "jpeg", quality = [60, 90]}``.

    The entry's block reads the table (see :func:`block_of`), so that every entry checks its own keys.

    Args:
        registry: Where the entry is looked up.
        key: The key of the table that holds the entry's name.
    """

    def validate(data: Any) -> Any:
        if isinstance(data, Block):
            return data
        if isinstance(data, str):
            data = {key: data}
        if not isinstance(data, dict) or not isinstance(data.get(key), str):
            raise PydanticCustomError("no_name", f'missing {key} = "..."')
        try:
            entry = registry.get(data[key])
        except AimkitError as error:
            raise PydanticCustomError("unknown_name", f"{error.what}; {error.hint}".replace("{", "{{")) from None
        return block_of(entry).model_validate(data)

    return validate


def block_of(entry: RegistryEntry[Any, Any]) -> type[Block]:
    """Return the class that reads an entry's table: the entry itself if it is a block, else its ``params``."""
    if isinstance(entry.value, type) and issubclass(entry.value, Block):
        return entry.value
    params: type[Block] = entry.info["params"] if isinstance(entry.info, dict) else entry.info.params
    return params


def header(path: Place) -> str:
    """Return the comment block at the top of a recipe file, without the ``#``."""
    lines = []
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("#").strip())
    return "\n".join(lines)


def _line(model: type[Block], details: Any) -> InitErrorDetails:
    message, kind = details["msg"], details["type"]
    if kind == "extra_forbidden" and len(details["loc"]) == 1:
        hint = did_you_mean(str(details["loc"][0]), model.model_fields)
        message, kind = f"unknown key; {hint}" if hint else "unknown key", "unknown_key"
    elif kind == "missing":
        message = "missing key"
    elif kind in ("value_error", "assertion_error"):
        # Tables inside tables pass here once for each level: remove pydantic's "Value error, " only once.
        message, kind = message.partition(", ")[2] or message, "refused"
    message = message.replace("Input should be", "must be")
    return InitErrorDetails(
        type=PydanticCustomError(kind, "{message}", {"message": message}), loc=details["loc"], input=details["input"]
    )


def _faults(error: ValidationError) -> list[tuple[str, str]]:
    """(key, message) of every fault."""
    return [(_dotted(one["loc"]), one["msg"].removeprefix("Value error, ")) for one in error.errors()]


def _dotted(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "(root)"


def _plain(value: Any) -> Any:
    """Drop None, which TOML cannot express."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value
