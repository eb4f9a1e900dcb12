"""A small web server that behaves as badly as it is told to, and a zoo of one's own that it serves."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aimkit.zoo.manifest import ZooEntry
from aimkit.zoo.sources import https


@dataclass
class Server:
    """Serves ``files`` by path; ``plan`` says what goes wrong, one word a request, then nothing does.

    Words: a status (``404``), ``cut`` (half of what is left, then the connection ends), ``stall`` (half, then silence),
    ``corrupt`` (one byte differs), ``html``, ``gzip``, ``endless``.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    plan: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    routes: dict[str, Callable[[Any], None]] = field(default_factory=dict)
    hub: Any = None
    ranges: bool = True
    tags: bool = True
    delay: float = 0.0
    requests: list[tuple[str, str]] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    httpd.state = Server(f"http://127.0.0.1:{httpd.server_port}")  # type: ignore[attr-defined]
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(https, "policy", https.Policy(attempts=3, wait=0.01, longest=0.05, timeout=1.5))
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield httpd.state  # type: ignore[attr-defined]
    httpd.state.done.set()  # type: ignore[attr-defined]
    httpd.shutdown()
    httpd.server_close()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    def log_message(self, *args: Any) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        state: Server = self.server.state  # type: ignore[attr-defined]
        path = self.path.partition("?")[0]
        state.requests.append((self.path, self.headers.get("Range", "")))
        if state.hub is not None and state.hub.answer(self):
            return
        if path in state.routes:
            state.routes[path](self)
            return
        fault = state.plan.pop(0) if state.plan else ""
        if fault.isdigit() or path not in state.files:
            self.answer(int(fault or 404), b"no", state.headers)
            return
        if fault == "html":
            self.answer(200, b"<!DOCTYPE html><html>quota</html>", {"Content-Type": "text/html; charset=utf-8"})
            return
        self.serve(state, state.files[path], fault)

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def serve(self, state: Server, content: bytes, fault: str) -> None:
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        start = 0
        asked = self.headers.get("Range", "")
        if asked and state.ranges and self.headers.get("If-Range", tag) == tag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        if start >= len(content) > 0 and start:
            self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        body = content[start:]
        if fault == "corrupt":
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if state.tags:
            self.send_header("ETag", tag)
        if fault == "gzip":
            self.send_header("Content-Encoding", "gzip")
        if fault != "endless":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.send(state, body, fault)

    def send(self, state: Server, body: bytes, fault: str) -> None:
        try:
            if fault in ("cut", "stall"):
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                if fault == "stall":
                    state.done.wait(20)
                self.close_connection = True
            elif fault == "endless":
                while not state.done.is_set():
                    self.wfile.write(body)
            else:
                for at in range(0, len(body), 1 << 16):
                    self.wfile.write(body[at : at + (1 << 16)])
                    if state.delay:
                        time.sleep(state.delay)
        except OSError:
            pass  # The client went away.


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clean cache and a manifest folder of one's own; nothing from the environment."""
    for name in ("AIMKIT_OFFLINE", "AIMKIT_TRUST_FIRST_USE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIMKIT_ZOO", str(tmp_path / "zoo"))
    (tmp_path / "zoo").mkdir()
    return tmp_path


def safetensors(size: int = 200_000, value: int = 7) -> bytes:
    """The bytes of a safetensors file of one tensor of uint8."""
    header = json.dumps({"x": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes([value]) * size


@pytest.fixture
def weights() -> bytes:
    return safetensors()


def entry(content: bytes | None, *sources: str, **keys: Any) -> ZooEntry:
    """An entry whose file has that content, or an unknown digest."""
    known = {} if content is None else {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    data: dict[str, Any] = {
        "id": "aimnet_resnet18.test",
        "architecture": "aimnet",
        "backbone": "resnet18",
        "stage": "matting",
        "format": "safetensors",
        "licence": "MIT",
        "sources": list(sources),
    }
    return ZooEntry.model_validate(data | known | keys)


@pytest.fixture
def make_entry() -> Callable[..., ZooEntry]:
    return entry


@pytest.fixture
def make_weights() -> Callable[..., bytes]:
    return safetensors
