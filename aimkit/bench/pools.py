"""The forms that a pool could have, measured side by side: how long a window takes, and how much it fills."""

from __future__ import annotations

import importlib.util
import mmap
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from aimkit.imageio import encode_jpeg, encode_png
from aimkit.types import UInt8

#: (level, side of the square window) that are read.
WINDOWS = ((0, 640), (0, 960), (1, 320), (2, 160))

_LEVELS = 5
_TILE = 256

#: Seconds after which a measurement is not repeated.
_LONG = 0.2

#: (picture, level, top, left, side) -> a contiguous copy of a window.
Read = Callable[[int, int, int, int, int], UInt8]


@dataclass(frozen=True)
class PoolForm:
    """A way to store the pictures of a pool.

    Attributes:
        name: What the table calls it.
        write: Writes pyramids into an empty folder, and returns a function that reads windows of them.
        needs: The package that it needs, or "".
        exact: Whether windows of every level are read bit for bit as they were written.
    """

    name: str
    write: Callable[[Any, Path], Read]
    needs: str = ""
    exact: bool = True


def time_forms(pyramids: Sequence[Sequence[UInt8]], folder: Path, repeats: int = 60) -> Iterator[dict[str, Any]]:
    """Write pictures in every form and read random windows of them; by then all files are in memory.

    Args:
        pyramids: The colours of level 0, 1, ... of each picture, uint8, (h, w, 3).
        folder: An empty folder for the files.
        repeats: Number of windows of each kind.

    Yields:
        Name of the form, megabytes, and milliseconds of processor time for each of WINDOWS (None where no picture is
        large enough).
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        pyramids = [levels[:_LEVELS] for levels in pyramids]
        for form in FORMS:
            if form.needs and importlib.util.find_spec(form.needs) is None:
                continue
            own = folder / "form"
            own.mkdir()
            read = form.write(pyramids, own)
            size = sum(path.stat().st_size for path in own.rglob("*") if path.is_file())
            row: dict[str, Any] = {"form": form.name, "MB": round(size / 1e6)}
            for level, side in WINDOWS:
                row[f"{side} of level {level}"] = _time(read, _places(pyramids, level, side, repeats))
            yield row
            shutil.rmtree(own)
    finally:
        cv2.setNumThreads(threads)


def _places(pyramids: Any, level: int, side: int, count: int) -> list[tuple[int, int, int, int, int]]:
    fit = [n for n, levels in enumerate(pyramids) if len(levels) > level and min(levels[level].shape[:2]) >= side]
    draw = np.random.default_rng(0)
    found = []
    for n in draw.choice(fit, count) if fit else ():
        height, width = pyramids[n][level].shape[:2]
        found.append((int(n), level, int(draw.integers(height - side + 1)), int(draw.integers(width - side + 1)), side))
    return found


def _time(read: Read, places: Sequence[tuple[int, int, int, int, int]]) -> float | None:
    best = None
    for _ in range(3):
        start = time.process_time()
        for place in places:
            read(*place)
        spent = time.process_time() - start
        best = spent if best is None else min(best, spent)
        if spent > _LONG:
            break
    return round(1000 * best / len(places), 3) if places and best is not None else None


def _map(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _rows(pyramids: Any, folder: Path) -> Read:
    starts: dict[tuple[int, int], int] = {}
    with (folder / "pixels").open("wb") as file:
        for n, levels in enumerate(pyramids):
            for level, plane in enumerate(levels):
                file.write(bytes(-file.tell() % 64))
                starts[n, level] = file.tell()
                file.write(np.ascontiguousarray(plane).data)
    shapes, pixels = [[plane.shape for plane in levels] for levels in pyramids], _map(folder / "pixels")

    def read(n: int, level: int, top: int, left: int, side: int) -> UInt8:
        plane: UInt8 = np.ndarray(shapes[n][level], np.uint8, pixels, starts[n, level])
        return np.ascontiguousarray(plane[top : top + side, left : left + side])

    return read


def _npy(pyramids: Any, folder: Path) -> Read:
    for n, levels in enumerate(pyramids):
        for level, plane in enumerate(levels):
            np.save(folder / f"{n}-{level}.npy", plane)

    def read(n: int, level: int, top: int, left: int, side: int) -> UInt8:
        plane = np.load(folder / f"{n}-{level}.npy", mmap_mode="r")
        return np.ascontiguousarray(plane[top : top + side, left : left + side])

    return read


def _tiles(pyramids: Any, folder: Path) -> Read:
    where: dict[tuple[int, int], tuple[int, tuple[int, ...]]] = {}
    with (folder / "pixels").open("wb") as file:
        for n, levels in enumerate(pyramids):
            for level, plane in enumerate(levels):
                down, across = (-(-side // _TILE) for side in plane.shape[:2])
                gaps = [(0, count * _TILE - side) for count, side in zip((down, across), plane.shape, strict=False)]
                whole = np.pad(plane, [*gaps, (0, 0)]).reshape(down, _TILE, across, _TILE, 3)
                where[n, level] = file.tell(), (down, across, _TILE, _TILE, 3)
                file.write(np.ascontiguousarray(whole.swapaxes(1, 2)).data)
    pixels = _map(folder / "pixels")

    def read(n: int, level: int, top: int, left: int, side: int) -> UInt8:
        start, shape = where[n, level]
        tiles: UInt8 = np.ndarray(shape, np.uint8, pixels, start)
        part = np.empty((side, side, 3), np.uint8)
        for row in range(top // _TILE, (top + side - 1) // _TILE + 1):
            y, below = max(top, row * _TILE), min(top + side, (row + 1) * _TILE)
            for column in range(left // _TILE, (left + side - 1) // _TILE + 1):
                x, beside = max(left, column * _TILE), min(left + side, (column + 1) * _TILE)
                tile = tiles[row, column, y - row * _TILE : below - row * _TILE]
                part[y - top : below - top, x - left : beside - left] = tile[
                    :, x - column * _TILE : beside - column * _TILE
                ]
        return part

    return read


def _blosc2(codec: str) -> Callable[[Any, Path], Read]:
    def write(pyramids: Any, folder: Path) -> Read:
        blosc2: Any = importlib.import_module("blosc2")

        blosc2.set_nthreads(1)
        how = {"codec": blosc2.Codec[codec], "clevel": 5, "filters": [blosc2.Filter.BITSHUFFLE], "nthreads": 1}
        arrays = {}
        for n, levels in enumerate(pyramids):
            for level, plane in enumerate(levels):
                chunk = [min(_TILE, side) for side in plane.shape[:2]]
                block = [min(64, side) for side in chunk]
                name = str(folder / f"{n}-{level}.b2nd")
                plane = np.ascontiguousarray(plane)
                blosc2.asarray(plane, chunks=(*chunk, 3), blocks=(*block, 3), urlpath=name, mode="w", cparams=how)
                arrays[n, level] = blosc2.open(name, mode="r", mmap_mode="r", dparams={"nthreads": 1})
        return lambda n, level, top, left, side: np.asarray(arrays[n, level][top : top + side, left : left + side])

    return write


def _zarr(codec: str) -> Callable[[Any, Path], Read]:
    def write(pyramids: Any, folder: Path) -> Read:
        zarr: Any = importlib.import_module("zarr")
        zarr.config.set({"threading.max_workers": 1, "async.concurrency": 1})
        how = importlib.import_module("zarr.codecs").BloscCodec(cname=codec) if codec else None
        arrays = {}
        for n, levels in enumerate(pyramids):
            for level, plane in enumerate(levels):
                store = str(folder / f"{n}-{level}")
                shape = {"shape": plane.shape, "chunks": (_TILE, _TILE, 3), "dtype": "u1"}
                zarr.create_array(store=store, compressors=how, **shape)[:] = plane
                arrays[n, level] = zarr.open_array(store, mode="r")
        return lambda n, level, top, left, side: np.asarray(arrays[n, level][top : top + side, left : left + side])

    return write


def _images(encode: Callable[[UInt8], bytes]) -> Callable[[Any, Path], Read]:
    def write(pyramids: Any, folder: Path) -> Read:
        for n, levels in enumerate(pyramids):
            (folder / str(n)).write_bytes(encode(np.ascontiguousarray(levels[0])))

        def read(n: int, level: int, top: int, left: int, side: int) -> UInt8:
            plane = cv2.imdecode(np.fromfile(folder / str(n), np.uint8), cv2.IMREAD_COLOR)
            assert plane is not None
            for _ in range(level):
                plane = cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            return np.ascontiguousarray(plane[top : top + side, left : left + side])

        return read

    return write


#: The pool's own form comes first. Decoded images have OpenCV's order of channels, and levels that are made anew.
FORMS = (
    PoolForm("rows, one file", _rows),
    PoolForm("rows, one .npy an array", _npy),
    PoolForm("tiles of 256 x 256, one file", _tiles),
    PoolForm("blosc2, lz4", _blosc2("LZ4"), "blosc2"),
    PoolForm("blosc2, zstd", _blosc2("ZSTD"), "blosc2"),
    PoolForm("zarr, uncompressed", _zarr(""), "zarr"),
    PoolForm("zarr, blosc lz4", _zarr("lz4"), "zarr"),
    PoolForm("PNG, decoded", _images(encode_png), exact=False),
    PoolForm("JPEG 95, decoded", _images(encode_jpeg), exact=False),
)
