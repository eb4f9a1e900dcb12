"""The parquet format: one file a shard, which ``datasets`` and the Hugging Face viewer read as images."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from aimkit.datasets.writers import formats
from aimkit.datasets.writers.record import PLANES, SampleRecord
from aimkit.datasets.writers.shard import Shard, readable
from aimkit.remote import Remote
from aimkit.storage import Place, check_regular
from aimkit.types import ImageType

#: Files of older versions hold numbers of these.
_LABELS = [image_type.value for image_type in ImageType]


@formats.register("parquet")
class ParquetShard:
    """Parquet files with image columns."""

    data_files: ClassVar[tuple[str, ...]] = ("data/train-*.parquet",)

    def __init__(self, root: Place, shard: Shard) -> None:
        self.path, self.shard = root / _file(shard), shard
        self._file: pq.ParquetFile | None = None

    def write(self, folder: Path, records: Iterable[SampleRecord]) -> dict[str, Any]:
        path = folder / _file(self.shard)
        path.parent.mkdir(parents=True, exist_ok=True)
        writer: pq.ParquetWriter | None = None
        try:
            for record in records:
                if writer is None:
                    schema = _schema(list(record.planes))
                    # The images are compressed already, and queries do not filter by their bytes.
                    writer = pq.ParquetWriter(
                        path, schema, compression="NONE", use_dictionary=False, write_statistics=False
                    )
                # One sample per row group: random access then reads only that sample.
                writer.write_table(pa.Table.from_pylist([_row(record, self.shard)], writer.schema))
        finally:
            if writer is not None:
                writer.close()
        return {}

    def read(self, position: int, *, planes: bool = True) -> SampleRecord:
        with readable(position, self.path, pa.ArrowException, TypeError):
            if self._file is None:
                self._file = _opened(self.path)
            # Without the planes' bytes, nothing but their names is read.
            columns = None if planes else ["image.path", "index", "type", "category", "meta"]
            row = self._file.read_row_group(position, columns).to_pylist()[0]
            found = {name: row[name]["bytes"] for name in PLANES if name in row} if planes else {}
            suffix = Path(row["image"]["path"]).suffix[1:]
            kind = row["type"] if isinstance(row["type"], str) else _LABELS[row["type"]]
            return SampleRecord(row["index"], kind, row["category"], row["meta"], found, suffix)

    @staticmethod
    def finish(root: Place, shards: Iterable[Shard]) -> dict[str, Iterator[bytes]]:
        return {}


def _file(shard: Shard) -> str:
    return f"data/{shard.name}.parquet"


def _opened(path: Place) -> pq.ParquetFile:
    if isinstance(path, Remote):
        # The columns of a row group are adjacent: one request reads all of them and nothing else.
        return pq.ParquetFile(path.open(cache_type="none"), pre_buffer=True)
    check_regular(path)
    return pq.ParquetFile(path, memory_map=True)


def _row(record: SampleRecord, shard: Shard) -> dict[str, Any]:
    stem = shard.stem(record.index)
    row: dict[str, Any] = {
        name: {"bytes": data, "path": f"{stem}.{name}.{record.suffix(name)}"} for name, data in record.planes.items()
    }
    return row | {
        "index": record.index,
        "type": record.type,
        "category": record.category,
        "meta": record.meta,
    }


def _schema(planes: list[str]) -> pa.Schema:
    """The schema: the columns, and their description for the ``datasets`` library."""
    image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    columns = dict.fromkeys(planes, image)
    columns |= {"index": pa.int64(), "type": pa.string(), "category": pa.string(), "meta": pa.string()}
    features: dict[str, Any] = {name: {"_type": "Image"} for name in planes}
    features |= {
        "index": {"dtype": "int64", "_type": "Value"},
        "type": {"dtype": "string", "_type": "Value"},
        "category": {"dtype": "string", "_type": "Value"},
        "meta": {"dtype": "string", "_type": "Value"},
    }
    return pa.schema(columns).with_metadata({"huggingface": json.dumps({"info": {"features": features}})})
