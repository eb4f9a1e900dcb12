"""Serving the studio: without telemetry, and without leftovers."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aimkit.app.sessions import Sessions
from aimkit.app.settings import Studio
from aimkit.errors import AimkitError

#: Addresses that only this machine can reach.
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def import_gradio() -> Any:
    """Import Gradio with all telemetry off.

    Raises:
        AimkitError: It is not installed.
    """
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1", GRADIO_SSR_MODE="False")
    try:
        import gradio
    except ImportError as error:
        if error.name and error.name.split(".")[0] != "gradio":
            raise
        hint = "pip install 'aimkit[studio]' (Gradio 6 requires Pillow below 13)"
        raise AimkitError("the studio needs Gradio, which is not installed", "aimkit studio", hint) from None
    if int(gradio.__version__.split(".")[0]) < 6:
        hint = "pip install -U 'aimkit[studio]'"
        raise AimkitError(f"the studio needs Gradio 6 or later, not {gradio.__version__}", "gradio", hint)
    return gradio


def serve(
    studio: Studio,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = False,
    ready: Callable[[str], None] | None = None,
    until: threading.Event | None = None,
) -> None:
    """Serve the studio until it is interrupted. Temporary files are removed at the end.

    Args:
        studio: What it may do; its sessions are moved into a temporary folder.
        host: Address to listen at.
        port: Port; the first free one from 7860 on by default.
        browser: Open the page in a browser.
        ready: Called with the page's address once it can be opened.
        until: Stops the server when it is set.

    Raises:
        AimkitError: Gradio is not installed, or the address can't be used.
    """
    with tempfile.TemporaryDirectory(prefix="aimkit-studio-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        # Gradio serves files of its own folder to everyone: sessions lie beside it.
        os.environ.update(GRADIO_TEMP_DIR=str(root / "served"))
        import_gradio()
        from aimkit.app.page import build, launch

        page = build(replace(studio, sessions=Sessions(root / "sessions")))
        try:
            url = launch(page, studio, root, host, port)
        except OSError as error:
            where = f"--host {host}" + (f" --port {port}" if port else "")
            raise AimkitError(f"can't listen: {error}", where, "choose another port", exit_code=1) from None
        try:
            if ready is not None:
                ready(url)
            if browser:
                import webbrowser

                webbrowser.open(url)
            with _terminable():
                (until or threading.Event()).wait()
        except KeyboardInterrupt:
            pass
        finally:
            page.close(verbose=False)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let the signal that ends a service end the block as Ctrl-C does, so that files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def serve_space() -> None:
    """Serve the studio as a Hugging Face Space does: to everyone, from the port that the Space names."""
    port = int(os.environ.get("GRADIO_SERVER_PORT", "7860"))
    serve(Studio(local=False), host="0.0.0.0", port=port)
