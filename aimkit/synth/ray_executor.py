"""The Ray executor: shards are tasks of a cluster, repeated when a worker or a machine is lost.

A shard lies where the dataset is before its task ends, and a task that runs twice writes the same bytes. So nothing
needs to be remembered but which shards are finished.
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

#: How often a shard is begun again after its worker or machine was lost.
RETRIES = 5
#: A shard is begun once more elsewhere when it takes this many times the median, and at least these seconds.
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

    The machines need aimkit, the sources and the output under the same paths or URLs.

    Args:
        job: What is made.
        shards: The shards to write.
        workers: How many at a time; 0 leaves it to the cluster.
        advance: Called with the number of samples made since the last call.
        finished: Called with the sidecar of every finished shard.
        address: The cluster, as ``ray.init`` takes it. When empty: ``RAY_ADDRESS``, the cluster that this process is
            connected to already, or one of this machine alone.

    Raises:
        AimkitError: Ray is missing or can't be reached, a shard failed, or its workers were lost too often.
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


# Not as a decorator, which would hide the argument that only Ray has.
executors.register("ray")(execute)


@dataclass(frozen=True)
class _Environment:
    """What of this process the workers need for reading the recipe's paths as it does."""

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
    """One task: seconds of work, and the sidecar. Sources are opened once in every worker process."""
    began = time.monotonic()
    if key not in _opened:
        environment.enter()
        _opened.clear()
        _opened[key] = job.samples()
    sidecar = write_shard(job, _opened[key], shard, lambda: None)
    return time.monotonic() - began, sidecar


class _Tasks:
    """The tasks of a job, and which shard each of them makes."""

    def __init__(self, ray: Any, job: ShardJob) -> None:
        self.ray, self.where = ray, str(job.out)
        # A machine that disappears is no fault of the shard; an error in the shard is not cured by repetition.
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
        """The shards that were finished within the next moment, each once."""
        tasks = list(self.running)
        # Returns at once when all that it may wait for are ready, else after the timeout with those that are.
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
        """When the last shards keep everybody waiting, begin each of them once more; the first to end counts."""
        if not self._seconds or time.monotonic() - self._last < max(SLOW, PATIENCE * statistics.median(self._seconds)):
            return
        if self.ray.available_resources().get("CPU", 0) < 1:
            return
        for shard in [shard for shard in self.running.values() if shard.number not in self._hurried]:
            self._hurried.add(shard.number)
            console.detail(f"shard {shard.number} is slow; it is begun once more")
            self.submit(shard)

    def __enter__(self) -> _Tasks:
        return self

    def __exit__(self, *_: object) -> None:
        self._give_up(list(self.running))
        if self._given_up:
            # They clean up after themselves; a machine that hangs is not waited for.
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
                "most often memory ran out: continue with --resume and fewer --workers; 'ray status' shows the cluster",
                exit_code=1,
            ) from None


@contextmanager
def _connected(ray: Any, address: str, workers: int) -> Iterator[None]:
    """A connection to the cluster; one that was there before is used and kept."""
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
        raise AimkitError(what, f"--address {address}", "ray start --head begins one", exit_code=1) from None
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """See that somebody listens: Ray itself would try for many minutes."""
    host, colon, port = address.rpartition("://")[2].strip("/").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _ray() -> Any:
    # Warnings about coming releases are for people who write Ray programs.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise AimkitError("Ray is not installed", "--executor ray", "pip install 'aimkit[ray]'") from None
    return ray
