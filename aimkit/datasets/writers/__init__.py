"""Dataset formats: how the samples of a shard are stored, and how they are read back.

A format is a class whose objects stand for one shard each. It writes files below a temporary folder, at the relative
paths that they will have in the dataset; :mod:`aimkit.synth.job` moves or uploads them there.
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
        data_files: Patterns of the files that Hugging Face's loader reads, relative to the dataset's folder.
    """

    data_files: ClassVar[tuple[str, ...]]

    def __init__(self, root: Place, shard: Shard) -> None: ...

    def write(self, folder: Path, records: Iterable[SampleRecord]) -> dict[str, Any]:
        """Write the shard's files below a folder.

        Returns:
            What reading needs to know, as JSON values for the sidecar.
        """
        ...

    def read(self, position: int, *, planes: bool = True) -> SampleRecord:
        """Read the record at a position of a finished shard, or without its planes.

        Raises:
            AimkitError: A file is missing or damaged.
        """
        ...

    @staticmethod
    def finish(root: Place, shards: Iterable[Shard]) -> dict[str, Iterator[bytes]]:
        """Make the files of the dataset as a whole, by relative path, once all its shards are finished."""
        ...


#: The values implement :class:`DatasetFormat`.
formats: Registry[type[DatasetFormat]] = Registry("dataset format", ["aimkit.datasets.writers"])
