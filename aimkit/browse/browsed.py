"""A browsed set: its items with their known facts, and their pictures on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np

from aimkit.datasets.scan import read_place
from aimkit.errors import AimkitError
from aimkit.imageio import read_grey
from aimkit.imageio.reduced import reduced
from aimkit.lint.item import LintItem, LintTarget
from aimkit.lint.registry import LintFinding
from aimkit.lint.view import LintView, load_error
from aimkit.matting.image_type import infer
from aimkit.matting.trimap import restrict, trimap
from aimkit.types import UInt8, to_float

#: Kernel in pixels of labels that are made for show.
_KERNEL = 30


@dataclass(frozen=True)
class BrowsedItem:
    """A sample, a pair or a picture, not read yet.

    Attributes:
        position: Its position in the set.
        lint: The same as the checks of :mod:`aimkit.lint` see it.
        sources: What it was made from, or the folder that it lies in.
        entries: What names it in an exclude list, see :mod:`aimkit.datasets.exclude`.
    """

    position: int
    lint: LintItem
    sources: tuple[str, ...]
    entries: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name in the set."""
        return self.lint.name

    @property
    def type(self) -> str:
        """Image type that the set states: "SO", "STM", "NS" or ""."""
        return str(self.lint.type or "")

    @property
    def category(self) -> str:
        """Category that the set states, or ""."""
        return self.lint.category


@dataclass(frozen=True)
class BrowsedPlanes:
    """An item that was read.

    Attributes:
        planes: Pictures by name, uint8: "image" (H, W, 3), then what there is of "alpha" and "label" (H, W),
            "foreground" and "background" (H, W, 3).
        facts: Its provenance, or the facts of its files, as JSON values.
    """

    planes: dict[str, UInt8]
    facts: dict[str, Any]


@dataclass
class BrowsedSet:
    """A dataset, folder or table.

    Attributes:
        title: What the user named.
        kind: What it is.
        items: All of it, in its order.
        target: The same as the checks see it.
        look: Reads an item.
        tables: Statistics that are known without reading: (title, columns, rows).
    """

    title: str
    kind: Literal["dataset", "folder", "table"]
    items: list[BrowsedItem]
    target: LintTarget
    look: Callable[[BrowsedItem], BrowsedPlanes]
    tables: list[tuple[str, Sequence[str], Sequence[Sequence[Any]]]] = field(default_factory=list)

    def counts(self, key: str) -> dict[str, int]:
        """Number of items by "type", "category" or "sources", the most frequent first; "" counts those without."""
        counted: Counter[str] = Counter()
        for item in self.items:
            value = getattr(item, key)
            counted.update(value if isinstance(value, tuple) else (value,))
        return dict(sorted(counted.items(), key=lambda one: (-one[1], one[0])))

    def statistics(self) -> list[tuple[str, Sequence[str], Sequence[Sequence[Any]]]]:
        """Tables of numbers: (title, columns, rows)."""
        found = []
        for key, title in (("type", "types"), ("category", "categories"), ("sources", "sources")):
            counted = self.counts(key)
            if set(counted) - {""}:
                rows = [(name or "not stated", n, f"{n / len(self.items):.1%}") for name, n in counted.items()]
                found.append((title, (key.removesuffix("s"), "samples", "share"), rows))
        return [*found, *self.tables]

    def select(
        self,
        *,
        type: str | None = None,
        category: str | None = None,
        source: str | None = None,
        text: str = "",
        positions: Iterable[int] | None = None,
    ) -> list[BrowsedItem]:
        """The items that meet all conditions.

        Args:
            type: Their type; "" for those without one, None for all.
            category: Their category, likewise.
            source: One of their sources.
            text: Part of their name; letter case is ignored.
            positions: Where they may be, such as those of a finding.
        """
        there = None if positions is None else set(positions)
        return [
            item
            for item in self.items
            if (type is None or item.type == type)
            and (category is None or item.category == category)
            and (source is None or source in item.sources)
            and text.casefold() in item.name.casefold()
            and (there is None or item.position in there)
        ]

    def positions_of(self, findings: Sequence[LintFinding]) -> dict[str, list[int]]:
        """Positions of the items that findings name, by check."""
        known: dict[str, int] = {}
        for item in self.items:
            for file in item.lint.files:
                known.setdefault(file, item.position)
        found: dict[str, dict[int, None]] = {}
        for finding in findings:
            for file in finding.files:
                if file in known:
                    found.setdefault(finding.check, {})[known[file]] = None
        return {check: sorted(places) for check, places in found.items()}


