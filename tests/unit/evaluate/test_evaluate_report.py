"""The HTML report: self-contained, bounded, escaped, and alive in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from aimkit.evaluate.plot import distribution
from aimkit.evaluate.report import error_map, galleries, page
from aimkit.evaluate.run import look, run
from aimkit.evaluate.sets import open_predictions

BROWSER = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), "")


@pytest.fixture
def report(root: Path) -> str:
    data = open_predictions(str(root / "pred"), str(root))
    result = run(data, model={"title": "<b>me & you</b>"})
    return page(result, lambda name: look(data, None, name), each=1)


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_report_needs_nothing_from_outside(report: str) -> None:
    tags = Tags(report).found
    assert not [tag for tag, _ in tags if tag in ("link", "iframe", "object")]
    assert all(attrs["src"].startswith("data:image/") for _, attrs in tags if attrs.get("src"))  # type: ignore[union-attr]
    assert not re.search(r"https?://", report)


def test_names_are_escaped(report: str) -> None:
    assert "<b>me" not in report
    assert "&lt;b&gt;me &amp; you" in report


def test_best_median_and_worst_are_shown_with_four_pictures_and_a_slider(report: str) -> None:
    assert [t in report for t in ("Best by SAD", "Median by SAD", "Worst by SAD")] == [True] * 3
    tags = Tags(report).found
    assert sum(tag == "section" for tag, _ in tags) == 3
    assert sum(tag == "img" for tag, _ in tags) == 3 * (4 + 2)
    assert sum(tag == "svg" for tag, _ in tags) == 6


def test_galleries_are_disjoint_and_in_order() -> None:
    rows = [{"id": str(i), "sad": float(i)} for i in range(10)]
    ids = {title: [row["id"] for row in found] for title, found in galleries(rows, "sad", 3).items()}
    assert ids == {"Best": ["0", "1", "2"], "Median": ["3", "4", "5"], "Worst": ["9", "8", "7"]}
    assert len(next(iter(galleries(rows[:9], "sad", 3).values()))) == 9


def test_the_error_map_tells_too_opaque_from_too_transparent() -> None:
    prediction, alpha = np.array([[255, 0, 9]], np.uint8), np.array([[0, 255, 9]], np.uint8)
    assert error_map(prediction, alpha).tolist() == [[[255, 0, 0], [0, 0, 255], [255, 255, 255]]]


def test_distributions_hold_every_image_and_survive_zeros() -> None:
    rows = [{"id": f"<{i}>", "type": "SO", "sad": 0.0 if i < 3 else 10.0**i} for i in range(9)]
    svg = distribution(rows, "sad")
    assert svg.count("<circle") == 9
    assert "&lt;8&gt;" in svg
    assert "nan" not in svg
    assert distribution([{"id": "a", "type": "SO", "sad": None}], "sad") == ""


@pytest.mark.skipif(not BROWSER, reason="no Chromium here")
def test_in_a_browser_all_pictures_load_and_the_slider_moves(report: str, tmp_path: Path) -> None:
    probe = """<script>addEventListener("load", () => {
      const input = document.querySelector(".slider input");
      input.value = 20; input.dispatchEvent(new Event("input"));
      const images = [...document.images];
      const edge = document.querySelector(".edge").getBoundingClientRect();
      const pair = document.querySelector(".pair").getBoundingClientRect();
      document.title = JSON.stringify({bad: images.filter(i => !i.naturalWidth).length, all: images.length,
        at: Math.round(100 * (edge.left - pair.left) / pair.width),
        clip: getComputedStyle(document.querySelector(".over")).clipPath,
        wide: document.documentElement.scrollWidth > innerWidth, errors: window.failures || 0});
    });</script>"""
    listen = "<script>window.failures = 0; addEventListener('error', () => window.failures++)</script>"
    file = tmp_path / "report.html"
    file.write_text(report.replace("<head>", "<head>" + listen, 1).replace("</body>", probe + "</body>"))
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'browser'}"]
    done = subprocess.run(
        [BROWSER, *options, "--window-size=1400,900", "--virtual-time-budget=3000", "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None
    assert title[1] == '{"bad":0,"all":18,"at":20,"clip":"inset(0px 80% 0px 0px)","wide":false,"errors":0}'
