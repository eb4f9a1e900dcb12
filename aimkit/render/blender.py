"""Blender as a separate process: finding it, requesting pictures, and surviving its crashes.

A process answers one job after another. One that crashes, hangs or takes too much memory is killed, and the next job
gets a new one: it costs one picture.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from aimkit.cache import cache_folder
from aimkit.errors import AimkitError
from aimkit.recipe import expand
from aimkit.render.blender_script import ANSWER

#: The script that runs inside Blender.
SCRIPT = Path(__file__).with_name("blender_script.py")

#: Pictures after which a process is replaced, since importers do not give back all memory.
_PICTURES = 100
#: Seconds that Blender may take to start.
_START = 180.0
_TICK = 0.2


class BlenderFailed(AimkitError):
    """Blender crashed, hung, or took too much memory; the picture is lost, and the next one gets a new process."""


def find_blender(given: str = "") -> list[str]:
    """The command that runs :data:`SCRIPT`.

    Args:
        given: A Blender, or a Python that has ``bpy``; when empty, ``AIMKIT_BLENDER``, the environment of
            ``aimkit render --setup``, ``blender`` on the path, and this Python are tried in this order.

    Raises:
        AimkitError: There is none.
    """
    named = given or os.environ.get("AIMKIT_BLENDER", "")
    where = "--blender" if given else "AIMKIT_BLENDER"
    if named:
        path = shutil.which(str(expand(named, where)))
        if path is None:
            raise AimkitError("Blender not found", f"{where} = {named}", "give the program's file")
        return _command(path)
    own = environment_python(cache_folder("blender"))
    if own.is_file():
        return _command(str(own))
    path = shutil.which("blender")
    if path is not None:
        return _command(path)
    if _has_bpy(sys.executable):
        return _command(sys.executable)
    hint = "run 'aimkit render --setup', install Blender, or give --blender PATH"
    raise AimkitError("Blender not found", "AIMKIT_BLENDER, the cache folder, PATH", hint)


def environment_python(folder: Path) -> Path:
    """The Python of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _command(path: str) -> list[str]:
    if "python" in Path(path).name.lower():
        return [path, "-s", str(SCRIPT)]
    return [path, "--background", "--factory-startup", "--python-exit-code", "1", "--python", str(SCRIPT)]


def _has_bpy(python: str) -> bool:
    probe = "import importlib.util as u, sys; sys.exit(u.find_spec('bpy') is None)"
    try:
        return subprocess.run([python, "-c", probe], check=False, timeout=30, capture_output=True).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


class BlenderProcess:
    """A Blender that renders one picture at a time; used by one thread.

    Args:
        command: See :func:`find_blender`.
        timeout: Seconds that a picture may take.
        memory: Bytes of memory that it may hold (checked on Linux).
    """

    def __init__(self, command: Sequence[str], timeout: float, memory: int) -> None:
        self.command, self.timeout, self.memory = list(command), timeout, memory
        self.versions: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._log: IO[bytes] | None = None
        self._done = 0

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        """Render a job.

        Returns:
            What Blender says of the picture.

        Raises:
            BlenderFailed: It died, hung or took too much memory.
            AimkitError: It can't render the job, or can't be started.
        """
        if self._process is None or self._process.poll() is not None or self._done >= _PICTURES:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        self._done += 1
        try:
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._failed("Blender ended") from None
        answer = self._wait(self.timeout)
        if "error" in answer:
            raise AimkitError(f"Blender can't render it: {answer['error']}", exit_code=1)
        return answer

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL) if os.name == "posix" else process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]
        if self._log is not None:
            self._log.close()
            self._log = None

    def _start(self) -> None:
        self.close()
        self._answers, self._done = queue.Queue(), 0
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        # Blender's Python must not read the packages of this one.
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        try:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=kept,
                start_new_session=True,
            )
        except OSError as error:
            raise AimkitError(f"can't start Blender: {error.strerror}", self.command[0], exit_code=1) from None
        threading.Thread(target=_listen, args=(self._process.stdout, self._answers), daemon=True).start()
        self.versions = dict(self._wait(_START).get("ready", {}))

    def _wait(self, seconds: float) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while True:
            try:
                answer = self._answers.get(timeout=_TICK)
            except queue.Empty:
                if time.monotonic() > end:
                    raise self._failed(f"Blender took more than {seconds:g} s") from None
                used = _resident(self._process.pid) if self._process else 0
                if used > self.memory:
                    raise self._failed(f"Blender took more than {self.memory / 2**30:g} GiB of memory") from None
                continue
            if answer is None:
                code = self._process.wait() if self._process else 0
                how = f"signal {-code}" if code < 0 else f"exit code {code}"
                raise self._failed(f"Blender crashed ({how})")
            return answer

    def _failed(self, what: str) -> BlenderFailed:
        said = ""
        if self._log is not None:
            with contextlib.suppress(OSError, ValueError):
                self._log.seek(0)
                lines = [line for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
                said = lines[-1].strip()[:300] if lines else ""
        self.close()
        return BlenderFailed(what, "", said and f"its last output: {said}", exit_code=1)


def _listen(stream: Any, answers: queue.Queue[dict[str, Any] | None]) -> None:
    """Pass on the answers among the lines that Blender writes; None when it has ended."""
    mark = ANSWER.encode()
    with contextlib.suppress(OSError, ValueError):
        for line in stream:
            if line.startswith(mark):
                with contextlib.suppress(ValueError):
                    answers.put(json.loads(line[len(mark) :]))
    answers.put(None)


def _resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
