"""What each visitor of the studio works on: a folder and values of their own, gone when they leave."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

#: Seconds after which a visitor who has done nothing counts as gone: a page may close without a word.
_IDLE = 6 * 3600


@dataclass
class Session:
    """One visitor's page.

    Attributes:
        folder: A folder of its own, for uploads and results.
        values: What tabs keep, by a name of theirs such as "compose".
        seen: Time of the last event, in seconds of :func:`time.monotonic`.
    """

    folder: Path
    values: dict[str, Any] = field(default_factory=dict)
    seen: float = 0.0
    _turns: dict[str, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def turn(self, name: str) -> Callable[[], bool]:
        """Begin a piece of work, which ends an older one of that name.

        Returns:
            Whether the work is still wanted; to be asked between its parts.
        """
        with self._lock:
            mine = self._turns[name] = self._turns.get(name, 0) + 1
        return lambda: self._turns.get(name) == mine

    def stop(self, name: str) -> None:
        """End the work of that name."""
        self.turn(name)

    def place(self, name: str) -> Path:
        """A new, empty folder."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))


class Sessions:
    """The visitors' sessions by the hash that their pages send.

    Args:
        root: Folder of their folders.
        clock: Seconds, for tests.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._root, self._clock = root, clock
        self._known: dict[str, Session] = {}
        self._lock = Lock()

    def of(self, request: Any) -> Session:
        """The session of a ``gradio.Request``; a new one for a page that was just opened."""
        name = str(getattr(request, "session_hash", None) or "")
        with self._lock:
            now = self._clock()
            for old in [key for key, one in self._known.items() if now - one.seen > _IDLE and key != name]:
                self._close(old)
            if name not in self._known:
                self._root.mkdir(parents=True, exist_ok=True)
                self._known[name] = Session(Path(tempfile.mkdtemp(prefix="session-", dir=self._root)))
            self._known[name].seen = now
            return self._known[name]

    def close(self, request: Any) -> None:
        """Forget the session of a page that was left, with its folder."""
        with self._lock:
            self._close(str(getattr(request, "session_hash", None) or ""))

    def __len__(self) -> int:
        return len(self._known)

    def _close(self, name: str) -> None:
        session = self._known.pop(name, None)
        if session is not None:
            for work in list(session._turns):
                session.stop(work)
            shutil.rmtree(session.folder, ignore_errors=True)
