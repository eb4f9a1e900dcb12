"""The lines of a run's ``metrics.jsonl``; read without importing torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aimkit import journal


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a ``metrics.jsonl``, without those that are damaged or incomplete."""
    return [row for row in journal.read(path) if isinstance(row.get("kind"), str) and type(row.get("step")) is int]
