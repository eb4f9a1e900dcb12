"""The Ray executor: shards are tasks of a cluster, repeated when a worker or a machine is lost.

A task ends after its shard is stored in the dataset, and a task that runs twice writes the same bytes. So the only
state is which shards are finished.
"""

from __future__ import annotations

import json
import os
import re
import socket
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aimkit import console
from aimkit.datasets.writers.shard import Shard
from aimkit.errors import AimkitError
from aimkit.synth.executors import executors
from aimkit.synth.job import ShardJob, write_shard

#: How often a shard is retried after its worker or machine was lost.
RETRIES = 5
#: A shard is started a second time when it takes this many times the median time, and at least this many seconds.
PATIENCE, SLOW = 4.0, 30.0


def execute(
    job: ShardJob,
    shards: Sequence[Shard],
    workers: int,
    advance: Callable[[int], None],
    finished: Callable[[dict[str, Any]], None],
    *,
    address: str = "",
) -> None:
    """Write shards on a Ray cluster; see :class:`aimkit.synth.executors.Executor`.

    All machines need aimkit, and the sources and the output under the same paths or URLs.

    Args:
        job: The dataset to write.
        shards: The shards to write.
        workers: Number of shards at a time; 0 leaves it to the cluster.
        advance: Called with the number of samples made since the last call.
        finished: Called with the sidecar of every finished shard.
        address: Address of the cluster, as for ``ray.init``. When empty: ``RAY_ADDRESS``, the cluster that this process
            is already connected to, or a new one of this machine alone.

    Raises:
        AimkitError: Ray is not installed or can't be reached, a shard failed, or its workers were lost too often.
    """
    ray = _ray()
    if not shards:
        return
    if isinstance(job.out, Path):
        job = replace(job, out=job.out.absolute())
    with _connected(ray, address, workers), _Tasks(ray, job) as tasks:
        waiting = deque(shards)
        while waiting or tasks.running:
            while waiting and (not workers or len(tasks.running) < workers):
                tasks.submit(waiting.popleft())
            for shard, sidecar in tasks.done():
                advance(len(shard))
                finished(sidecar)
            if not waiting:
                tasks.hurry()


# Not as a decorator, whose type would hide the keyword that only Ray has.
executors.register("ray")(execute)


@dataclass(frozen=True)
class _Environment:
    """Working folder and environment variables with which workers resolve the recipe's paths as this process does."""

    folder: str
    variables: Mapping[str, str]

    @staticmethod
    def of(job: ShardJob) -> _Environment:
        named = {"AIMKIT_HOME", *re.findall(r"\$\{(\w+)\}", json.dumps(job.recipe.resolved()))}
        return _Environment(os.getcwd(), {name: os.environ[name] for name in named if name in os.environ})

    def enter(self) -> None:
        os.environ.update(self.variables)
        if os.path.isdir(self.folder):
            os.chdir(self.folder)


_opened: dict[Any, Any] = {}


def _work(key: str, job: ShardJob, environment: _Environment, shard: Shard) -> tuple[float, dict[str, Any]]:
    """Run one task; returns the seconds of work and the sidecar. Each worker process opens the sources once."""
    began = time.monotonic()
    if key not in _opened:
        environment.enter()
        _opened.clear()
        _opened[key] = job.samples()
    sidecar = write_shard(job, _opened[key], shard, lambda: None)
    return time.monotonic() - began, sidecar


class _Tasks:
    """The running tasks of a job and the shard of each."""

    def __init__(self, ray: Any, job: ShardJob) -> None:
        self.ray, self.where = ray, str(job.out)
        # A retry helps when a machine disappears, but not when the shard itself fails.
        options = {"max_retries": RETRIES, "retry_exceptions": False, "scheduling_strategy": "SPREAD", "num_cpus": 1}
        self._task = ray.remote(**options)(_work)
        self._arguments = (os.urandom(8).hex(), ray.put(job), _Environment.of(job))
        self.running: dict[Any, Shard] = {}
        self._seconds: list[float] = []
        self._last = time.monotonic()
        self._hurried: set[int] = set()
        self._given_up: list[Any] = []

    def submit(self, shard: Shard) -> None:
        self.running[self._task.remote(*self._arguments, shard)] = shard

    def done(self) -> Iterator[tuple[Shard, dict[str, Any]]]:
        """Wait a moment and yield the shards finished since, each once, with their sidecars."""
        tasks = list(self.running)
        # Returns when num_returns tasks are ready, or after the timeout with those that are.
        ready, _ = self.ray.wait(tasks, num_returns=min(len(tasks), 64), timeout=0.5)
        for task in ready:
            if task not in self.running:
                continue
            shard = self.running.pop(task)
            seconds, sidecar = self._result(task, shard)
            self._seconds.append(seconds)
            self._last = time.monotonic()
            self._give_up([other for other, same in self.running.items() if same == shard])
            yield shard, sidecar

    def hurry(self) -> None:
        """Start the last shards a second time when they take too long; the first task to end counts."""
        if not self._seconds or time.monotonic() - self._last < max(SLOW, PATIENCE * statistics.median(self._seconds)):
            return
        if self.ray.available_resources().get("CPU", 0) < 1:
            return
        for shard in [shard for shard in self.running.values() if shard.number not in self._hurried]:
            self._hurried.add(shard.number)
            console.detail(f"shard {shard.number} is slow; starting it a second time")
            self.submit(shard)

    def __enter__(self) -> _Tasks:
        return self

    def __exit__(self, *_: object) -> None:
        self._give_up(list(self.running))
        if self._given_up:
            # Cancelled tasks clean up; the timeout is for machines that hang.
            self.ray.wait(self._given_up, num_returns=len(self._given_up), timeout=10)

    def _give_up(self, tasks: list[Any]) -> None:
        for task in tasks:
            self.running.pop(task, None)
            self.ray.cancel(task)
        self._given_up += tasks

    def _result(self, task: Any, shard: Shard) -> tuple[float, dict[str, Any]]:
        errors = self.ray.exceptions
        try:
            result: tuple[float, dict[str, Any]] = self.ray.get(task)
            return result
        except errors.RayTaskError as error:
            if isinstance(error.cause, AimkitError):
                raise error.cause from None
            raise
        except (errors.RaySystemError, errors.RayError) as error:
            raise AimkitError(
                f"shard {shard.number} was lost {RETRIES + 1} times: {type(error).__name__}",
                self.where,
                "memory may have run out: continue with --resume and fewer --workers; 'ray status' shows the cluster",
                exit_code=1,
            ) from None


@contextmanager
def _connected(ray: Any, address: str, workers: int) -> Iterator[None]:
    """Connect to the cluster; an existing connection is used and left open."""
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS", "")
    own = {"num_cpus": workers or None, "include_dashboard": False} if not address else {}
    try:
        _knock(address)
        ray.init(address or "local", log_to_driver=False, logging_level="ERROR", **own)
    except (OSError, RuntimeError, ValueError) as error:
        what = f"the Ray cluster can't be reached: {str(error).splitlines()[0]}"
        raise AimkitError(what, f"--address {address}", "start one with 'ray start --head'", exit_code=1) from None
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Check that the address accepts connections: Ray itself would retry for many minutes."""
    host, colon, port = address.rpartition("://")[2].strip("/").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _ray() -> Any:
    # Silence a warning about a future release of Ray.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise AimkitError("Ray is not installed", "--executor ray", "pip install 'aimkit[ray]'") from None
    return ray
