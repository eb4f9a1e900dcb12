"""The page: a theme, a list of tabs, and the cleanup after a visit."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

from aimkit.app.look import FAVICON, HEADING, STYLES, theme
from aimkit.app.settings import Studio
from aimkit.app.upload_budget import UploadBudget

#: The tabs in order: the name on the page, and the function that builds it within its ``gr.Tab``, given
#: the studio and the page (for ``page.load``).
TABS: dict[str, str] = {
    "Compose": "aimkit.app.compose:compose",
    "Predict": "aimkit.app.predict:predict",
    "Data": "aimkit.app.data:data",
    "Results": "aimkit.app.results:results",
}

#: Seconds between looks for old temporary files, and the age at which they go.
_CLEANING = (600, 3600)


def build(studio: Studio) -> gr.Blocks:
    """Build the page.

    Args:
        studio: What it may do, and what its tabs share.
    """

    def leave(request: gr.Request) -> None:
        studio.sessions.close(request)

    with gr.Blocks(title="aimkit studio", analytics_enabled=False, delete_cache=_CLEANING) as page:
        gr.HTML(HEADING, elem_id="studio-heading")
        with gr.Tabs(elem_id="studio-tabs"):
            for name, target in TABS.items():
                with gr.Tab(name, id=name.lower(), elem_id=f"tab-{name.lower()}"):
                    _builder(target)(studio, page)
        page.unload(leave)
    return page


def launch(page: gr.Blocks, studio: Studio, folder: Path, host: str, port: int | None) -> str:
    """Start serving a page in the background; return its address.

    Args:
        page: The page.
        studio: What it may do.
        folder: Folder of all temporary files.
        host: Address to listen at.
        port: Port, or None for the first free one.

    Raises:
        OSError: The address can't be used.
    """
    _, url, _ = page.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        ssr_mode=False,
        inbrowser=False,
        show_error=True,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        allowed_paths=[],
        app_kwargs={"middleware": [Middleware(UploadBudget, folder, studio.limits.gigabytes << 30)]},
        max_file_size=f"{studio.limits.megabytes}mb",
        favicon_path=FAVICON,
        theme=theme(),
        css_paths=STYLES,
    )
    return url


def _builder(target: str) -> Callable[[Studio, gr.Blocks], None]:
    module, name = target.split(":")
    build: Callable[[Studio, gr.Blocks], None] = getattr(importlib.import_module(module), name)
    return build
