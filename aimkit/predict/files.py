"""Predict many photos: collect them, name their outputs, and write these one after the other."""

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
from aimkit.predict.output import CompositeStyle, encode, read_profile
from aimkit.predict.predictor import Prediction, Predictor
from aimkit.recipe import expand
from aimkit.types import UInt8


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


def collect(inputs: Iterable[str | os.PathLike[str]], out: Path | None = None) -> list[PhotoJob]:
    """Collect image files, and the images below folders, each once and under a unique name.

    The name is the file's without suffix; below a folder it includes the path from there. Equal names get the suffix
    (``a_jpg``), then a digest of the path, so that no name depends on the order.

    Args:
        inputs: Files and folders.
        out: Folder of the outputs; files in it are skipped.

    Raises:
        AimkitError: A file or folder does not exist, or a folder has no images.
    """
    found: dict[Path, Path] = {}
    for text in inputs:
        path = expand(text, "photos")
        if path.is_dir():
            images = [(file, file.relative_to(path)) for file in _images(path, out)]
            if not images:
                raise AimkitError("the folder has no images", str(path), ", ".join(sorted(SUFFIXES)))
        elif path.exists():
            images = [(path, Path(path.name))]
        else:
            raise AimkitError("file or folder not found", str(path))
        for file, relative in images:
            found.setdefault(file.resolve(), relative)
    return [PhotoJob(path, name) for path, name in zip(found, _names(found), strict=True)]


def predict_files(
    jobs: Sequence[PhotoJob], predictor: Predictor, out: Path, kinds: Sequence[str], style: CompositeStyle
) -> list[AimkitError]:
    """Predict photos and write their outputs. While one is predicted, the next is read and the last is written.

    Args:
        jobs: The photos.
        predictor: Predicts them.
        out: Folder of the outputs.
        kinds: The outputs to write, keys of :data:`aimkit.predict.output.KINDS`.
        style: Bit depth, background and trimap kernel of the outputs.

    Returns:
        An error for each photo that could not be read or predicted; the outputs of all others are written.

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
        hint = "use --strategy tiled, with --option tile=512 if that is still too much"
        raise AimkitError(f"not enough memory for a photo of {width}x{height}", str(path), hint) from None


def _write(
    job: PhotoJob, prediction: Prediction, profile: bytes, out: Path, kinds: Sequence[str], style: CompositeStyle
) -> None:
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
    """A unique name for each (file, path from its folder), whatever the case, since some disks ignore it."""
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
