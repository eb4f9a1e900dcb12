"""The folder format: AIM-500's layout, which matting code reads, and Hugging Face's ImageFolder in one.

| folder | plane |
|---|---|
| original/ | composite |
| mask/ | alpha matte |
| trimap/ | trimap |
| usr/ | label (generalized trimap) |
| fg/, bg/ | foreground and background, if ``output.planes`` is set |

``metadata.jsonl`` has a line for every sample; ``types.json`` names types and categories as AIM-500 does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from aimkit.datasets.writers import formats
from aimkit.datasets.writers.record import SampleRecord
from aimkit.datasets.writers.shard import Shard, readable
from aimkit.json_files import parse_json
from aimkit.paths import inside
from aimkit.storage import Place, read_each, read_range

FOLDERS = {
    "image": "original",
    "alpha": "mask",
    "trimap": "trimap",
    "label": "usr",
    "foreground": "fg",
    "background": "bg",
}


@formats.register("folder")
class FolderShard:
    """Plain image files in AIM-500's layout."""

    data_files: ClassVar[tuple[str, ...]] = ("metadata.jsonl", *(f"{folder}/*" for folder in FOLDERS.values()))

    def __init__(self, root: Place, shard: Shard) -> None:
        self.root, self.shard = root, shard
        self._lines: list[int] | None = None

    def write(self, folder: Path, records: Iterable[SampleRecord]) -> dict[str, Any]:
        rows = folder / _rows(self.shard)
        rows.parent.mkdir(parents=True, exist_ok=True)
        with rows.open("w", encoding="utf-8", newline="\n") as file:
            for record in records:
                stem = self.shard.stem(record.index)
                row: dict[str, Any] = {}
                for plane, data in record.planes.items():
                    path = f"{FOLDERS[plane]}/{stem}.{record.suffix(plane)}"
                    (folder / path).parent.mkdir(exist_ok=True)
                    (folder / path).write_bytes(data)
                    row["file_name" if plane == "image" else f"{plane}_file_name"] = path
                # Provenance differs from sample to sample; as text it is a column that every loader can read.
                row |= {"index": record.index, "type": record.type, "category": record.category, "meta": record.meta}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        return {}

    def read(self, position: int, *, planes: bool = True) -> SampleRecord:
        path = self.root / _rows(self.shard)
        with readable(position, path):
            offsets = self._offsets()
            line = read_range(path, offsets[position], offsets[position + 1])
            row = parse_json(line, dict, f"line of sample {position}", str(path), exit_code=1)
            suffix, head = Path(row["file_name"]).suffix[1:], (row["index"], row["type"], row["category"], row["meta"])
            if not planes:
                return SampleRecord(*head, {}, suffix)
            paths = {plane: row.get(f"{plane}_file_name") for plane in FOLDERS} | {"image": row["file_name"]}
            there = {plane: name for plane, name in paths.items() if name and inside(self.root, name, path)}
            found = dict(zip(there, read_each(self.root, there.values()), strict=True))
            return SampleRecord(*head, found, suffix)

    @staticmethod
    def finish(root: Place, shards: Iterable[Shard]) -> dict[str, Iterator[bytes]]:
        rows = [_rows(shard) for shard in shards]
        return {"metadata.jsonl": read_each(root, rows), "types.json": _types(read_each(root, rows))}

    def _offsets(self) -> list[int]:
        """Offsets of the lines of the rows file, and of its end."""
        if self._lines is None:
            self._lines = [0]
            (rows,) = read_each(self.root, [_rows(self.shard)])
            for line in rows.splitlines(keepends=True):
                self._lines.append(self._lines[-1] + len(line))
        return self._lines


def _rows(shard: Shard) -> str:
    return f"shards/{shard.number:05d}.jsonl"


def _types(rows: Iterator[bytes]) -> Iterator[bytes]:
    before = b"{\n"
    for lines in rows:
        for line in lines.splitlines():
            row = parse_json(line, dict, "line of a sample", exit_code=1)
            entry = json.dumps({"type": row["type"], "category": row["category"]}, ensure_ascii=False)
            yield before + f"  {json.dumps(Path(row['file_name']).stem)}: {entry}".encode()
            before = b",\n"
    yield b"\n}\n"
