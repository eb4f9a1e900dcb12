"""Which photos a prediction takes, under which names, and what is left out. Imports no network."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aimkit.errors import AimkitError
from aimkit.imageio.formats import SUFFIXES, is_picture
from aimkit.recipe import expand
from aimkit.skips import Skips

#: In the folder of the outputs: a line a photo, its name and the SHA-256 of its file.
JOURNAL = "photos.jsonl"

#: Outputs of a prediction, each in a folder of its name.
KINDS = ("alpha", "cutout", "composite", "trimap", "semantic")


@dataclass(frozen=True)
class PhotoJob:
    """A photo to predict.

    Attributes:
        path: The image file.
        name: Name of the outputs, ``OUT/KIND/NAME.png``; it may contain folders.
    """

    path: Path
    name: str

    def output(self, out: Path, kind: str) -> Path:
        """The path of an output."""
        return out / kind / f"{self.name}.png"


@dataclass
class PhotoList:
    """The photos that arguments name.

    Attributes:
        jobs: The photos, each once and under a unique name.
        skips: Files that can't be photos: broken links, pipes.
        others: Files of folders that are not pictures, counted by suffix ("none" without one).
        predictions: Folders of an earlier prediction, whose outputs are left out.
    """

    jobs: list[PhotoJob] = field(default_factory=list)
    skips: Skips = field(default_factory=lambda: Skips("photo"))
    others: Counter[str] = field(default_factory=Counter)
    predictions: list[Path] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Photos and skipped files, before any photo is predicted."""
        return len(self.jobs) + len(self.skips)

    def others_text(self) -> str:
        """What was left out in words, "" if nothing was: ``3 other files left out: 2 .txt, 1 .mp4``."""
        texts = [f"outputs of an earlier prediction left out: {folder}" for folder in self.predictions]
        if count := sum(self.others.values()):
            kinds = ", ".join(f"{number} {suffix}" for suffix, number in self.others.most_common())
            texts.append(f"{count} other file{'s' * (count != 1)} left out: {kinds}")
        return "; ".join(texts)


def collect(inputs: Iterable[str | os.PathLike[str]], out: Path | None = None) -> PhotoList:
    """Collect picture files, and the pictures below folders, each once and under a unique name.

    A name is the file's without suffix; below a folder it includes the path from there, and with several folders the
    path from their common parent, so that their structure is kept. Equal names get the suffix (``a_jpg``), then a
    digest of the path, so that no name depends on the order. In folders, whatever is a picture by its content is
    taken, whatever its suffix; hidden files are not. Links to folders are followed.

    Args:
        inputs: Files and folders. An existing path is taken literally; else ``~`` and ``${NAME}`` are filled in.
        out: Folder of the outputs. Its output folders (``alpha``, ``cutout``, ...) are skipped, and so are those of
            earlier predictions, which are known by their journal.

    Raises:
        AimkitError: A file or folder does not exist, or a folder has no pictures.
    """
    paths = [path if (path := Path(text)).exists() or path.is_symlink() else expand(text, "photos") for text in inputs]
    # A file that is also named alone keeps its name from the folder, whatever the order.
    folders = [path for path in paths if path.is_dir()]
    root = Path(os.path.commonpath([os.path.abspath(folder) for folder in folders])) if len(folders) > 1 else None
    photos = PhotoList()
    found: dict[Path, tuple[Path, Path]] = {}
    for path in sorted(paths, key=lambda path: not path.is_dir()):
        if path.is_dir():
            before = len(found), photos.total
            for file in _pictures(path, out, photos):
                relative = Path(os.path.abspath(file)).relative_to(root) if root else file.relative_to(path)
                found.setdefault(file.resolve(), (file, relative))
            if (len(found), photos.total) == before and not _taken_before(path, found):
                raise AimkitError("the folder has no pictures", str(path), photos.others_text() or _formats())
        elif path.exists():
            found.setdefault(path.resolve(), (path, Path(path.name)))
        elif path.is_symlink():
            photos.skips.add(path, "the link is broken")
        else:
            raise AimkitError("file or folder not found", str(path))
    files = dict(found.values())
    photos.jobs = [PhotoJob(file, name) for file, name in zip(files, _names(files), strict=True)]
    return photos


def check_outputs(jobs: Iterable[PhotoJob], out: Path, kinds: Iterable[str]) -> None:
    """Refuse to write over a photo that is to be read.

    Raises:
        AimkitError: An output of one photo is another photo, or itself.
    """
    jobs, kinds = list(jobs), list(kinds)
    inputs = {job.path.resolve() for job in jobs}
    for job in jobs:
        for kind in kinds:
            output = job.output(out, kind)
            if output.resolve() in inputs:
                raise AimkitError("an output would replace an input", str(output), "choose another folder with -o")


def _pictures(folder: Path, out: Path | None, photos: PhotoList) -> Iterator[Path]:
    """Pictures below a folder, sorted; what is left out is noted."""
    own = {(out / kind).resolve() for kind in KINDS} if out is not None else set()
    seen: set[str] = set()

    def unreadable(error: OSError) -> None:
        photos.skips.add(error.filename or folder, f"can't open the folder: {error.strerror}")

    for place, folders, files in os.walk(folder, followlinks=True, onerror=unreadable):
        # A link can lead back to a folder that contains it.
        real = os.path.realpath(place)
        if real in seen or Path(real) in own:
            folders.clear()
            continue
        seen.add(real)
        if JOURNAL in files:
            files.remove(JOURNAL)
            folders[:] = [name for name in folders if name not in KINDS]
            if out is None or Path(real) != out.resolve():
                photos.predictions.append(Path(place))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(place) / name
            if name.startswith("."):
                continue
            if path.is_symlink() and not path.exists():
                photos.skips.add(path, "the link is broken")
            elif not path.is_file():
                photos.skips.add(path, "not a regular file")
            elif is_picture(path):
                yield path
            else:
                photos.others[path.suffix.lower() or "none"] += 1


def _taken_before(folder: Path, found: dict[Path, tuple[Path, Path]]) -> bool:
    real = folder.resolve()
    return any(real in path.parents for path in found)


def _formats() -> str:
    return "known suffixes: " + ", ".join(sorted(SUFFIXES))


def _names(files: dict[Path, Path]) -> list[str]:
    """A unique name for each (file, relative path), whatever the case, since some disks ignore it."""
    choices = []
    for path, relative in files.items():
        plain = relative.with_suffix("").as_posix()
        suffixed = plain + path.suffix.replace(".", "_")
        digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:8]
        choices.append((plain, suffixed, f"{suffixed}_{digest}"))
    level = [0] * len(choices)
    while True:
        names = [choice[at] for choice, at in zip(choices, level, strict=True)]
        count = Counter(name.casefold() for name in names)
        again = [i for i, name in enumerate(names) if count[name.casefold()] > 1 and level[i] < 2]
        if not again:
            return names
        for i in again:
            level[i] += 1
