"""Files that a recipe excludes: named one by one, or by patterns that say so.

An entry names the end of a file's path: ``a.png``, ``a``, ``sub/a.png`` and ``train/fg/sub/a.png`` all name the file
``sub/a.png`` below ``.../train/fg``. Only an entry that begins with ``glob:`` is a shell pattern, since ``[`` and ``*``
occur in names. A held-out image that slips in spoils an evaluation, so an entry that matches nothing is always told.
"""

from __future__ import annotations

import codecs
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from aimkit.datasets.types_file import nearest
from aimkit.errors import AimkitError
from aimkit.imageio import SUFFIXES
from aimkit.paths import as_text
from aimkit.recipe import expand
from aimkit.remote import Remote
from aimkit.storage import Place

#: What an entry that is a shell pattern begins with.
PATTERN = "glob:"

_ALLOW = "correct them, or continue with allow_missing = true"


@dataclass
class ExcludeList:
    """Names and patterns of excluded files, and which of them matched.

    Attributes:
        entries: Names and patterns, as the user wrote them.
        where: The list's file, or the key.
        matched: Positions of the entries that matched a file.
    """

    entries: Sequence[str] = ()
    where: str = "exclude"
    matched: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._patterns = [
            (i, _plain(entry.strip()[len(PATTERN) :]))
            for i, entry in enumerate(self.entries)
            if entry.strip().startswith(PATTERN)
        ]
        self._names: dict[str, list[tuple[int, list[str]]]] = defaultdict(list)
        for i, entry in enumerate(self.entries):
            if not entry.strip().startswith(PATTERN):
                parts = _parts(entry)
                if parts:
                    self._names[parts[-1]].append((i, parts[:-1]))

    def select(self, names: Iterable[tuple[str, str]], root: Place | str = "") -> set[str]:
        """Find the excluded ones among names, and note which entries matched.

        Args:
            names: (path relative to the root, the same without its suffix).
            root: The folder that the paths are relative to; "" for names that have none.

        Returns:
            The excluded paths.
        """
        if not self.entries:
            return set()
        folders = _root_parts(root)
        found = {name for name, stem in names if self._covers(name, stem, folders)}
        # The list may have been written before the files were converted: a.jpg then means a.png.
        late = [i for i in range(len(self.entries)) if i not in self.matched and self._is_picture(i)]
        if late:
            stems = ExcludeList([without_suffix(self.entries[i].strip()) for i in late])
            for name, stem in names:
                if name not in found and stems._covers(stem, stem, folders):
                    found.add(name)
            self.matched |= {late[i] for i in stems.matched}
        return found

    def unmatched(self) -> list[str]:
        """The entries that matched nothing so far."""
        return [entry for i, entry in enumerate(self.entries) if i not in self.matched]

    def check(self, known: Iterable[str], allow: bool = False) -> list[str]:
        """Warnings for the entries that matched nothing.

        Args:
            known: Names that could have been meant, for hints.
            allow: Whether most of the entries may match nothing.

        Raises:
            AimkitError: More than half of the names matched nothing, and that is not allowed. Patterns may: they are
                rules, which hold for every folder.
        """
        lost = self.unmatched()
        if not lost:
            return []
        near = nearest(lost[:20], sorted(known))
        lines = [
            f"'{as_text(e)}'" + (f" (nearest: {as_text(n)})" if n else "") for e, n in zip(lost, near, strict=False)
        ]
        few = ", ".join(lines[:5]) + (f", ... {len(lost) - 5} more" if len(lost) > 5 else "")
        what = f"{len(lost)} of {len(self.entries)} entries of exclude match no file: {few}"
        pattern = f'; a pattern begins with "{PATTERN}"' if any(set("*?[") & set(entry) for entry in lost) else ""
        names, lost_names = (sum(not e.strip().startswith(PATTERN) for e in some) for some in (self.entries, lost))
        if 2 * lost_names > names and not allow:
            raise AimkitError(what, self.where, _ALLOW + pattern)
        return [what + pattern]

    def _covers(self, name: str, stem: str, folders: Sequence[str]) -> bool:
        whole, short = _plain(name), _plain(stem)
        ends = {text.rpartition("/")[2].strip(): text for text in (whole, short)}
        before = [*folders, *(part.strip() for part in whole.split("/")[:-1])]
        hits = [
            i for end in ends for i, parts in self._names.get(end, ()) if not parts or before[-len(parts) :] == parts
        ]
        texts = [*ends, *ends.values()]
        hits += [i for i, pattern in self._patterns if any(fnmatchcase(text, pattern) for text in texts)]
        self.matched.update(hits)
        return bool(hits)

    def _is_picture(self, position: int) -> bool:
        entry = self.entries[position].strip()
        return not entry.startswith(PATTERN) and PurePosixPath(entry).suffix.lower() in SUFFIXES


def read_exclude(exclude: str | list[str]) -> ExcludeList:
    """Read the names and patterns of files to exclude.

    Args:
        exclude: A list of them, one of them, or a text file with one per line: UTF-8, or UTF-16 with a byte order mark.
            There, lines that begin with "# " are comments.

    Raises:
        AimkitError: The text file does not exist, or is in another encoding.
    """
    if isinstance(exclude, list):
        return ExcludeList(exclude)
    if not exclude:
        return ExcludeList()
    path = Path() if exclude.startswith(PATTERN) else expand(exclude)
    if path.is_file():
        lines = [line.strip() for line in _text(path).splitlines()]
        return ExcludeList([line for line in lines if line and line != "#" and not line.startswith("# ")], str(path))
    if path.suffix == ".txt":
        raise AimkitError("file of excluded names not found", str(path))
    return ExcludeList([exclude])


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AimkitError(f"can't read the list of excluded names: {error.strerror or error}", str(path)) from None
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
        if "\0" not in text:
            return text
        line = 1
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
    what = f"the list of excluded names is not UTF-8 in line {line}"
    raise AimkitError(what, str(path), f"save it as UTF-8, for example: iconv -f LATIN1 -t UTF-8 {path.name} > new.txt")


def _plain(name: str) -> str:
    """A name as it is compared: composed letters, slashes, no blanks around it."""
    # macOS lists decomposed letters, Windows writes backslashes.
    return unicodedata.normalize("NFC", as_text(name)).replace("\\", "/").strip()


def _parts(entry: str) -> list[str]:
    return [part.strip() for part in _plain(entry).split("/") if part.strip() not in ("", ".")]


def _root_parts(root: Place | str) -> list[str]:
    text = str(root) if isinstance(root, Remote) or not str(root) else os.path.abspath(root)
    return _parts(text)


def without_suffix(name: str) -> str:
    """A name without the suffix of a picture; other suffixes are parts of names."""
    suffix = PurePosixPath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in SUFFIXES else name
