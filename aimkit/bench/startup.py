"""How long a person waits for a command: whole processes, from start to end, and which imports take the time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aimkit.errors import AimkitError
from aimkit.imageio import encode_jpeg

#: The commands, by what the table calls them; PHOTO and OUT are filled in.
COMMANDS: dict[str, tuple[str, ...]] = {
    "--help": ("--help",),
    "predict, alpha": ("predict", "PHOTO", "--outputs", "alpha", "-o", "OUT"),
    "predict, alpha and cut-out": ("predict", "PHOTO", "-o", "OUT"),
    "synth demo -n 1": ("synth", "demo", "-n", "1", "-o", "OUT"),
    "recipes ls": ("recipes", "ls"),
    "zoo ls": ("zoo", "ls"),
    "backbones ls": ("backbones", "ls"),
}

_IMPORT = re.compile(r"import time:\s*(\d+) \|\s*\d+ \|\s*([\w.]+)")


@dataclass(frozen=True)
class StartupTime:
    """The times of one command.

    Attributes:
        command: Key of ``COMMANDS``.
        wall: Elapsed time of the fastest process, in seconds.
        processor: Processor time of the one that took least, in seconds: user and system, all threads.
        imports: The five packages that take longest to import, with their seconds, their own modules alone.
    """

    command: str
    wall: float
    processor: float
    imports: tuple[tuple[str, float], ...]


def time_startup(names: list[str], folder: Path, repeats: int = 3) -> Iterator[StartupTime]:
    """Time commands as fresh processes.

    Args:
        names: Keys of ``COMMANDS``.
        folder: An empty folder to work in.
        repeats: Processes of each command.

    Raises:
        AimkitError: A command fails.
    """
    photo = folder / "photo.jpg"
    photo.write_bytes(encode_jpeg(_photo()))
    for name in names:
        walls, processors = [], []
        for number in range(repeats):
            wall, processor, _ = _run(name, photo, folder / f"{name} {number}")
            walls.append(wall)
            processors.append(processor)
        *_, told = _run(name, photo, folder / f"{name} imports", "-X", "importtime")
        yield StartupTime(name, min(walls), min(processors), slowest_imports(told))


def slowest_imports(text: str, count: int = 5) -> tuple[tuple[str, float], ...]:
    """The packages that take longest, from the output of ``python -X importtime``, in seconds."""
    total: Counter[str] = Counter()
    for microseconds, module in _IMPORT.findall(text):
        total[module.split(".")[0]] += int(microseconds)
    return tuple((package, microseconds / 1e6) for package, microseconds in total.most_common(count))


def _run(name: str, photo: Path, out: Path, *flags: str) -> tuple[float, float, str]:
    fill = {"PHOTO": str(photo), "OUT": str(out)}
    words = [fill.get(word, word) for word in COMMANDS[name]]
    start, before = time.perf_counter(), _children()
    done = subprocess.run([sys.executable, *flags, "-m", "aimkit", *words], capture_output=True, text=True)
    wall, processor = time.perf_counter() - start, _children() - before
    if done.returncode:
        reason = done.stderr.strip().split("\n")[-1][:200]
        raise AimkitError(f"the command failed: {reason}", f"aimkit {' '.join(words)}", exit_code=1)
    return wall, processor, done.stderr


def _children() -> float:
    """Processor time of the processes that have ended, in seconds; 0 where the system does not tell."""
    times = os.times()
    return times.children_user + times.children_system


def _photo() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A photo of 800x497: a soft disc before waves."""
    y, x = np.mgrid[:497, :800].astype(np.float32)
    disc = np.clip((180 - np.hypot(y - 250, x - 400)) / 12 + 0.5, 0, 1)[..., None]
    waves = 0.5 + 0.3 * np.sin(np.stack([x / 30, y / 40, (x + y) / 50], -1))
    return np.rint(255 * (disc * np.array([0.9, 0.4, 0.2]) + (1 - disc) * waves)).astype(np.uint8)
