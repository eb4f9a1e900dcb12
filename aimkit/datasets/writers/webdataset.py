"""The webdataset format: one tar file per shard, the planes of a sample one after the other.

Members are ``000123.image.png``, ``.alpha.png``, ``.trimap.png``, ``.label.png`` and ``.json``; with planes also
``.foreground.png`` and ``.background.png``. The JSON's ``meta`` is JSON text itself, since loaders that infer columns
need the same keys and types in every sample.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from aimkit.datasets.writers import formats
from aimkit.datasets.writers.record import SampleRecord
from aimkit.datasets.writers.shard import Shard, read_sidecar, readable
from aimkit.json_files import parse_json
from aimkit.storage import Place, read_range


@formats.register("webdataset")
class WebDatasetShard:
    """Tar files for streaming."""

    data_files: ClassVar[tuple[str, ...]] = ("data/train-*.tar",)

    def __init__(self, root: Place, shard: Shard) -> None:
        self.root, self.shard = root, shard
        self.path = root / _file(shard)
        self._offsets: list[int] | None = None

    def write(self, folder: Path, records: Iterable[SampleRecord]) -> dict[str, Any]:
        path = folder / _file(self.shard)
        path.parent.mkdir(parents=True, exist_ok=True)
        offsets = []
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for record in records:
                offsets.append(tar.offset)
                stem = self.shard.stem(record.index)
                row = {
                    "index": record.index,
                    "type": record.type,
                    "category": record.category,
                    "meta": record.meta,
                }
                for plane, data in record.planes.items():
                    _add(tar, f"{stem}.{plane}.{record.suffix(plane)}", data)
                _add(tar, f"{stem}.json", json.dumps(row, ensure_ascii=False).encode())
            offsets.append(tar.offset)
        return {"offsets": offsets}

    def read(self, position: int, *, planes: bool = True) -> SampleRecord:
        with readable(position, self.path, tarfile.TarError, StopIteration):
            start, stop = self._sample(position)
            members = dict(_members(read_range(self.path, start, stop)))
            row = parse_json(members.pop("json"), dict, f"JSON of sample {position}", str(self.path), exit_code=1)
            found = {field.split(".")[0]: data for field, data in members.items()} if planes else {}
            suffix = next(field for field in members if field.startswith("image.")).split(".")[1]
            return SampleRecord(row["index"], row["type"], row["category"], row["meta"], found, suffix)

    def _sample(self, position: int) -> tuple[int, int]:
        """Where the members of a sample begin and end in the file."""
        if self._offsets is None:
            offsets = read_sidecar(self.root, self.shard)["offsets"]
            rising = all(type(n) is int for n in offsets) and all(a < b for a, b in itertools.pairwise([-1, *offsets]))
            if not rising or len(offsets) != len(self.shard) + 1:
                raise ValueError("the offsets in its sidecar are damaged")
            self._offsets = offsets
        return self._offsets[position], self._offsets[position + 1]

    @staticmethod
    def finish(root: Place, shards: Iterable[Shard]) -> dict[str, Iterator[bytes]]:
        return {}


def _file(shard: Shard) -> str:
    return f"data/{shard.name}.tar"


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    # A fresh TarInfo has no owner, time 0 and mode 644, so the bytes never depend on who writes them, or when.
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (field, bytes) of the members of one sample; the field is the name after the stem.

    Raises:
        ValueError: A member is not one that this format writes: a link, a device, a path, cut short.
    """
    offset = 0
    while offset < len(data):
        member = tarfile.TarInfo.frombuf(data[offset : offset + 512], "utf-8", "strict")
        stem, _, field = member.name.partition(".")
        if not member.isreg() or not stem.isdigit() or not field or re.search(r"[/\\]", field):
            raise ValueError(f"the member {ascii(member.name)[:100]} does not belong to a sample")
        body = offset + 512
        if not 0 <= member.size <= len(data) - body:
            raise ValueError(f"the member {ascii(member.name)[:100]} has {member.size} bytes, more than its sample")
        yield field, data[body : body + member.size]
        offset = body + -(-member.size // 512) * 512
