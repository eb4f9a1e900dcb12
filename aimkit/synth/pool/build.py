"""Building a pool: every file is whole or absent, and the index is written last."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

import aimkit
from aimkit import console
from aimkit.datasets.writers.files import explained
from aimkit.errors import AimkitError
from aimkit.synth.pool.index import NAME, Index, PoolEntry, read_index, shard_name, write_index
from aimkit.synth.pool.ingest import Ingest
from aimkit.synth.pool.shard import PackedShard, read_packed, write_shard
from aimkit.synth.workers import Stopped, end_with_parent, no_interrupts

#: Number of pictures in a file.
SHARD = 32

_LOCK = ".lock"

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
    with explained(root, _AGAIN), _locked(root):
        old = _begun(root, append)
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
            for number, shard in _spread(what, root, todo, workers, bar.advance):
                written[number] = shard
        return _complete(root, what.entries, old, [written[number] for number in sorted(written)], first)


def _begun(root: Path, append: bool) -> Index:
    """Read what the folder already holds."""
    for unfinished in [*root.glob(".pixels-*"), *root.glob(f".{Path(NAME).stem}.*")]:
        unfinished.unlink()  # left by a killed build: the lock excludes a running one
    if (root / NAME).exists():
        if not append:
            raise AimkitError("the folder already holds a pool", str(root), "add --append, or choose another folder")
        index = read_index(root)
        if index.made_with != aimkit.__version__:
            began, now = index.made_with, aimkit.__version__
            console.warn(f"the pool was begun with aimkit {began}, this is {now}: the same files may give other pixels")
        return index
    foreign = [p.name for p in root.iterdir() if p.name != _LOCK and not p.name.startswith("pixels-")]
    if foreign:
        raise AimkitError("the folder holds something else", str(root / min(foreign)), "choose another folder")
    return Index()


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
    kept = {entry.name: entry for entry in entries if entry.picture in pictures}
    if not kept and not old.entries:
        hint = next(iter(errors.values()), "")
        raise AimkitError("none of the pictures can be read", str(root), hint, exit_code=1)
    shards = {**old.shards, **{first + n: shard.size for n, shard in enumerate(written)}}
    index = Index({**old.entries, **kept}, pictures, shards, old.made_with).tidy()
    write_index(root, index)
    _clean(root, index)
    before = {name: old.entries[name].picture for name in kept if name in old.entries}
    replaced = sum(kept[name].picture != picture for name, picture in before.items())
    failed = [("/".join(entry.name[1:]), errors[entry.picture]) for entry in entries if entry.picture in errors]
    return PoolOutcome(len(kept) - len(before), replaced, len(before) - replaced, failed)


def _clean(root: Path, index: Index) -> None:
    """Remove the files that the index makes unnecessary."""
    wanted = {shard_name(number) for number in index.shards}
    for path in root.glob("pixels-*"):
        if path.name not in wanted:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    if root.is_file():
        raise AimkitError("the pool must be a folder", str(root), "choose another path")
    root.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(root / _LOCK, timeout=0):
            yield
    except Timeout:
        raise AimkitError("another build is writing this pool", str(root), "wait until it ends", exit_code=1) from None


def _spread(
    what: Ingest, root: Path, groups: Mapping[int, list[str]], workers: int, advance: Callable[[int], None]
) -> Iterator[tuple[int, PackedShard]]:
    """Write files in this process or in worker processes; yield each with its number."""
    workers = min(workers, len(groups))
    if workers < 2:
        cv2.setNumThreads(1)
        for number, keys in groups.items():
            yield number, write_shard(root, number, keys, what.make, lambda: advance(1))
        return
    context = multiprocessing.get_context("spawn")
    made, stop = context.Value("q", 0), context.Event()
    pool = ProcessPoolExecutor(workers, context, _start, (what, root, made, stop))
    reported = 0
    try:
        with no_interrupts():
            pending = {pool.submit(_task, number, keys) for number, keys in groups.items()}
        while pending:
            done, pending = wait(pending, timeout=0.3, return_when=FIRST_COMPLETED)
            now = made.value
            advance(now - reported)
            reported = now
            yield from (future.result() for future in done)
    except BrokenProcessPool:
        hint = "memory may have run out: run the same command with fewer --workers; finished files are kept"
        raise AimkitError("a worker process was killed", str(root), hint, exit_code=1) from None
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


_worker: dict[str, Any] = {}


def _start(what: Ingest, root: Path, made: Any, stop: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    _worker.update(what=what, root=root, made=made, stop=stop)


def _task(number: int, keys: list[str]) -> tuple[int, PackedShard]:
    made, stop = _worker["made"], _worker["stop"]

    def tick() -> None:
        with made.get_lock():
            made.value += 1
        if stop.is_set():
            raise Stopped

    return number, write_shard(_worker["root"], number, keys, _worker["what"].make, tick)
