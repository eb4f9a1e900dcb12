"""Writing one shard: the same in this process, in a worker process and on another machine."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2

from aimkit.datasets.inspect.stats import Tally
from aimkit.datasets.source_list import check_sources
from aimkit.datasets.writers import formats
from aimkit.datasets.writers.files import explained, listing, settle, workspace, write_whole
from aimkit.datasets.writers.output import Output
from aimkit.datasets.writers.record import Digest, SampleRecord, encode
from aimkit.datasets.writers.shard import Shard
from aimkit.storage import Place
from aimkit.types import Sample


@dataclass(frozen=True)
class ShardJob:
    """Everything a worker needs to write shards of a dataset; can be pickled.

    Attributes:
        recipe: The synth recipe.
        out: Folder of the dataset, a path or a URL.
        synthesizer: Makes the samples of a recipe; :class:`aimkit.synth.engine.Synthesizer` when None.
        sources: Digest of the source list that the run began with, or "".
    """

    recipe: Any
    out: Place
    synthesizer: Callable[[Any], Sequence[Sample]] | None = None
    sources: str = ""

    def samples(self) -> Sequence[Sample]:
        """The samples of the recipe, each made on access.

        Raises:
            AimkitError: A source can't be opened, or is not what it was when the run began.
        """
        if self.synthesizer is not None:
            return self.synthesizer(self.recipe)
        from aimkit.synth.engine import Synthesizer

        made = Synthesizer(self.recipe)
        # Every process scans for itself, maybe on another machine.
        check_sources(self.out, self.sources, made.sources)
        return made


def write_shard(job: ShardJob, samples: Sequence[Sample], shard: Shard, tick: Callable[[], None]) -> dict[str, Any]:
    """Make and store the samples of a shard.

    Files are written in a temporary folder, moved into place when they are complete, and the sidecar is written last.

    Args:
        job: The dataset to write.
        samples: ``job.samples()``, opened once per process.
        shard: The shard to write.
        tick: Called after every sample; an exception from it stops the work.

    Returns:
        The sidecar.

    Raises:
        AimkitError: A sample can't be made, or the disk is full. No file of the shard is left behind.
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
    """Use one OpenCV thread: worker processes already use all cores, and sums keep one order."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
