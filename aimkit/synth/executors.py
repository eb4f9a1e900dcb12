"""Executors write the shards of a job. The result does not depend on the executor, nor on the order of its work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from aimkit.datasets.writers.shard import Shard
from aimkit.registry import Registry
from aimkit.synth.job import ShardJob


class Executor(Protocol):
    """Writes shards."""

    def __call__(
        self,
        job: ShardJob,
        shards: Sequence[Shard],
        workers: int,
        advance: Callable[[int], None],
        finished: Callable[[dict[str, Any]], None],
    ) -> None:
        """Write all of the shards, or raise.

        Args:
            job: The dataset to write.
            shards: The shards to write.
            workers: Number of shards at a time.
            advance: Called with the number of samples made since the last call.
            finished: Called with the sidecar of every finished shard; an exception from it stops the work.

        Raises:
            AimkitError: A shard failed. The others stop.
            KeyboardInterrupt: The user pressed Ctrl-C. The work stops.
        """
        ...


executors: Registry[Executor] = Registry("executor", ["aimkit.synth.workers", "aimkit.synth.ray_executor"])
