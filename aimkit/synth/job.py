"""The work on one shard, the same in this process, in a worker process or on another machine."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2

from aimkit.datasets.inspect.stats import Tally
from aimkit.datasets.writers import formats
from aimkit.datasets.writers.files import explained, listing, settle, workspace, write_whole
from aimkit.datasets.writers.output import Output
from aimkit.datasets.writers.record import Digest, SampleRecord, encode
from aimkit.datasets.writers.shard import Shard
from aimkit.storage import Place
from aimkit.types import Sample


@dataclass(frozen=True)
class ShardJob:
    """What a worker needs to know; it can be pickled.

    Attributes:
        recipe: The synth recipe.
        out: Folder of the dataset, by path or URL.
        synthesizer: Makes the samples of a recipe; None stands for :class:`aimkit.synth.engine.Synthesizer`.
    """

    recipe: Any
    out: Place
    synthesizer: Callable[[Any], Sequence[Sample]] | None = None

    def samples(self) -> Sequence[Sample]:
        """The samples, each made when it is asked for."""
        if self.synthesizer is not None:
            return self.synthesizer(self.recipe)
        from aimkit.synth.engine import Synthesizer

        return Synthesizer(self.recipe)


def write_shard(job: ShardJob, samples: Sequence[Sample], shard: Shard, tick: Callable[[], None]) -> dict[str, Any]:
    """Make and store the samples of a shard: first under a temporary name, in place when whole, the sidecar last.

    Args:
        job: What is made.
        samples: ``job.samples()``, made once per process.
        shard: Which part of it.
        tick: Called after every sample; what it raises ends the work.

    Returns:
        The sidecar.

    Raises:
        AimkitError: A sample can't be made, or the disk is full. Nothing of the shard is left behind then.
    """
    output: Output = job.recipe.output
    digest, tally = Digest(), Tally()
    quarantined: list[dict[str, Any]] = []

    def records() -> Iterator[SampleRecord]:
        for index in range(shard.start, shard.stop):
            sample = samples[index]
            record = encode(sample, index, output)
            digest.add(record)
            tally.add(sample)
            quarantined.extend({"index": index, **entry} for entry in sample.meta.get("quarantined", []))
            yield record
            tick()

    with explained(job.out), _one_thread(), workspace(job.out, f"{shard.number:05d}") as temporary:
        extra = formats.get(output.format).value(job.out, shard).write(temporary, records())
        sidecar = {
            "shard": shard.number,
            "start": shard.start,
            "count": len(shard),
            "digest": digest.hexdigest(),
            "files": listing(temporary),
            "quarantined": quarantined,
            **tally.plain(),
            **extra,
        }
        settle(temporary, job.out)
        write_whole(job.out / shard.sidecar, [json.dumps(sidecar, ensure_ascii=False).encode()], temporary)
    return sidecar


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Worker processes share the cores out already; and with one thread, sums have one order."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
