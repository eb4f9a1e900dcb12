"""A long run keeps its memory: no process grows while it makes thousands of samples.

``AIMKIT_SOAK=200000 pytest -m slow -s tests/unit/synth/test_soak.py`` soaks longer; ``-s`` shows the figures.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from aimkit.datasets.reader import open_dataset
from aimkit.recipe import parse
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.run import synthesize

COUNT = int(os.environ.get("AIMKIT_SOAK", "20000"))
#: Megabytes that a process may grow by after its first quarter; a leak of 1 KB a sample would be 7 in a worker.
ALLOWED = 5.0

linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory through /proc")


def recipe(folder: Path) -> SynthRecipe:
    """Tiny samples from files and generators, with foregrounds that need a resize and a step."""
    draw = np.random.default_rng(0)
    for name, count, channels in (("cutouts", 6, 4), ("bg", 6, 3)):
        (folder / name).mkdir()
        for i in range(count):
            picture = draw.integers(0, 256, (96, 80, channels), np.uint8)
            cv2.imwrite(str(folder / name / f"{i}.png"), picture)
    data = {
        "kind": "synth",
        "count": COUNT,
        "foregrounds": [
            {"source": "cutouts", "path": str(folder / "cutouts"), "type": "STM", "weight": 4, "premultiplied": False},
            {"source": "procedural", "generators": ["mesh"]},
        ],
        "backgrounds": [
            {"source": "folder", "path": str(folder / "bg"), "weight": 4},
            {"source": "procedural", "generators": ["gradient"]},
        ],
        "placement": {"mode": "canvas", "height": 64, "width": 64},
        "steps": [{"step": "jpeg", "p": 0.5}],
        "labels": {"kernel": 5},
        "output": {"format": "webdataset", "planes": True},
    }
    return parse(SynthRecipe, data, "soak")


def resident(pid: int) -> float:
    """Megabytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def family() -> list[int]:
    """This process and its workers."""
    found = [os.getpid()]
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if (
                f"PPid:\t{os.getpid()}\n" in status.read_text()
                and b"spawn_main" in (status.parent / "cmdline").read_bytes()
            ):
                found.append(int(status.parent.name))
        except OSError:
            continue
    return found


@linux
@pytest.mark.slow
def test_memory_stays_flat_over_thousands_of_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    rows: dict[int, list[tuple[int, float]]] = {}
    ended, out = threading.Event(), tmp_path / "d"

    def watch() -> None:
        while not ended.wait(1.0):
            shards = len(list(out.glob("shards/*.json")))
            for pid in family():
                try:
                    rows.setdefault(pid, []).append((shards, resident(pid)))
                except OSError:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    try:
        synthesize(recipe(tmp_path), out, workers=2)
    finally:
        ended.set()
        watcher.join()
    seconds, total = time.monotonic() - began, COUNT // 100

    assert len(open_dataset(out)) == COUNT
    workers = {pid: row for pid, row in rows.items() if pid != os.getpid()}
    assert len(workers) == 2
    print(f"\n{COUNT} samples in {seconds:.0f} s, {COUNT / seconds:.0f}/s")
    for pid, row in rows.items():
        warm = [size for shards, size in row if 0.25 * total <= shards < 0.35 * total]
        late = [size for shards, size in row if 0.9 * total <= shards < total]
        assert warm and late, "too few samples to tell: AIMKIT_SOAK=5000 or more"  # noqa: PT018
        growth = float(np.median(late) - np.median(warm))
        name = "worker" if pid in workers else "parent"
        print(f"{name}: {np.median(warm):.1f} MB after a quarter, {np.median(late):.1f} MB at the end")
        assert growth < ALLOWED, f"the {name} grew by {growth:.1f} MB"
