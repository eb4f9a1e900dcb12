"""Runs commands of aimkit in forks of one process that has imported everything, and does bad things to them.

Reads a request a line from stdin, a JSON object, and answers each with a JSON object on stdout; see ``faults.py``.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

#: What changes files, as :func:`sys.addaudithook` names it, and the positions of (path, dir_fd) in its arguments.
CHANGES = {"os.rename": (0, 2), "os.remove": (0, 1), "os.mkdir": (0, 2), "os.rmdir": (0, 1), "os.link": (0, 2)}


class Fault:
    """Counts what a process changes below a folder, and ends or interrupts it at chosen events.

    Args:
        folder: The folder.
        kill: The event at which the process ends without any clean-up: its number, or a pattern of "event path".
        interrupts: Numbers of the events at which Ctrl-C is pressed.
        record: File that gets a line for every event.
    """

    def __init__(self, folder: str, kill: int | str, interrupts: list[int], record: str) -> None:
        self.folder, self.kill, self.interrupts, self.record = folder, kill, interrupts, record
        self.pid, self.count, self.busy = os.getpid(), 0, False

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if self.busy or (event != "open" and event not in CHANGES) or os.getpid() != self.pid:
            return
        self.busy = True
        try:
            path = self.path(event, args)
            hit = path is not None and self.happened(event, path, args)
        finally:
            self.busy = False
        if hit:
            signal.raise_signal(signal.SIGINT)

    def path(self, event: str, args: tuple[Any, ...]) -> str | None:
        """The file that is changed, or None when it is none of the folder's."""
        if event == "open":
            writes = isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
            name, base = args[0], -1
            if not writes or isinstance(name, int):
                return None
        else:
            name, base = (args[position] for position in CHANGES[event])
        folder = os.readlink(f"/proc/self/fd/{base}") if isinstance(base, int) and base >= 0 else ""
        path = os.path.join(folder, os.fsdecode(name))
        # Making what is there and removing what is not change nothing.
        idle = {"os.mkdir": os.path.lexists(path), "os.remove": not os.path.lexists(path)}
        return path if path.startswith(self.folder) and not idle.get(event, False) else None

    def happened(self, event: str, path: str, args: tuple[Any, ...]) -> bool:
        self.count += 1
        with open(self.record, "a", encoding="utf-8") as file:
            file.write(json.dumps([event, os.path.relpath(path, self.folder)]) + "\n")
        if self.count == self.kill or (isinstance(self.kill, str) and re.fullmatch(self.kill, f"{event} {path}")):
            if event == "open":
                # What a process leaves that dies before its first write.
                with contextlib.suppress(OSError):
                    os.close(os.open(path, args[2] & ~os.O_EXCL, 0o644))
            os._exit(137)
        if self.count in self.interrupts:
            Path(self.record).with_name("pressed").write_text(str(time.process_time()))
        return self.count in self.interrupts


def child(request: dict[str, Any], folder: Path) -> NoReturn:
    os.setsid()
    for number, name in ((0, os.devnull), (1, str(folder / "stdout")), (2, str(folder / "stderr"))):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644), number)
    os.environ.update(request.get("env", {}))
    if "cwd" in request:
        os.chdir(request["cwd"])
    # A test run in the background of a shell ignores Ctrl-C, and hands that on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["aimkit", *request["words"]]
    if "folder" in request:
        events = str(folder / "events")
        sys.addaudithook(Fault(request["folder"], request.get("kill", 0), request.get("interrupts", []), events))
    from aimkit.cli import run

    sys.exit(run(request["words"]))


def members(session: int) -> list[int]:
    """Processes of a session that still run."""
    found = []
    for status in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, own, *_ = Path(status).read_text(errors="replace").rpartition(")")[2].split()
            if int(own) == session and state not in "ZX":
                found.append(int(status.split("/")[2]))
    return found


def interrupted(pid: int, request: dict[str, Any]) -> None:
    """Press Ctrl-C once a file is there: every process of the terminal gets it."""
    waits, deadline = request["when"], time.monotonic() + 60
    while not glob.glob(waits, recursive=True, include_hidden=True) and time.monotonic() < deadline:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            return
        time.sleep(0.005)
    for number in range(request["times"]):
        time.sleep(request.get("gap", 0.2) if number else 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGINT)


def served(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    for name in ("stdout", "stderr", "events", "pressed"):
        (folder / name).write_text("")
    pid = os.fork()
    if not pid:
        child(request, folder)
    if "when" in request:
        interrupted(pid, request)
    start, status, busy = time.monotonic(), None, 0.0
    while status is None and time.monotonic() < start + request.get("limit", 240):
        found, value, used = os.wait4(pid, os.WNOHANG)
        status = value if found else None
        busy = used.ru_utime + used.ru_stime if found else busy
        time.sleep(0 if found else 0.005)
    # Workers see that their parent is gone; give them a moment.
    end = time.monotonic()
    while (left := members(pid)) and time.monotonic() < end + 10:
        time.sleep(0.05)
    for process in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    if status is None:
        os.waitpid(pid, 0)
    return {
        "code": None if status is None else os.waitstatus_to_exitcode(status),
        "seconds": busy - float((folder / "pressed").read_text() or busy),
        "left": left,
        "out": (folder / "stdout").read_text(errors="replace"),
        "err": (folder / "stderr").read_text(errors="replace"),
        "events": [json.loads(line) for line in (folder / "events").read_text().splitlines()],
    }


def warmed(words: list[str]) -> int:
    """Run a command in this process, so that its forks find all imported and compiled."""
    import cv2

    from aimkit.cli import run

    # Its threads would not be there after a fork, and nobody may wait for them.
    cv2.setNumThreads(0)
    return run(words)


def main() -> None:
    folder = Path(sys.argv[1])
    os.environ["COLUMNS"] = "200"
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        if "shell" in request:
            done = subprocess.run(request["shell"], capture_output=True, text=True, check=False)
            answer: dict[str, Any] = {"code": done.returncode, "err": done.stderr}
        elif "warm" in request:
            answer = {"code": warmed(request["warm"])}
        else:
            answer = served(request, folder)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
