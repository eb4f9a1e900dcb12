"""Types files: the type (SO, STM or NS) and category of every foreground, in the two forms that AIM publishes."""

from __future__ import annotations

import difflib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from aimkit.errors import AimkitError
from aimkit.imageio import SUFFIXES
from aimkit.json_files import read_json
from aimkit.recipe import expand
from aimkit.registry import did_you_mean
from aimkit.types import ImageType

#: AIM-500's own name, and the name in datasets that aimkit writes.
USUAL_NAMES = ("aim_category_type.json", "types.json")


@dataclass(frozen=True)
class Typed:
    """An entry of a types file.

    Attributes:
        type: Image type.
        category: Category, or "".
    """

    type: ImageType
    category: str = ""


@dataclass
class Matching:
    """The entries of a types file matched with the items of a source.

    Attributes:
        typed: Entry of every item that the file names, by item id.
        missing: Items that the file does not name, each with the nearest unused name of the file, or "".
        unknown: Names of the file without an item, each with the nearest item in ``missing``, or "".
    """

    typed: dict[str, Typed] = field(default_factory=dict)
    missing: list[tuple[str, str]] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)

    def text(self) -> str:
        """The full list as text, for a file or a terminal."""
        lines = [
            f"{len(self.typed)} items named, {len(self.missing)} not named, {len(self.unknown)} names without an item"
        ]
        for title, rows in (("not named", self.missing), ("no such item", self.unknown)):
            lines += [f"{title}: {name}" + (f"   (nearest: {near})" if near else "") for name, near in rows]
        return "\n".join(lines)


def usual_types_file(folder: Path) -> Path | None:
    """Find a types file with one of the usual names in a folder; None if there is none."""
    return next((folder / name for name in USUAL_NAMES if (folder / name).is_file()), None)


def read_types(path: str | Path, dataset: str = "") -> dict[str, Typed]:
    """Read a types file.

    Args:
        path: JSON: ``{"DIM": {"name": "SO"}}``, ``{"name": {"type": "SO", "category": "animal"}}`` or
            ``{"name": "SO"}``. Keys other than ``type`` and ``category`` are ignored.
        dataset: Section of a file of the first form; required when it has several.

    Returns:
        Entry by name.

    Raises:
        AimkitError: The file can't be read, has no such section, or has invalid types; all invalid entries are listed.
    """
    file = expand(path)
    data = read_json(file, object, "types file")
    rows = _section(data, dataset, str(file))
    result, wrong = {}, []
    for name, value in rows.items():
        entry = {"type": value} if isinstance(value, str) else value
        try:
            if not isinstance(entry, dict) or "type" not in entry:
                raise AimkitError("has no type")
            result[name] = Typed(ImageType.parse(entry["type"]), str(entry.get("category") or ""))
        except AimkitError as error:
            wrong.append(f"{name}: {error.what}")
    if wrong:
        listed = "\n  ".join(wrong[:20]) + ("\n  ..." if len(wrong) > 20 else "")
        raise AimkitError(f"{len(wrong)} invalid entries:\n  {listed}", str(file), "a type is SO, STM or NS")
    return result


def match(ids: Iterable[str], names: dict[str, Typed]) -> Matching:
    """Match the items of a source with the names of a types file.

    A name matches the item's id or the last part of it, with or without an image suffix.

    Args:
        ids: Ids of the items.
        names: The types file, as :func:`read_types` returns it.
    """
    ids = list(ids)
    plain = {_plain(name): name for name in names}
    result = Matching()
    used = set()
    for item in ids:
        key = next((k for k in (item, PurePosixPath(item).name) if _plain(k) in plain), None)
        if key is None:
            result.missing.append((item, ""))
        else:
            name = plain[_plain(key)]
            used.add(name)
            result.typed[item] = names[name]
    unknown = [name for name in names if name not in used]
    missing = [item for item, _ in result.missing]
    result.missing = list(zip(missing, nearest(missing, unknown), strict=True))
    result.unknown = list(zip(unknown, nearest(unknown, missing), strict=True))
    return result


def nearest(names: list[str], known: list[str]) -> list[str]:
    """Find the most similar known name for each name, or "".

    Only names that share many groups of three letters are compared in full, which stays fast for thousands of names.
    """
    index = defaultdict(list)
    for position, name in enumerate(known):
        for part in _triples(name):
            index[part].append(position)
    found = []
    for name in names:
        shared = Counter(position for part in _triples(name) for position in index[part])
        best = [known[position] for position, _ in shared.most_common(10)]
        found.append(next(iter(difflib.get_close_matches(name, best, n=1, cutoff=0.5)), ""))
    return found


def _section(data: Any, dataset: str, where: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise AimkitError(
            "a types file must hold one JSON object", where, '{"name": {"type": "SO", "category": "animal"}}'
        )
    sections = [key for key, value in data.items() if isinstance(value, dict) and "type" not in value and value]
    if dataset:
        if dataset not in sections:
            hint = did_you_mean(dataset, sections) or "the file has no sections; leave out 'dataset'"
            raise AimkitError(f"the types file has no section '{dataset}'", where, hint)
        return dict(data[dataset])
    if not sections or len(sections) < len(data):
        return data
    if len(sections) > 1:
        raise AimkitError("the types file has several sections", where, f'choose one: dataset = "{sections[0]}"')
    return dict(data[sections[0]])


def _plain(name: str) -> str:
    """A name as it is compared: composed letters, no image suffix, no blanks around it."""
    name = unicodedata.normalize("NFC", name).strip()
    suffix = PurePosixPath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in SUFFIXES else name


def _triples(name: str) -> set[str]:
    text = f"^{name.lower()}$"
    return {text[i : i + 3] for i in range(len(text) - 2)}
