"""Tasks spread over processes of this machine. The first Ctrl-C ends them after their current item, a second at once.

Each process has one pipe to this one, and nothing else is shared: no queue, lock or thread of this process can be left
waiting for a process that was killed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import wait as wait_for
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar, cast

from aimkit import console
from aimkit.errors import AimkitError

T = TypeVar("T")
R = TypeVar("R")

#: Works on a task; the second argument is to be called after each item, and what it raises ends the work.
Work = Callable[[T, Callable[[], None]], R]

_TICK, _RESULT, _ERROR = range(3)


class Stopped(Exception):
    """Raised in a worker process when its parent wants it to stop."""


def spread(
    tasks: Sequence[T],
    workers: int,
    prepare: Callable[[], Work[T, R]],
    advance: Callable[[int], None],
    finished: Callable[[R], None],
    *,
    where: str = "",
    hint: str = "",
) -> None:
    """Work on tasks in processes of this machine.

    Args:
        tasks: The tasks; any order may be theirs.
        workers: Number of processes; 0 and 1 stay in this one.
        prepare: Called once in each process; returns what works on a task. It is pickled, as tasks and results are.
        advance: Called with the number of items that were finished since the last call.
        finished: Called with the result of every task; an exception it raises ends the work.
        where: The output, for the error of a killed process.
        hint: How to continue, for the same error.

    Raises:
        AimkitError: A task raised it, or a worker process was killed. The others stop after their current item.
        KeyboardInterrupt: Likewise; a second one kills them.
    """
    workers = min(workers, len(tasks))
    if workers < 2:
        work = prepare() if tasks else None
        for task in tasks:
            assert work is not None
            finished(work(task, lambda: advance(1)))
        return
    team: dict[Any, BaseProcess] = {}
    try:
        with _Interrupts(team) as interrupts:
            try:
                with interrupts.held():
                    for _ in range(workers):
                        _start(prepare, team)
                _distribute(team, deque(tasks), advance, finished)
            except EOFError:
                raise AimkitError("a worker process was killed", where, hint, exit_code=1) from None
            except KeyboardInterrupt:
                console.info("stopping after the current items; press Ctrl-C again to stop at once")
                raise
            finally:
                _dismiss(team)
    finally:
        # Something is left only after a second interrupt.
        for process in team.values():
            process.kill()


class _Interrupts:
    """Ctrl-C while processes are at work: the second one kills them, wherever this process is at that moment.

    An exception alone would not do: raised in a handler or a ``finally`` block, it would skip what is left of it.
    """

    def __init__(self, team: dict[Any, BaseProcess]) -> None:
        self.team, self.count, self.holds = team, 0, False
        self.before: Any = None

    def __enter__(self) -> _Interrupts:
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            self.before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Ctrl-C waits until the end; processes started within never receive it."""
        self.holds = True
        try:
            with deaf_to_interrupts():
                yield
        finally:
            self.holds = False
        if self.count:
            self._act()

    def _note(self, number: int, frame: Any) -> None:
        self.count += 1
        if not self.holds:
            self._act()

    def _act(self) -> None:
        if self.count > 1:
            for process in self.team.values():
                process.kill()
        self.before(signal.SIGINT, None)


def _start(prepare: Callable[[], Work[T, R]], team: dict[Any, BaseProcess]) -> None:
    context = multiprocessing.get_context("spawn")
    own, its = context.Pipe()
    process = context.Process(target=_serve, args=(its, prepare), daemon=True)
    team[own] = process
    process.start()
    # Once it is held by the worker alone, the worker's death closes it.
    its.close()


def _distribute(
    team: dict[Any, BaseProcess], tasks: deque[T], advance: Callable[[int], None], finished: Callable[[R], None]
) -> None:
    busy = list(team)
    for connection in busy:
        _send(connection, tasks.popleft())
    while busy:
        # A timeout, since Windows does not end a wait for Ctrl-C.
        for connection in wait_for(busy, timeout=0.3):
            kind, value = _received(connection)
            if kind == _TICK:
                advance(1)
            elif kind == _ERROR:
                raise value
            else:
                if tasks:
                    _send(connection, tasks.popleft())
                else:
                    busy.remove(connection)
                finished(value)


def _dismiss(team: dict[Any, BaseProcess]) -> None:
    """Ask all to stop after their current item, and wait for that."""
    for connection in team:
        with contextlib.suppress(OSError):
            connection.send(None)
    rest: list[Any] = list(team)
    while rest:
        for connection in cast(list[Any], wait_for(rest, timeout=0.3)):
            try:
                # What comes now is of no use, but a full pipe would keep the worker from ending.
                connection.recv_bytes()
            except (EOFError, OSError):
                rest.remove(connection)
    for process in team.values():
        if process.pid is not None:
            process.join()


def _send(connection: Any, task: Any) -> None:
    try:
        connection.send(task)
    except OSError:
        raise EOFError from None


def _received(connection: Any) -> Any:
    try:
        return connection.recv()
    except OSError:
        raise EOFError from None


def _serve(connection: Any, prepare: Callable[[], Work[Any, Any]]) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()

    def tick() -> None:
        connection.send((_TICK, None))
        # The next task comes after the result of this one, so this is the end.
        if connection.poll():
            raise Stopped

    with contextlib.suppress(Stopped, EOFError, BrokenPipeError, ConnectionResetError):
        try:
            work = prepare()
            while (task := connection.recv()) is not None:
                connection.send((_RESULT, work(task, tick)))
        except (Stopped, EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except BaseException as error:
            connection.send((_ERROR, _portable(error)))


def _portable(error: BaseException) -> BaseException:
    """An error that can be sent to another process."""
    if not isinstance(error, AimkitError):
        error.add_note(f"in a worker process:\n{traceback.format_exc()}")
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))


@contextlib.contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Processes started within never receive Ctrl-C, not even before their first line of Python."""
    masked = None
    if os.name == "posix":
        # They inherit the mask, not a handler. The tracker, when it starts, takes the mask off again.
        resource_tracker.ensure_running()
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if masked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def end_with_parent() -> None:
    """End this process when its parent ends: a killed parent can't tell its workers."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
