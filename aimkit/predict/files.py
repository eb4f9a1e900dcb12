"""Predict many photos and write their outputs; a failure concerns only its own photo."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Semaphore

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


@dataclass(frozen=True)
class _Written:
    """A photo whose outputs are written."""

    digest: str
    masked: bool


def predict_files(
    jobs: Sequence[PhotoJob],
    predictor: Predictor,
    out: Path,
    kinds: Sequence[str],
    style: CompositeStyle,
    skips: Skips | None = None,
) -> Skips:
    """Predict photos and write their outputs.

    Each photo is read, predicted and written by one of a few threads, so that the work on different photos overlaps;
    ``network.parallel`` bounds how many are in the network at once. Photos are reported in order.

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
    parallel = predictor.network.parallel
    gate, workers = Semaphore(parallel), parallel + 2 if parallel == 1 else parallel + 1

    def work(job: PhotoJob) -> _Written | Exception:
        try:
            opened = _open(job.path)
            with gate:
                prediction = _predict(predictor, opened.image, str(job.path))
        except Exception as error:  # It is this photo's; an output that can't be written stops all.
            return error
        write_outputs(job, prediction, out, kinds, style, opened.profile)
        return _Written(opened.digest, prediction.masked)

    journal = Journal(out)
    with (
        locked(out, "predict"),
        console.progress(len(jobs), "predict", "photos") as bar,
        ThreadPoolExecutor(workers) as pool,
    ):
        running: deque[tuple[PhotoJob, Future[_Written | Exception]]] = deque()
        waiting = iter(jobs)
        try:
            while True:
                while len(running) < 2 * workers and (job := next(waiting, None)) is not None:
                    running.append((job, pool.submit(work, job)))
                if not running:
                    break
                job, future = running.popleft()
                done = future.result()
                if isinstance(done, _Written):
                    journal.add(job.name, done.digest)
                    cut += done.masked
                else:
                    with skips.guard(job.path):
                        raise done
                bar.advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if cut:
        has = "has" if cut == 1 else "have"
        what = f"{cut} photo{'s' * (cut != 1)} {has} an alpha channel: pixels that it hides stay transparent"
        console.info(f"{what} (--ignore-alpha predicts them too)")
    return skips


def write_outputs(
    job: PhotoJob,
    prediction: Prediction,
    out: Path,
    kinds: Sequence[str],
    style: CompositeStyle,
    profile: bytes = b"",
) -> None:
    """Write the outputs of one photo; arguments as for :func:`predict_files` and :func:`aimkit.predict.output.encode`.

    Raises:
        AimkitError: An output can't be written.
    """
    for kind in kinds:
        write_bytes(job.output(out, kind), encode(kind, prediction, style, profile))


def predict_bytes(
    data: bytes, where: str, predictor: Callable[[], Predictor], kind: str, style: CompositeStyle
) -> bytes:
    """Predict one photo and encode one output.

    Args:
        data: The photo, an image file's bytes.
        where: Name of the photo, for messages.
        predictor: Makes the predictor, once the photo is known to be one.
        kind: The output, a key of :data:`aimkit.predict.output.KINDS`.
        style: Format of the output.

    Returns:
        The output as PNG.

    Raises:
        AimkitError: The photo can't be read or predicted.
    """
    image = decode(data, where)
    return encode(kind, _predict(predictor(), image, where), style, read_profile(data))


def _open(path: Path) -> _Opened:
    data = read_file(path)
    return _Opened(decode(data, str(path)), read_profile(data), hashlib.sha256(data).hexdigest())


def _predict(predictor: Predictor, image: DecodedImage, path: str) -> Prediction:
    try:
        return predictor(image)
    except AimkitError as error:
        raise AimkitError(error.what, f"{path}, {error.where}", error.hint, exit_code=error.exit_code) from None
    except (MemoryError, RuntimeError) as error:
        # PyTorch's errors of too little memory are RuntimeErrors, some of no class of their own.
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        height, width = image.size
        hint = "use --strategy tiled, with --option tile=512 if that is still too much"
        raise AimkitError(f"not enough memory for a photo of {width}x{height}", path, hint) from None
