"""From a stream to batches of tensors."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from aimkit.data.device.batch import BatchRow, DeferredBatch, collate_deferred, finish_batch
from aimkit.data.device.steps import device_steps
from aimkit.data.sampler import PositionSampler
from aimkit.data.streams import Stream, StreamBlock
from aimkit.data.transfer import SHARED_MEMORY, PipedBatch, received, shared, warn_small
from aimkit.data.transforms import SquareCrop, Transform
from aimkit.errors import AimkitError
from aimkit.rng import rng
from aimkit.sample_rows import to_row
from aimkit.synth.engine import Synthesizer
from aimkit.synth.processes import deaf_to_interrupts
from aimkit.types import ImageType, Sample

#: Batches that each worker makes ahead.
PREFETCH = 4
#: Seconds without a batch after which something hangs: a slow source still makes one in minutes.
TIMEOUT = 1800


class StreamDataset(Dataset[Any]):
    """Transformed samples of a stream by position; the stream is opened in the process that uses it.

    Args:
        source: Where the samples come from.
        transform: How they come to the network's size.
        seed: Seed of the run.
        device_compositing: Whether to leave steps, blending and labels to :func:`to_device`. Needs live composites
            that are made at the network's size (``crop_first = "fast"``).
    """

    def __init__(
        self, source: StreamBlock, transform: Transform, seed: int, *, device_compositing: bool = False
    ) -> None:
        self.source, self.transform, self.seed = source, transform, seed
        self.device_compositing = device_compositing
        self._stream: Stream | None = None

    @property
    def stream(self) -> Stream:
        """The stream, opened at the first use."""
        if self._stream is None:
            self._stream = self.source.open(self.seed)
        return self._stream

    def sample(self, position: int) -> Sample:
        """The transformed sample of a position; pure."""
        draw = rng(self.seed, "transform", position)
        crop_first = getattr(self.source, "crop_first", "off")
        if crop_first != "off" and isinstance(self.transform, SquareCrop):
            chosen = self.transform.view(draw, reduced=crop_first == "fast")
            window = cast(Synthesizer, self.stream).window(position, chosen)
            return self._labelled(self.transform.finish(window, draw))
        return self._labelled(self.transform.apply(self.stream.sample(position), draw))

    def row(self, position: int) -> BatchRow:
        """The sample of a position before its steps; finished where the device can't do them."""
        assert isinstance(self.transform, SquareCrop)
        draw, side = rng(self.seed, "transform", position), self.transform.size
        chosen = self.transform.view(draw, reduced=True)
        made = cast(Synthesizer, self.stream).deferred(position, chosen, (side, side), device_steps)
        if isinstance(made, Sample):
            made = self._labelled(self.transform.finish(made, draw))
        elif self.source.label == "trimap":
            # The label is made later, by type: that of an opaque thing is the trimap itself.
            made = replace(made, type=ImageType.SO)
        return BatchRow(made, bool(draw.random() < self.transform.flip), position)

    def _labelled(self, sample: Sample) -> Sample:
        """The sample with the label to learn from; where the crop lies does not depend on it."""
        return sample if self.source.label == "generalized" else replace(sample, label=sample.trimap)

    def __getitem__(self, position: int) -> dict[str, Any] | BatchRow:
        if self.device_compositing:
            return self.row(position)
        return {**to_tensors(self.sample(position)), "position": position}

    def __len__(self) -> int:
        return len(self.stream)

    def __getstate__(self) -> dict[str, Any]:
        # Spawned workers open their own: an open stream may hold files and large lists.
        return {**self.__dict__, "_stream": None}


def to_tensors(sample: Sample) -> dict[str, Any]:
    """A sample as uint8 tensors; keys and shapes are those of :mod:`aimkit.sample_rows`."""
    row = to_row(sample)
    return {name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for name, value in row.items()}


