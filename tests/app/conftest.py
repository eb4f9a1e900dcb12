"""A studio that is served, and a headless Chromium to visit it; tests are skipped where there is none."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from offered_folders import write_broken, write_pictures, write_results

from aimkit.app.settings import Studio
from aimkit.app.studio import serve
from aimkit.app.uploads import UploadLimits

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def offered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Folders that are offered to strangers: pictures, results, an empty one, and one that is gone."""
    root = tmp_path_factory.mktemp("offered")
    names = ("pictures", "results", "empty", "gone")
    folders = tuple(root / name for name in names)
    for folder in folders[:3]:
        folder.mkdir()
    write_pictures(folders[0])
    shutil.rmtree(folders[0] / "soft")
    shutil.rmtree(folders[0] / "thin")
    write_broken(folders[0])
    write_results(folders[1])
    return folders


@pytest.fixture(scope="session")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the studio puts its temporary files."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        yield folder


@pytest.fixture(scope="session")
def studio_url(temporary: Path, offered: tuple[Path, ...]) -> Iterator[str]:
    """Address of a studio in this process, as strangers see it."""
    pytest.importorskip("gradio", reason="the studio needs Gradio")
    ready, until, found = threading.Event(), threading.Event(), []

    def tell(url: str) -> None:
        found.append(url)
        ready.set()

    limits = UploadLimits(megabytes=4, files=20, megapixels=20)
    arguments = {"ready": tell, "until": until}
    studio = Studio(local=False, limits=limits, folders=offered)
    thread = threading.Thread(target=serve, args=(studio,), kwargs=arguments, daemon=True)
    thread.start()
    assert ready.wait(60)
    yield found[0]
    until.set()
    thread.join(30)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("AIMKIT_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("needs Chromium (apt install chromium, or AIMKIT_CHROMIUM=PATH)")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def visit(browser: Any, studio_url: str) -> Iterator[Callable[..., Any]]:
    """Opens a page of the studio in a visitor's own context; checks at the end that nothing went wrong on it."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def open_page(width: int = 1400, dark: bool = False, tab: str = "Compose") -> Any:
        scheme = "dark" if dark else "light"
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: _note_outside(request.url, studio_url, wrong))
        page.goto(studio_url)
        page.get_by_role("tab", name=tab).click()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def _note_outside(url: str, inside: str, wrong: list[str]) -> None:
    if not url.startswith((inside, "data:", "blob:")):
        wrong.append(f"request to {url}")


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Any, str], Path]:
    """Clicks something that downloads a file, and returns the file."""

    def save(page: Any, selector: str) -> Path:
        with page.expect_download() as download:
            page.click(selector)
        target = tmp_path / download.value.suggested_filename
        download.value.save_as(target)
        return target

    return save
