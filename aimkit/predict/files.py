"""Many photos: which, under which names, and predicting them one after the other."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.imageio import SUFFIXES, read_rgb
from aimkit.predict.output import Style, encode, read_profile
from aimkit.predict.predictor import Prediction, Predictor
from aimkit.recipe import expand
from aimkit.types import UInt8


@dataclass(frozen=True)
class Job:
    """A photo, and the name of its outputs: ``OUT/KIND/NAME.png``."""

    path: Path
    name: str

    def output(self, out: Path, kind: str) -> Path:
        """Where an output goes."""
        return out / kind / f"{self.name}.png"


def collect(inputs: Iterable[str | os.PathLike[str]], out: Path | None = None) -> list[Job]:
    """Files, and the images in folders and below, each once, with names of which no two are alike.

    A photo is called as its file without suffix, inside a folder with the path from there. Names that would be alike
    get the suffix (``a_jpg``), then a digest of the path, so that a name does not depend on the order.

    Args:
        inputs: Files and folders.
        out: Folder of the outputs; what lies in it is not taken.

    Raises:
        AimkitError: Something does not exist, or a folder holds no images.
    """
    found: dict[Path, Path] = {}
    for text in inputs:
        path = expand(text, "photos")
        if path.is_dir():
            images = [(file, file.relative_to(path)) for file in _images(path, out)]
            if not images:
                raise AimkitError("there are no images in the folder", str(path), ", ".join(sorted(SUFFIXES)))
        elif path.exists():
            images = [(path, Path(path.name))]
        else:
            raise AimkitError("no such file or folder", str(path))
        for file, relative in images:
            found.setdefault(file.resolve(), relative)
    return [Job(path, name) for path, name in zip(found, _names(found), strict=True)]


def predict_files(
    jobs: Sequence[Job], predictor: Predictor, out: Path, kinds: Sequence[str], style: Style
) -> list[AimkitError]:
    """Predict photos and write what is asked for; while one is predicted, the next is read and the last written.

    Returns:
        The photos that could not be read or predicted; all others are written.

    Raises:
        AimkitError: An output can't be written.
    """
    failures: list[AimkitError] = []
    pending: Future[None] | None = None
    with console.progress(len(jobs), "predict", "photos") as bar, ThreadPoolExecutor(2) as pool:
        reading = pool.submit(_read, jobs[0].path) if jobs else None
        for position, job in enumerate(jobs):
            assert reading is not None
            current = reading
            if position + 1 < len(jobs):
                reading = pool.submit(_read, jobs[position + 1].path)
            try:
                photo, profile = current.result()
                prediction = _predict(predictor, photo, job.path)
            except AimkitError as error:
                failures.append(error)
                bar.advance()
                continue
            if pending is not None:
                pending.result()
                bar.advance()
            pending = pool.submit(_write, job, prediction, profile, out, kinds, style)
        if pending is not None:
            pending.result()
            bar.advance()
    return failures


def _read(path: Path) -> tuple[UInt8, bytes]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AimkitError(f"can't read the image: {error.strerror}", str(path)) from None
    return read_rgb(data, str(path)), read_profile(data)


def _predict(predictor: Predictor, photo: UInt8, path: Path) -> Prediction:
    try:
        return predictor(photo)
    except AimkitError as error:
        raise AimkitError(error.what, f"{path}, {error.where}", error.hint, exit_code=error.exit_code) from None
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        # The CPU's allocator has no error class of its own.
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        height, width = photo.shape[:2]
        hint = "--strategy tiled, with --option tile=512 if need be"
        raise AimkitError(f"a photo of {width}x{height} needs more memory than there is", str(path), hint) from None


def _write(job: Job, prediction: Prediction, profile: bytes, out: Path, kinds: Sequence[str], style: Style) -> None:
    for kind in kinds:
        write_bytes(job.output(out, kind), encode(kind, prediction, style, profile))


def _images(folder: Path, out: Path | None) -> list[Path]:
    own = out.resolve() if out is not None else None
    files = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        if own is None or own not in path.resolve().parents:
            files.append(path)
    return files


def _names(found: dict[Path, Path]) -> list[str]:
    """A name for every (file, path from its folder); alike in upper and lower case is alike, as on some disks."""
    choices = []
    for path, relative in found.items():
        plain = relative.with_suffix("").as_posix()
        suffixed = plain + path.suffix.replace(".", "_")
        digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
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
