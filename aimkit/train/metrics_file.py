"""The lines of a run's ``metrics.jsonl``; read without importing torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aimkit.errors import AimkitError
from aimkit.json_files import parse_json


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a ``metrics.jsonl``, without a last line that is incomplete."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            rows.append(parse_json(line, dict, nan=True))
        except AimkitError:
            break
    return rows
