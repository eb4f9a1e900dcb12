"""A limit on the disk space of all visitors together: uploads beyond it are refused before they are read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]


class UploadBudget:
    """ASGI middleware that answers uploads with 507 (insufficient storage) while a folder is full.

    Args:
        app: The application.
        folder: Folder of the temporary files.
        most: Bytes that it may hold.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], folder: Path, most: int) -> None:
        self._app, self._folder, self._most = app, folder, most

    async def __call__(self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Awaitable[None]]) -> None:
        """Handle a request."""
        upload = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith("/upload")
        if not upload or size_of(self._folder) <= self._most:
            await self._app(scope, receive, send)
            return
        body = b'{"detail": "The studio is full. Try again in an hour."}'
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 507, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; those that vanish meanwhile count nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total
