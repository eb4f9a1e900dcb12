"""Predict many photos and write their outputs, one photo's failure being its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from aimkit import console
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.folder_lock import locked
from aimkit.imageio import DecodedImage, decode, read_file
from aimkit.predict.collect import PhotoJob
from aimkit.predict.journal import Journal
from aimkit.predict.output import CompositeStyle, encode, read_profile
from aimkit.predict.predictor import Prediction, Predictor
from aimkit.skips import Skips


@dataclass(frozen=True)
class _Opened:
    """A photo that was read: its picture, its colour profile, the digest of its file."""

    image: DecodedImage
    profile: bytes
    digest: str


def predict_files(
    jobs: Sequence[PhotoJob],
    predictor: Predictor,
    out: Path,
    kinds: Sequence[str],
    style: CompositeStyle,
    skips: Skips | None = None,
) -> Skips:
    """Predict photos and write their outputs. While one is predicted, the next is read and the last is written.

    Args:
        jobs: The photos.
        predictor: Predicts them.
        out: Folder of the outputs; it also gets a journal of the photos that they were made from.
        kinds: The outputs to write, keys of :data:`aimkit.predict.output.KINDS`.
        style: Bit depth, background and trimap kernel of the outputs.
        skips: Photos that were left out before; those that fail are added.

    Returns:
        The skipped photos with their reasons; the outputs of all others are written.

    Raises:
        AimkitError: An output can't be written, or another process predicts into the folder.
    """
    skips = Skips("photo") if skips is None else skips
    cut = 0
    pending: Future[None] | None = None
    journal = Journal(out)
    with (
        locked(out, "predict"),
        console.progress(len(jobs), "predict", "photos") as bar,
        ThreadPoolExecutor(2) as pool,
    ):
        reading = pool.submit(_open, jobs[0].path) if jobs else None
        for position, job in enumerate(jobs):
            assert reading is not None
            current = reading
            if position + 1 < len(jobs):
                reading = pool.submit(_open, jobs[position + 1].path)
            prediction = None
            with skips.guard(job.path):
                opened = current.result()
                prediction = _predict(predictor, opened.image, job.path)
            if prediction is None:
                bar.advance()
                continue
            cut += prediction.masked
            if pending is not None:
                pending.result()
                bar.advance()
            pending = pool.submit(_write, job, prediction, opened, out, kinds, style, journal)
        if pending is not None:
            pending.result()
            bar.advance()
    if cut:
        has = "has" if cut == 1 else "have"
        what = f"{cut} photo{'s' * (cut != 1)} {has} an alpha channel: what it hides stays hidden"
        console.info(f"{what} (--ignore-alpha predicts it anew)")
    return skips


def _open(path: Path) -> _Opened:
    data = read_file(path)
    return _Opened(decode(data, str(path)), read_profile(data), hashlib.sha256(data).hexdigest())


def _predict(predictor: Predictor, image: DecodedImage, path: Path) -> Prediction:
    try:
        return predictor(image)
    except AimkitError as error:
        raise AimkitError(error.what, f"{path}, {error.where}", error.hint, exit_code=error.exit_code) from None
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        # The CPU's allocator has no error class of its own.
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        height, width = image.size
        hint = "use --strategy tiled, with --option tile=512 if that is still too much"
        raise AimkitError(f"not enough memory for a photo of {width}x{height}", str(path), hint) from None


def _write(
    job: PhotoJob,
    prediction: Prediction,
    opened: _Opened,
    out: Path,
    kinds: Sequence[str],
    style: CompositeStyle,
    journal: Journal,
) -> None:
    for kind in kinds:
        write_bytes(job.output(out, kind), encode(kind, prediction, style, opened.profile))
    journal.add(job.name, opened.digest)