def thumbnail(item: BrowsedItem, side: int = 200) -> UInt8:
    """A small picture of an item, RGB, at most ``side`` pixels wide and high; cut-outs lie on a checkerboard.

    Raises:
        AimkitError: It can't be read.
    """
    view = _opened(item)
    rgb = reduced(view.rgb, side)
    if view.alpha is None or item.lint.role in ("photo", "composite"):
        return rgb
    size = (rgb.shape[1], rgb.shape[0])
    alpha = to_float(np.asarray(cv2.resize(view.alpha, size, interpolation=cv2.INTER_AREA), np.uint8))[..., None]
    rows, columns = np.indices(rgb.shape[:2]) // 8
    ground = np.where((rows + columns) % 2, 205, 240).astype(np.float32)[..., None]
    return np.asarray(np.rint(rgb * alpha + ground * (1 - alpha)), np.uint8)


def look_at_files(item: BrowsedItem) -> BrowsedPlanes:
    """Read an item of files: its colours, its matte, and its label, which is made unless it has a trimap.

    Raises:
        AimkitError: It can't be read.
    """
    view = _opened(item)
    planes: dict[str, UInt8] = {"image": view.rgb}
    height, width = view.rgb.shape[:2]
    facts: dict[str, Any] = {"name": item.name, "size": f"{width}x{height}", "role": item.lint.role}
    facts |= {"type": item.type, "category": item.category, "split": item.lint.split}
    if view.alpha is not None:
        kind = item.lint.type or infer(to_float(view.alpha)).type
        facts["type"] = item.type or f"{kind} (inferred)"
        planes["alpha"] = view.alpha
        planes["label"] = _label(item, view.alpha, facts)
        if planes["label"] is view.alpha:
            planes["label"] = restrict(trimap(view.alpha, _KERNEL), kind)
            facts["label"] = f"made from the matte, kernel {_KERNEL}"
    names = ("picture", "matte") if len(item.lint.files) > 1 else ("picture",)
    for name, file, header in zip(names, item.lint.files, view.headers, strict=False):
        told = {"orientation": header.orientation, "profile": header.profile, "JPEG quality": header.quality}
        facts[name] = {"file": file, **{key: value for key, value in told.items() if value not in ("", 0, 1)}}
    facts["sha256"] = view.digest
    return BrowsedPlanes(planes, {key: value for key, value in facts.items() if value != ""})


def _label(item: BrowsedItem, alpha: UInt8, facts: dict[str, Any]) -> UInt8:
    """Its trimap; the matte itself where it has none of its size."""
    if item.lint.trimap is not None:
        try:
            found = read_grey(read_place(item.lint.trimap), item.name)
        except AimkitError as error:
            facts["trimap"] = error.what
        else:
            if found.shape == alpha.shape:
                facts["label"] = "the trimap next to it"
                return found
    return alpha


def _opened(item: BrowsedItem) -> LintView:
    view = LintView(item.lint)
    if problem := load_error(view):
        raise AimkitError(problem, item.name)
    return view


def named(items: Sequence[LintItem], sources: Mapping[int, tuple[str, ...]] | None = None) -> list[BrowsedItem]:
    """The items of a folder: their sources are their folders, and their files' paths exclude them."""
    found = []
    for position, item in enumerate(items):
        folder = item.files[0].rpartition("/")[0] or "."
        own = sources[position] if sources else (folder,)
        found.append(BrowsedItem(position, item, own, item.files))
    return found
