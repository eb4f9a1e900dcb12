"""What all visitors together may upload."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aimkit.app.upload_budget import UploadBudget, size_of


def status(folder: Path, method: str, path: str, most: int) -> int:
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(UploadBudget(app, folder, most)({"type": "http", "method": method, "path": path}, None, send))
    return int(sent[0]["status"])


def test_uploads_are_refused_while_the_folder_is_full(tmp_path: Path) -> None:
    (tmp_path / "session").mkdir()
    (tmp_path / "session" / "a.png").write_bytes(bytes(1000))
    assert size_of(tmp_path / "session") == 1000
    most = size_of(tmp_path)
    assert status(tmp_path, "POST", "/gradio_api/upload", most) == 200
    assert status(tmp_path, "POST", "/gradio_api/upload", most - 1) == 507
    assert status(tmp_path, "GET", "/gradio_api/upload", most - 1) == 200
    assert status(tmp_path, "POST", "/gradio_api/queue/join", most - 1) == 200
