"""Named entries: generators, steps, sources, writers, backbones, architectures."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from threading import get_ident
from typing import Any, Generic

from typing_extensions import TypeVar

from aimkit.errors import AimkitError
from aimkit.plugins import load_plugins

T = TypeVar("T")
#: The type of the entries' ``info``: a dataclass of the registry's own, or a plain dictionary.
Info = TypeVar("Info", default=dict[str, Any])


@dataclass(frozen=True)
class RegistryEntry(Generic[T, Info]):
    """One registered entry.

    Attributes:
        name: The name that recipes and callers use.
        value: The registered function or class.
        info: The keywords of ``register``, as the type that the registry's ``info`` makes of them.
    """

    name: str
    value: T
    info: Info

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (self.value.__doc__ or "").strip().split("\n")[0]


class Registry(Generic[T, Info]):
    """A mapping from names to entries. It is filled on first use.

    Args:
        kind: What the entries are, in the singular; messages use it.
        modules: Modules or packages whose import registers the built-in entries. All modules of a package are
            imported, so a new entry is a new file.
        info: Makes an entry's ``info`` from the keywords of ``register``, for example a dataclass.
            None keeps them as a dictionary.
        plugins: Group of entry points by which installed packages add entries, see :mod:`aimkit.plugins`.
    """

    def __init__(
        self,
        kind: str,
        modules: Iterable[str] = (),
        info: Callable[..., Info] | None = None,
        plugins: str = "",
    ) -> None:
        self.kind = kind
        self._plugins = plugins
        self._modules = tuple(modules)
        self._info: Callable[..., Any] = info or dict
        self._loaded = False
        self._loading: set[int] = set()
        self._entries: dict[str, RegistryEntry[T, Info]] = {}

    def register(self, name: str, **info: Any) -> Callable[[T], T]:
        """Decorator that adds an entry.

        Raises:
            AimkitError: Another entry has this name.
            TypeError: The registry's ``info`` does not know a keyword, or needs another one.
        """
        made = self._info(**info)

        def add(value: T) -> T:
            known = self._entries.get(name)
            # A module that is reloaded registers the same thing again; two different things must not share a name.
            if known is not None and _origin(known.value) != _origin(value):
                raise AimkitError(f"{self.kind} '{name}' is already registered", hint="choose another name")
            self._entries[name] = RegistryEntry(name, value, made)
            return value

        return add

    def get(self, name: str, where: str = "") -> RegistryEntry[T, Info]:
        """Return the entry of that name.

        Raises:
            AimkitError: The name is unknown; the hint lists the nearest names.
        """
        self._load()
        try:
            return self._entries[name]
        except KeyError:
            hint = did_you_mean(name, self._entries)
            raise AimkitError(f"unknown {self.kind} '{name}'", where, hint) from None

    def create(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call an entry's value with these arguments."""
        value: Any = self.get(name).value
        return value(*args, **kwargs)

    def list(self, pattern: str = "*") -> list[str]:
        """List the names that match a shell pattern, sorted."""
        self._load()
        return sorted(name for name in self._entries if fnmatchcase(name, pattern))

    def __iter__(self) -> Iterator[RegistryEntry[T, Info]]:
        self._load()
        return iter([self._entries[name] for name in sorted(self._entries)])

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def _load(self) -> None:
        if self._loaded:
            return
        # The modules may ask the registry while they are imported, and get those entries that there are. Other threads
        # import the same: Python makes them wait for each module, while a lock of ours could wait for one of Python's.
        thread = get_ident()
        if thread in self._loading:
            return
        self._loading.add(thread)
        try:
            for name in self._modules:
                module = importlib.import_module(name)
                for info in pkgutil.iter_modules(getattr(module, "__path__", ())):
                    importlib.import_module(f"{name}.{info.name}")
            if self._plugins:
                load_plugins(self._plugins)
            self._loaded = True
        finally:
            self._loading.discard(thread)


def did_you_mean(name: str, known: Iterable[str], limit: int = 3) -> str:
    """Write a hint with the nearest known names, or with all of them when they are few."""
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
