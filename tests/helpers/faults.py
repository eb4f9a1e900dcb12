"""Commands that are killed, interrupted, or given a disk that is full: what the storm tests have in common."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aimkit.files import UNFINISHED

#: Files whose content holds times or paths, or lines in the order of threads, by the ends of their names.
TIMES = (
    "images.jsonl",
    "metrics.jsonl",
    "page.html",
    "state.json",
    "run.json",
    "report.html",
    "photos.jsonl",
    "digests.json",
)


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: Exit code, negative for a signal, None when it had to be killed because it hung.
        seconds: CPU time from the last interrupt at an event to the end, which does not depend on who else computes.
        left: Processes that it left.
        out: What it printed on stdout.
        err: What it printed on stderr.
        events: What it changed in its folder, in order: (event, path).
    """

    code: int | None
    seconds: float
    left: list[int]
    out: str
    err: str
    events: list[tuple[str, str]]


class Faults:
    """A process that forks a process for every command; see ``fault_server.py``."""

    def __init__(self, folder: Path, mounts: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        words = [sys.executable, str(Path(__file__).with_name("fault_server.py")), str(folder)]
        words = ["unshare", "-m", *words] if mounts else words
        env = os.environ | {"OMP_NUM_THREADS": "1", "AIMKIT_HOME": str(folder / "home"), "AIMKIT_OFFLINE": "1"}
        env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        self.server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True)

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        answer: dict[str, Any] = json.loads(self.server.stdout.readline())
        return answer

    def run(self, words: Sequence[str], **request: Any) -> Ended:
        """Run a command; ``kill`` and ``interrupts`` are numbers of events below ``folder``."""
        answer = self.ask(words=list(words), **request)
        return Ended(**answer | {"events": [(event, path) for event, path in answer["events"]]})

    def seen(self, path: Path) -> Path:
        """A path as the server sees it, whose mounts are its own."""
        return Path(f"/proc/{self.server.pid}/root{path}")

    def close(self) -> None:
        assert self.server.stdin is not None
        self.server.stdin.close()
        self.server.wait(10)


@contextmanager
def faults(folder: Path, mounts: bool = False) -> Iterator[Faults]:
    server = Faults(folder, mounts)
    try:
        yield server
    finally:
        server.close()


def can_mount() -> bool:
    """Whether this user may mount file systems that nobody else sees."""
    if shutil.which("unshare") is None:
        return False
    trial = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=64k", "trial", "/mnt"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def tree(folder: Path, skip: Sequence[str] = TIMES) -> dict[str, str]:
    """Digest of every file by its path, hidden ones too; files that hold times are only named."""
    return {
        path.relative_to(folder).as_posix(): ""
        if path.name.endswith(tuple(skip))
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def unfinished(folder: Path) -> list[str]:
    """Names of what a command was still writing."""
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if UNFINISHED.fullmatch(path.name) or path.name.endswith((".tmp", ".part", ".old"))
    ]
