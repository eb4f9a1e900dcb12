"""Dataset formats: how the samples of a shard lie on disk, and how they are read back.

A format is a class that stands for one shard of a dataset. It writes files below a temporary folder, at the relative
paths at which they will stay; :mod:`aimkit.synth.job` moves or uploads them to the dataset.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Protocol

from aimkit.datasets.writers.record import SampleRecord
from aimkit.datasets.writers.shard import Shard
from aimkit.registry import Registry
from aimkit.storage import Place


class DatasetFormat(Protocol):
    """One shard of a dataset in some format.

    Attributes:
        data_files: Patterns of the files that Hugging Face's loader reads, relative to the dataset.
    """

    data_files: ClassVar[tuple[str, ...]]

    def __init__(self, root: Place, shard: Shard) -> None: ...

    def write(self, folder: Path, records: Iterable[SampleRecord]) -> dict[str, Any]:
        """Write the shard's files below a folder; returns what reading needs to know, as JSON for the sidecar."""
        ...

    def read(self, position: int) -> SampleRecord:
        """The record at a position within a finished shard.

        Raises:
            AimkitError: A file is missing or damaged.
        """
        ...

    @staticmethod
    def finish(root: Place, shards: Iterable[Shard]) -> dict[str, Iterator[bytes]]:
        """Files that the dataset as a whole needs, by relative path, once all its shards are there."""
        ...


#: The values are subclasses in shape of :class:`DatasetFormat`.
formats: Registry[type[DatasetFormat]] = Registry("dataset format", ["aimkit.datasets.writers"])
