"""A run of ``aimkit render`` that is killed and resumed gives the folder of one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from blender_test import blender, box

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="kills a process group")]


def contents(folder: Path) -> dict[str, object]:
    """All files; sidecars without the time that their pictures took."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.suffix == ".json":
            found[name] = {k: v for k, v in json.loads(path.read_text()).items() if k != "cpu_seconds"}
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


def test_kill_and_resume_gives_the_same_folder(tmp_path: Path) -> None:
    command = blender()
    for name in ("a", "b"):
        lines = ["# a cube"]
        for points in box():
            lines += [*(f"v {x} {y} {z}" for x, y, z in points), "f -4 -3 -2 -1"]
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "models" / f"{name}.obj").write_text("\n".join([*lines, ""]))
    words = ["render", str(tmp_path / "models"), "-n", "2", "--size", "48", "--samples", "8", 'passes=["shadow"]']

    def start(out: str, *more: str) -> subprocess.Popen[bytes]:
        where = ["-o", str(tmp_path / out), "--workers", "1", "--blender", command[0]]
        return subprocess.Popen([sys.executable, "-m", "aimkit", *words, *where, *more], start_new_session=True)

    assert start("whole").wait(600) == 0
    killed = start("killed")
    end = time.monotonic() + 300
    while not list((tmp_path / "killed").rglob("*-0?.json")) and time.monotonic() < end:
        time.sleep(0.05)
    # The next picture is being rendered now, unless this was the last.
    time.sleep(0.3)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = len(list((tmp_path / "killed").rglob("*-0?.png")))
    assert 1 <= before < 4
    assert start("killed", "--resume").wait(600) == 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert len(list((tmp_path / "whole").rglob("*-0?.png"))) == 4
    assert len(list((tmp_path / "whole/.passes").rglob("*.shadow.png"))) == 4
