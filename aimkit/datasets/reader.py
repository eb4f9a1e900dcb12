"""Reading a written dataset back, in any format."""

from __future__ import annotations

import bisect
import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, overload

from aimkit import console
from aimkit.datasets.exclude import ExcludeList
from aimkit.datasets.lock import read_lock
from aimkit.datasets.writers import DatasetFormat, formats
from aimkit.datasets.writers.record import SampleRecord, decode
from aimkit.datasets.writers.shard import Shard, finished, plan, read_sidecars
from aimkit.errors import AimkitError
from aimkit.remote import Remote
from aimkit.sample_rows import to_rows
from aimkit.storage import Place, place
from aimkit.types import Sample

#: Shards that stay open, with their line offsets or file handles.
_OPEN = 64


def open_dataset(path: str | os.PathLike[str] | Remote) -> Dataset:
    """Open a dataset that ``aimkit synth`` wrote, in any format, by path or URL.

    Raises:
        AimkitError: The path is not such a dataset, or none of its shards is finished.
    """
    return Dataset(place(path))


class Dataset(Sequence[Sample]):
    """The samples of a written dataset: its length is known without reading, any sample can be read on its own.

    Planes that were not stored (foreground and background unless ``output.planes`` was set) are empty, of shape
    (0, 0, 3). An unfinished dataset gives the samples of its finished shards. A dataset can be pickled and read by
    several processes.

    Attributes:
        root: The dataset's folder, a path or a URL.
        recipe: The resolved recipe as plain data.
        remarks: ``digest`` and ``versions`` from the lock file.
        plan: All shards.
        shards: The finished shards.
    """

    def __init__(self, root: Place) -> None:
        self.root = root
        self.recipe, self.remarks = read_lock(root)
        self.format: str = self.recipe["output"]["format"]
        formats.get(self.format, str(root))
        self.plan = plan(self.recipe["count"], self.recipe["output"]["shard_size"])
        self.shards = finished(root, self.plan)
        if not self.shards:
            raise AimkitError("the dataset has no finished shard", str(root), "aimkit synth ... --resume")
        self._starts = [0]
        for shard in self.shards:
            self._starts.append(self._starts[-1] + len(shard))
        self._opened: OrderedDict[tuple[int, int], DatasetFormat] = OrderedDict()

    @property
    def complete(self) -> bool:
        """Whether all shards are finished."""
        return len(self.shards) == len(self.plan)

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, position: int) -> Sample: ...
    @overload
    def __getitem__(self, position: slice) -> list[Sample]: ...
    def __getitem__(self, position: int | slice) -> Sample | list[Sample]:
        if isinstance(position, slice):
            return [self[i] for i in range(*position.indices(len(self)))]
        return decode(self.record(position))

    def __getitems__(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """The rows of a batch, see :mod:`aimkit.sample_rows`: ``DataLoader(dataset, batch_size=8)`` stacks them.

        Raises:
            AimkitError: The samples differ in size, or one is missing or damaged.
        """
        return to_rows([self[position] for position in positions])

    def record(self, position: int, *, planes: bool = True) -> SampleRecord:
        """Read a sample as stored, not decoded; without its planes, which is fast, if they are not wanted.

        Raises:
            AimkitError: It is missing or damaged.
        """
        if position < 0:
            position += len(self)
        if not 0 <= position < len(self):
            raise IndexError(f"sample {position} of {len(self)}")
        number = bisect.bisect_right(self._starts, position) - 1
        return self.open_shard(self.shards[number]).read(position - self._starts[number], planes=planes)

    def kept(self, exclude: ExcludeList) -> list[int]:
        """Positions of the samples that a list does not exclude; it names them by number, such as "000017".

        Raises:
            AimkitError: More than half of its entries name no sample, or no sample is left.
        """
        names = [shard.stem(index) for shard in self.shards for index in range(shard.start, shard.stop)]
        gone = exclude.select((name, name) for name in names)
        for note in exclude.check(names):
            console.warn(f"{self.root}: {note}")
        kept = [position for position, name in enumerate(names) if name not in gone]
        if not kept:
            raise AimkitError("all samples are excluded", str(self.root))
        return kept

    def open_shard(self, shard: Shard) -> DatasetFormat:
        """Open a finished shard for reading."""
        # A forked process must not share its parent's open files and connections.
        key = (os.getpid(), shard.number)
        opened = self._opened.pop(key, None) or formats.get(self.format).value(self.root, shard)
        self._opened[key] = opened
        if len(self._opened) > _OPEN:
            self._opened.popitem(last=False)
        return opened

    def sidecars(self) -> Iterator[dict[str, Any]]:
        """Read the sidecars of the finished shards."""
        return read_sidecars(self.root, self.shards)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": OrderedDict()}
