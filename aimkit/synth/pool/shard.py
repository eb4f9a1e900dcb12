"""Files of pictures: written atomically, read as memory maps."""

from __future__ import annotations

import hashlib
import json
import mmap
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aimkit.errors import AimkitError
from aimkit.files import replacing, write_bytes
from aimkit.json_files import LARGE, read_json
from aimkit.synth.pool.index import shard_name
from aimkit.synth.pool.layout import SHADOW, Stored, aligned, pieces
from aimkit.synth.pyramid import ImagePyramid, ShadowPyramid

#: Number of files that a process keeps open; each takes a file descriptor.
_OPEN = 128


@dataclass(frozen=True)
class PackedShard:
    """The content of a finished file; stored in its sidecar until the index is written.

    Attributes:
        keys: Keys of all pictures that the file should hold.
        pictures: The pictures that it holds.
        failed: (key, error) of the pictures that could not be made.
        size: Size of the file in bytes.
    """

    keys: list[str]
    pictures: list[Stored] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    size: int = 0


def sidecar(root: Path, number: int) -> Path:
    """Path of a shard's sidecar, which describes its content until the index does."""
    return (root / shard_name(number)).with_suffix(".json")


def write_shard(
    root: Path, number: int, keys: Iterable[str], make: Callable[[str], ImagePyramid], tick: Callable[[], None]
) -> PackedShard:
    """Make pictures and store them in a new file, with one picture at a time in memory.

    Args:
        root: Folder of the pool.
        number: Number of the file.
        keys: Keys of the pictures.
        make: Makes the picture of a key; a picture that raises an AimkitError is left out.
        tick: Called after each picture; an exception from it stops the work, and nothing is left behind.

    Raises:
        AimkitError: The disk is full, or the folder can't be written.
    """
    written = PackedShard(list(keys))
    # An old sidecar describes an earlier file of that number.
    sidecar(root, number).unlink(missing_ok=True)
    end = 0
    with replacing(root / shard_name(number)) as temporary, temporary.open("wb") as file:
        for key in written.keys:
            try:
                picture = make(key)
            except AimkitError as error:
                written.failed.append((key, f"{error.what} ({error.where})" if error.where else error.what))
                continue
            finally:
                tick()
            file.write(bytes(aligned(end) - end))
            stored = _write(file, key, number, aligned(end), picture)
            written.pictures.append(stored)
            end = stored.offset + stored.nbytes
    written = replace(written, size=end)
    data = {"keys": written.keys, "failed": written.failed, "size": end}
    write_bytes(
        sidecar(root, number), json.dumps(data | {"pictures": [p.to_json() for p in written.pictures]}).encode()
    )
    return written


def read_packed(root: Path, number: int) -> PackedShard | None:
    """Read what an earlier build stored in a shard; None unless the shard is complete."""
    try:
        data = read_json(sidecar(root, number), limit=LARGE)
        if (root / shard_name(number)).stat().st_size != data["size"]:
            return None
        pictures = [Stored.from_json(row) for row in data["pictures"]]
        return PackedShard(data["keys"], pictures, [(key, what) for key, what in data["failed"]], data["size"])
    except (AimkitError, OSError, ValueError, KeyError, TypeError):
        return None


class Shards:
    """Reads pictures from a pool's files, which are memory-mapped on first use.

    All processes of a machine share the mapped pages. Pickling drops the maps.

    Args:
        root: Folder of the pool.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._maps: OrderedDict[int, mmap.mmap] = OrderedDict()

    def picture(self, stored: Stored) -> ImagePyramid:
        """Open a picture as read-only views of its file.

        Raises:
            AimkitError: The file is missing or truncated.
        """
        return stored.open(self._map(stored))

    def _map(self, stored: Stored) -> mmap.mmap:
        number = stored.shard
        if number not in self._maps:
            path = self.root / shard_name(number)
            try:
                with path.open("rb") as file:
                    opened = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except (OSError, ValueError) as error:
                raise AimkitError(f"can't open a file of the pool: {error}", str(path), "aimkit pool verify") from None
            self._maps[number] = opened
            if len(self._maps) > _OPEN:
                # Arrays in use keep their map open.
                self._maps.popitem(last=False)
        self._maps.move_to_end(number)
        if len(self._maps[number]) < stored.offset + stored.nbytes:
            raise AimkitError("a file of the pool is truncated", str(self.root / shard_name(number)), "copy it again")
        return self._maps[number]

    def __getstate__(self) -> Mapping[str, Any]:
        return {"root": self.root, "_maps": OrderedDict()}


def _write(file: Any, key: str, shard: int, offset: int, picture: ImagePyramid) -> Stored:
    digest = hashlib.sha256()
    for piece in pieces(picture):
        file.write(piece)
        digest.update(piece)
    alpha = picture.level(0)[1]
    outline: dict[str, Any] = {}
    if alpha is not None:
        box, contact = picture.outline
        outline = {"box": box, "contact": contact}
    matte = SHADOW if isinstance(picture, ShadowPyramid) else "" if alpha is None else alpha.dtype.name
    return Stored(key, shard, offset, *picture.size, matte, digest.hexdigest(), **outline)
