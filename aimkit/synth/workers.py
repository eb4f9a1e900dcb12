"""The local executor: shards are spread over processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from aimkit.datasets.writers.shard import Shard
from aimkit.synth.executors import executors
from aimkit.synth.job import ShardJob, write_shard
from aimkit.synth.processes import Work, spread


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
        job: The recipe and the output folder.
        shards: The shards to write.
        workers: Number of processes; 0 and 1 stay in this one.
        advance: Called with the number of samples made since the last call.
        finished: Called with the sidecar of every finished shard; an exception it raises ends the work.

    Raises:
        AimkitError: A shard failed, or a worker process was killed. The others stop after their current sample.
        KeyboardInterrupt: Likewise; a second one kills the workers.
    """
    hint = "memory has probably run out: continue with --resume and fewer --workers"
    spread(shards, workers, partial(_prepare, job), advance, finished, where=str(job.out), hint=hint)


def _prepare(job: ShardJob) -> Work[Shard, dict[str, Any]]:
    """Open the sources, once in every process."""
    return partial(write_shard, job, job.samples())
