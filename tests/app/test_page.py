"""The page in a browser and the server behind it: sizes, files that stay where they are, and a clean end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimkit.imageio import write_png

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("tab", ["Compose", "Predict", "Data", "Results"])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_sticks_out_on_a_phone(visit: Callable[..., Any], tab: str, dark: bool) -> None:
    page = visit(width=390, dark=dark, tab=tab)
    page.wait_for_timeout(1500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    light = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
    assert (light < 60) == dark


@pytest.mark.parametrize("path", ["/etc/passwd", str(Path(__file__)), "/proc/self/environ", "../../etc/passwd"])
@pytest.mark.parametrize("route", ["gradio_api/file=", "file=", "static/", "assets/"])
def test_files_of_the_server_are_not_served(studio_url: str, route: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{studio_url}{route}{path}", timeout=20)
    assert caught.value.code in (403, 404)
    assert "root:" not in caught.value.read().decode(errors="replace")


def test_an_upload_that_is_too_large_is_refused(studio_url: str) -> None:
    body = (
        b"--x\r\nContent-Disposition: form-data; name=files; filename=a.png\r\n"
        b"Content-Type: image/png\r\n\r\n" + bytes(5 << 20) + b"\r\n--x--\r\n"
    )
    request = urllib.request.Request(
        f"{studio_url}gradio_api/upload", body, {"Content-Type": "multipart/form-data; boundary=x"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=30)
    assert caught.value.code == 413


def test_a_page_that_is_left_leaves_no_files(visit: Callable[..., Any], temporary: Path, tmp_path: Path) -> None:
    before = set(temporary.glob("aimkit-studio-*/sessions/*"))
    page = visit(tab="Predict")
    write_png(tmp_path / "a.png", np.zeros((40, 40, 3), np.uint8))
    page.set_input_files("#predict-photos input[type=file]", [tmp_path / "a.png"])
    page.wait_for_selector("#strip .thumb.done")
    (mine,) = set(temporary.glob("aimkit-studio-*/sessions/*")) - before
    assert list(mine.glob("photos-*/a.png"))
    page.context.close()
    deadline = time.monotonic() + 60
    while mine.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not mine.exists()


def test_the_command_serves_this_machine_alone_and_leaves_no_files(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "aimkit", "studio", "--no-open", "--port", "7999"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        assert "http://127.0.0.1:7999" in process.stderr.readline()
        assert b"aimkit studio" in urllib.request.urlopen("http://127.0.0.1:7999", timeout=30).read()
        assert [path.name[:14] for path in tmp_path.glob("aimkit-studio-*")] == ["aimkit-studio-"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    deadline = time.monotonic() + 10
    while list(tmp_path.glob("aimkit-studio-*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list(tmp_path.glob("aimkit-studio-*")) == []
    assert process.returncode == 0