def make_loader(dataset: StreamDataset, sampler: PositionSampler, workers: int = 0) -> Generator[Any, None, None]:
    """Make batches in the order of the sampler, in that many worker processes.

    Workers are spawned, not forked: a fork copies the locks of OpenCV's and torch's threads in whatever state they are.
    They end when the iterator is closed. Batches that do not fit into shared memory come through pipes; see
    :mod:`aimkit.data.transfer`.

    Raises:
        AimkitError: A sample raised it, here or in a worker; or a worker can't be started, died, or hangs.
    """
    if not workers:
        cv2.setNumThreads(1)
    loader: Iterable[Any] = DataLoader(
        _Caught(dataset),
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=partial(
            _collate_unless_caught, collate_deferred if dataset.device_compositing else collate, bool(workers)
        ),
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_start_worker if workers else None,
        prefetch_factor=PREFETCH if workers else None,
        pin_memory=torch.cuda.is_available(),
        timeout=TIMEOUT if workers else 0,
    )
    told = False
    try:
        # No name for the iterator: a traceback would keep it, and its workers, alive.
        for batch in _started(loader, workers):
            if isinstance(batch, AimkitError):
                raise batch
            if isinstance(batch, PipedBatch) and not told:
                warn_small(batch, workers * (PREFETCH + 1))
                told = True
            yield received(batch)
    except RuntimeError as error:
        problem = _of_workers(str(error))
        if problem is None:
            raise
        raise problem from error


def _started(loader: Iterable[Any], workers: int) -> Iterator[Any]:
    try:
        with deaf_to_interrupts() if workers else nullcontext():
            return iter(loader)
    except OSError as error:
        # Their queues need semaphores, which lie in shared memory.
        what = f"the data workers can't be started: {error.strerror}"
        hint = f"make room in {SHARED_MEMORY} (Docker: --shm-size=1g), or set data.workers=0"
        raise AimkitError(what, "data.workers", hint, exit_code=1) from error


def _of_workers(text: str) -> AimkitError | None:
    """What torch's loader says of its workers, as an error of ours; None when it speaks of something else."""
    again = "then continue with --resume"
    if "DataLoader timed out" in text:
        what = f"no data worker has made a batch for {TIMEOUT // 60} minutes"
        hint = f"check that the sources of the data can be read, {again}"
    elif match := re.search(r"DataLoader worker \(pid (\d+)\) is killed by signal: ([^.]*)", text):
        pid, name = match.groups()
        what = f"a data worker, process {pid}, was killed by the signal {name!r}"
        if name == "Killed":
            what += ", most likely by the system for lack of memory"
        hint = f"lower data.workers, batch or data.train.keep, {again}"
    elif "DataLoader worker" in text:
        what = "a data worker ended unexpectedly, possibly killed for lack of memory"
        hint = f"lower data.workers, batch or data.train.keep, or find the cause with data.workers=0, {again}"
    else:
        return None
    return AimkitError(what, "data.workers", hint, exit_code=1)


@dataclass(frozen=True)
class _Caught(Dataset[Any]):
    """A dataset that returns errors as items: torch would wrap those of workers into a text with a traceback."""

    dataset: StreamDataset

    def __getitem__(self, position: int) -> Any:
        try:
            return self.dataset[position]
        except AimkitError as error:
            return error


def _collate_unless_caught(collate: Callable[[list[Any]], Any], is_sent: bool, rows: list[Any]) -> Any:
    try:
        batch = next((row for row in rows if isinstance(row, AimkitError)), None) or collate(rows)
    except AimkitError as error:
        return error
    return shared(batch) if is_sent else batch


def collate(rows: list[dict[str, Any]]) -> dict[str, Tensor]:
    """Stack the rows of a batch.

    Raises:
        AimkitError: The rows differ in size.
    """
    sizes = {tuple(row["image"].shape[-2:]) for row in rows}
    if len(sizes) > 1:
        raise AimkitError(
            f"the samples of a batch differ in size: {sorted(sizes)}", "data.transform", "use 'crop' or 'fit'"
        )
    return {
        name: torch.stack([row[name] for row in rows]) if isinstance(rows[0][name], Tensor) else _column(rows, name)
        for name in rows[0]
    }


def to_device(batch: dict[str, Tensor] | DeferredBatch, device: torch.device | str) -> dict[str, Tensor]:
    """Move a batch and convert it for the losses: colours float32 in [0, 1], alpha and label float32 in 0..255."""
    if isinstance(batch, DeferredBatch):
        return finish_batch(batch, device)
    moved = {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
    for name in ("image", "foreground", "background"):
        moved[name] = moved[name].float() / 255
    for name in ("alpha", "label"):
        moved[name] = moved[name].float()
    return moved


def _column(rows: list[dict[str, Any]], name: str) -> Tensor:
    return torch.tensor([row[name] for row in rows])


def _start_worker(_: int) -> None:
    # Ctrl-C and SIGTERM are for the main process, which ends its workers when its step is done; terminals, torchrun and
    # batch systems send them to all. The second SIGTERM is the main process's own.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
