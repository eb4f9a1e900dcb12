"""Named things: generators, steps, sources, writers, backbones, architectures."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Generic, TypeVar

from aimkit.errors import AimkitError

T = TypeVar("T")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One registered thing.

    Attributes:
        name: What recipes and callers say.
        value: The function or class.
        info: What else is known about it, by keyword of ``register``.
    """

    name: str
    value: T
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (self.value.__doc__ or "").strip().split("\n")[0]


class Registry(Generic[T]):
    """A mapping from names to entries that fills itself when it is first asked.

    Args:
        kind: What the entries are, in the singular; used in messages.
        modules: Modules or packages whose import registers the built-in entries. Of a package every module is
            imported, so adding an entry means adding a file.
    """

    def __init__(self, kind: str, modules: Iterable[str] = ()) -> None:
        self.kind = kind
        self._modules = tuple(modules)
        self._loaded = False
        self._entries: dict[str, Entry[T]] = {}

    def register(self, name: str, **info: Any) -> Callable[[T], T]:
        """Decorator that adds an entry; a second entry of the same name is an error."""

        def add(value: T) -> T:
            known = self._entries.get(name)
            # A module that is reloaded registers the same thing again; two different things must not share a name.
            if known is not None and _origin(known.value) != _origin(value):
                raise AimkitError(f"{self.kind} '{name}' is already registered", hint="choose another name")
            self._entries[name] = Entry(name, value, info)
            return value

        return add

    def get(self, name: str, where: str = "") -> Entry[T]:
        """The entry of that name.

        Raises:
            AimkitError: No such entry; the hint lists the nearest names.
        """
        self._load()
        try:
            return self._entries[name]
        except KeyError:
            hint = did_you_mean(name, self._entries)
            raise AimkitError(f"unknown {self.kind} '{name}'", where, hint) from None

    def create(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call the entry's value."""
        value: Any = self.get(name).value
        return value(*args, **kwargs)

    def list(self, pattern: str = "*") -> list[str]:
        """Sorted names that match a shell pattern."""
        self._load()
        return sorted(name for name in self._entries if fnmatchcase(name, pattern))

    def __iter__(self) -> Any:
        self._load()
        return iter([self._entries[name] for name in sorted(self._entries)])

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def _load(self) -> None:
        if self._loaded:
            return
        # Set first, since the modules may ask the registry while they are imported; one that fails is tried again.
        self._loaded = True
        try:
            for name in self._modules:
                module = importlib.import_module(name)
                for info in pkgutil.iter_modules(getattr(module, "__path__", ())):
                    importlib.import_module(f"{name}.{info.name}")
        except BaseException:
            self._loaded = False
            raise


def did_you_mean(name: str, known: Iterable[str], limit: int = 3) -> str:
    """A hint that names the nearest of the known names, or all of them when they are few."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=limit, cutoff=0.5)
    if near:
        quoted = [f"'{n}'" for n in near]
        return "did you mean " + (" or ".join([", ".join(quoted[:-1]), quoted[-1]]) if quoted[1:] else quoted[0]) + "?"
    if not known:
        return ""
    if len(known) <= 12:
        return "known: " + ", ".join(known)
    return f"{len(known)} are known, such as " + ", ".join(known[:5])


def _origin(value: object) -> tuple[str, str]:
    return (getattr(value, "__module__", ""), getattr(value, "__qualname__", repr(value)))
