"""How long one waits for the studio: its start, and a new wall after a slider was moved."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aimkit.errors import AimkitError

#: What is changed in the recipe ``demo``, by what the table calls it.
CHANGES: dict[str, dict[str, Any]] = {
    "first wall": {},
    "slider moved": {"placement.scale": [0.3, 0.7]},
    "step added": {"steps": [{"step": "jpeg"}, {"step": "shared_noise"}]},
    "label changed": {"labels.kernel": 31},
    "other seed": {"seed": 2},
}


@dataclass(frozen=True)
class StudioTime:
    """One wait.

    Attributes:
        what: What is waited for.
        first: Seconds until the first sample is there; for the start and the browser the same as ``whole``.
        whole: Seconds until all of it is there.
        processor: Processor time of the studio's process meanwhile, in seconds.
    """

    what: str
    first: float
    whole: float
    processor: float


def time_start() -> StudioTime:
    """Start ``aimkit studio`` as a fresh process, until its page is served.

    Raises:
        AimkitError: It does not start.
    """
    import psutil

    begin = time.perf_counter()
    with _running() as (process, _):
        whole = time.perf_counter() - begin
        used = psutil.Process(process.pid).cpu_times()
        return StudioTime("start", whole, whole, used.user + used.system)


def time_walls(count: int = 12, side: int = 256) -> Iterator[StudioTime]:
    """Change the recipe ``demo`` in this process as the page does, and make its samples, encoded for the page.

    Args:
        count: Samples on the wall.
        side: Long side of a sample in pixels.
    """
    from aimkit.app.components import picture_url
    from aimkit.datasets.inspect.sides import side_of
    from aimkit.overrides import apply_overrides
    from aimkit.recipe import raw_recipe
    from aimkit.recipe_text import as_toml
    from aimkit.synth.draft import draft
    from aimkit.synth.drawn_layers import DrawnLayers
    from aimkit.synth.preview import preview

    drawn, data = DrawnLayers(768 << 20), raw_recipe("demo", kind="synth")[0]
    for what, change in CHANGES.items():
        data = apply_overrides(data, [f"{key}={as_toml(value)}" for key, value in change.items()])
        begin, used, first = time.perf_counter(), time.process_time(), 0.0
        shown = draft(data).shown
        assert shown is not None
        for _, sample in preview(shown, range(count), side, drawn=drawn):
            picture_url(side_of(sample, "composite"))
            first = first or time.perf_counter() - begin
        yield StudioTime(what, first, time.perf_counter() - begin, time.process_time() - used)


def time_page(chromium: str, repeats: int = 5) -> Iterator[StudioTime]:
    """Move a slider of the page in a headless Chromium, until the wall shows new samples.

    Args:
        chromium: Path of the browser.
        repeats: How often; the median is told.

    Raises:
        AimkitError: The package playwright is not installed, or the studio does not start.
    """
    import psutil

    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise AimkitError("the browser is driven by playwright", "--browser", "pip install playwright") from None
    with _running() as (process, url), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(url)
        page.wait_for_function(_STILL)
        rows = []
        for number in range(repeats):
            before = psutil.Process(process.pid).cpu_times()
            first, whole = page.evaluate(_MOVE, 0.3 + 0.05 * number)
            after = psutil.Process(process.pid).cpu_times()
            used = after.user + after.system - before.user - before.system
            rows.append(StudioTime("slider moved, in the browser", first / 1000, whole / 1000, used))
        browser.close()
    yield sorted(rows, key=lambda row: row.whole)[len(rows) // 2]


#: Whether the wall is complete.
_STILL = (
    "() => document.querySelector('#wall .wall')?.getAttribute('aria-busy') === 'false'"
    " && document.querySelectorAll('#wall .tile:not(.empty)').length > 0"
)
#: Move the lower end of a slider; milliseconds until the first picture has changed, and until the last one has.
_MOVE = """async (value) => {
  const wall = document.querySelector('#wall .wall'), images = () => [...wall.querySelectorAll('img')].map(i => i.src);
  const slider = document.querySelector('[data-key="placement.scale"] .two input'), before = images();
  const begin = performance.now(); let first = 0, busy = false;
  slider.value = value; slider.dispatchEvent(new Event('input'));
  for (;;) {
    await new Promise(requestAnimationFrame);
    if (!first && images().some((src, i) => src !== before[i])) first = performance.now() - begin;
    busy ||= wall.getAttribute('aria-busy') === 'true';
    const done = first && wall.getAttribute('aria-busy') === 'false';
    if (done || performance.now() - begin > 60000) return [first, performance.now() - begin];
  }
}"""


@contextmanager
def _running() -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A studio in a process of its own, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "aimkit", "-q", "studio", "--no-open", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _answers(url):
            if process.poll() is not None:
                raise AimkitError("the studio did not start", "aimkit studio", "run it to see why", exit_code=1)
            time.sleep(0.02)
        yield process, url
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
