"""Building a pool: every file is whole or absent, and the index is written last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2

import aimkit
from aimkit import console
from aimkit.datasets.writers.files import explained
from aimkit.errors import AimkitError
from aimkit.folder_lock import clean_leftovers, locked
from aimkit.synth.pool.index import NAME, Index, PoolEntry, read_index, shard_name, write_index
from aimkit.synth.pool.ingest import Ingest
from aimkit.synth.pool.shard import PackedShard, read_packed, write_shard
from aimkit.synth.processes import Work, spread

#: Number of pictures in a file.
SHARD = 32

#: What names in an unfinished pool begin with; ".lock" is the lock of earlier versions.
_OURS = ("pixels-", ".pixels-", f".{Path(NAME).stem}.", ".aimkit.", ".lock")

_AGAIN = "run the same command again; finished files are kept"


@dataclass(frozen=True)
class PoolOutcome:
    """The outcome of a build.

    Attributes:
        added: Number of new items.
        replaced: Number of items whose picture was replaced.
        known: Number of items that the pool already had.
        failed: (source/id, error) of the items that could not be read.
    """

    added: int
    replaced: int
    known: int
    failed: list[tuple[str, str]]


def build(
    what: Ingest, root: Path, *, append: bool = False, replace: bool = False, workers: int = 1, size: int = SHARD
) -> PoolOutcome:
    """Pack items into a pool; files that an interrupted build finished are kept.

    The result does not depend on the number of workers, nor on interruptions.

    Args:
        what: The items to pack.
        root: Folder of the pool: new, empty, or of an interrupted build.
        append: Whether to add to an existing pool; pictures that it has, by the digests of their originals, are kept.
        replace: Whether items of the same source and id but with another picture replace the old ones.
        workers: Number of processes; 0 and 1 use this process.
        size: Number of pictures in a file.

    Raises:
        AimkitError: The folder holds something else, another build is writing it, the disk is full, or no picture can
            be read.
    """
    if root.is_file():
        raise AimkitError("the pool must be a folder", str(root))
    with explained(root, _AGAIN), locked(root, "pool build"):
        old = _begun(root, what, append)
        _check_replaced(what.entries, old, replace)
        missing = [key for key in what.tasks if key not in old.pictures]
        first = max(old.shards, default=-1) + 1
        groups = {first + n // size: missing[n : n + size] for n in range(0, len(missing), size)}
        done = {number: _finished(root, number, keys) for number, keys in groups.items()}
        written = {number: shard for number, shard in done.items() if shard is not None}
        todo = {number: keys for number, keys in groups.items() if number not in written}
        if written:
            console.info(f"{len(written)} of {len(groups)} files are already finished")
        with console.progress(sum(map(len, todo.values())), "pool", "pictures") as bar:
            spread(
                list(todo.items()),
                workers,
                partial(_prepare, what, root),
                bar.advance,
                lambda result: written.update([result]),
                where=str(root),
                hint="memory has probably run out: run the same command with fewer --workers; finished files are kept",
            )
        return _complete(root, what.entries, old, [written[number] for number in sorted(written)], first)


def _begun(root: Path, what: Ingest, append: bool) -> Index:
    """Read what the folder already holds."""
    complete = (root / NAME).exists()
    foreign = [] if complete else [path.name for path in root.iterdir() if not path.name.startswith(_OURS)]
    if foreign:
        raise AimkitError("the folder holds other files", str(root / min(foreign)), "choose another folder")
    # Left by a killed build: the lock excludes a running one.
    clean_leftovers(root, hours=0)
    if complete:
        index = read_index(root)
        if not append and not _is_complete(index, what):
            raise AimkitError("the folder already holds a pool", str(root), "add --append, or choose another folder")
        if not append:
            console.info("the pool is already complete")
        if index.made_with != aimkit.__version__:
            began, now = index.made_with, aimkit.__version__
            console.warn(f"the pool was begun with aimkit {began}, this is {now}: the same files may give other pixels")
        return index
    return Index()


def _is_complete(index: Index, what: Ingest) -> bool:
    """Whether a build of these items was killed after it wrote the index: the same items, nothing else."""
    return {entry.name: entry for entry in what.entries} == dict(index.entries)


def _check_replaced(entries: Sequence[PoolEntry], old: Index, replace: bool) -> None:
    changed = [e for e in entries if e.name in old.entries and old.entries[e.name].picture != e.picture]
    if changed and not replace:
        some = ", ".join("/".join(entry.name[1:]) for entry in changed[:3])
        what = f"the pool has other pictures for {len(changed)} items of the same names: {some}"
        raise AimkitError(what, hint="rename the source (name=...), or add --replace")


def _finished(root: Path, number: int, keys: list[str]) -> PackedShard | None:
    found = read_packed(root, number)
    return found if found is not None and found.keys == keys else None


def _complete(
    root: Path, entries: Sequence[PoolEntry], old: Index, written: Sequence[PackedShard], first: int
) -> PoolOutcome:
    pictures = {**old.pictures, **{p.key: p for shard in written for p in shard.pictures}}
    errors = dict(failure for shard in written for failure in shard.failed)
    kept = {entry.name: entry for entry in entries if entry.keys <= pictures.keys()}
    if not kept and not old.entries:
        hint = next(iter(errors.values()), "")
        raise AimkitError("none of the pictures can be read", str(root), hint, exit_code=1)
    shards = {**old.shards, **{first + n: shard.size for n, shard in enumerate(written)}}
    index = Index({**old.entries, **kept}, pictures, shards, old.made_with).tidy()
    write_index(root, index)
    _clean(root, index)
    before = {name: old.entries[name].picture for name in kept if name in old.entries}
    replaced = sum(kept[name].picture != picture for name, picture in before.items())
    broken = [(entry, next((key for key in sorted(entry.keys) if key in errors), "")) for entry in entries]
    failed = [("/".join(entry.name[1:]), errors[key]) for entry, key in broken if key]
    return PoolOutcome(len(kept) - len(before), replaced, len(before) - replaced, failed)


def _clean(root: Path, index: Index) -> None:
    """Remove the files that the index makes unnecessary."""
    wanted = {shard_name(number) for number in index.shards}
    for path in root.glob("pixels-*"):
        if path.name not in wanted:
            path.unlink(missing_ok=True)


def _prepare(what: Ingest, root: Path) -> Work[tuple[int, list[str]], tuple[int, PackedShard]]:
    """Once in every process."""
    cv2.setNumThreads(1)
    return partial(_pack, what, root)


def _pack(what: Ingest, root: Path, task: tuple[int, list[str]], tick: Callable[[], None]) -> tuple[int, PackedShard]:
    number, keys = task
    return number, write_shard(root, number, keys, what.make, tick)
