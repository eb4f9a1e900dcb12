"""The local executor: writes shards in processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from typing import Any

from aimkit.datasets.writers.shard import Shard
from aimkit.errors import AimkitError
from aimkit.synth.executors import executors
from aimkit.synth.job import ShardJob, write_shard


@executors.register("local")
def execute(
    job: ShardJob,
    shards: Sequence[Shard],
    workers: int,
    advance: Callable[[int], None],
    finished: Callable[[dict[str, Any]], None],
) -> None:
    """Write shards in processes of this machine; see :class:`aimkit.synth.executors.Executor`.

    Args:
        job: The dataset to write.
        shards: The shards to write.
        workers: Number of processes; 0 and 1 use this process.
        advance: Called with the number of samples made since the last call.
        finished: Called with the sidecar of every finished shard; an exception from it stops the work.

    Raises:
        AimkitError: A shard failed, or a worker process was killed. The others stop after their current sample.
        KeyboardInterrupt: The user pressed Ctrl-C. The workers stop after their current sample.
    """
    workers = min(workers, len(shards))
    if workers < 2:
        samples = job.samples() if shards else []
        for shard in shards:
            finished(write_shard(job, samples, shard, lambda: advance(1)))
        return

    context = multiprocessing.get_context("spawn")
    made, stop = context.Value("q", 0), context.Event()
    pool = ProcessPoolExecutor(workers, context, _start, (job, made, stop))
    reported = 0
    try:
        # Workers inherit this: Ctrl-C reaches them only as the stop flag, which they check after each sample.
        with no_interrupts():
            pending = {pool.submit(_task, shard) for shard in shards}
        while pending:
            done, pending = wait(pending, timeout=0.3, return_when=FIRST_COMPLETED)
            now = made.value
            advance(now - reported)
            reported = now
            for future in done:
                finished(future.result())
    except BrokenProcessPool:
        raise AimkitError(
            "a worker process was killed",
            str(job.out),
            "memory may have run out: continue with --resume and fewer --workers",
            exit_code=1,
        ) from None
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


class Stopped(Exception):
    """Raised in a worker process when its parent wants no more work."""


_worker: dict[str, Any] = {}


def _start(job: ShardJob, made: Any, stop: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    _worker.update(job=job, made=made, stop=stop)


def _task(shard: Shard) -> dict[str, Any]:
    job, made, stop = _worker["job"], _worker["made"], _worker["stop"]
    if "samples" not in _worker:
        _worker["samples"] = job.samples()

    def tick() -> None:
        with made.get_lock():
            made.value += 1
        if stop.is_set():
            raise Stopped

    return write_shard(job, _worker["samples"], shard, tick)


def end_with_parent() -> None:
    """End this process when its parent ends: a killed parent can't tell its workers to stop."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


@contextlib.contextmanager
def no_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C; processes started in the block ignore it for good."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
