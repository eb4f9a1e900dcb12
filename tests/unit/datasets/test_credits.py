"""Credits of a folder's pictures: written, read, and refused when damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimkit.datasets.credits import CREDITS, Credit, read_credits, write_credits
from aimkit.errors import AimkitError


def test_credits_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows = {"b/ö": Credit("CC0-1.0", "Ann", "toy", "bear"), "a": Credit()}
    write_credits(tmp_path, rows)
    assert read_credits(tmp_path) == rows
    assert read_credits(tmp_path / "none") == {}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"pictures": 3}', '{"pictures": {"a": 3}}', '{"pictures": {"a": {"licence": 3}}}']
)
def test_a_damaged_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / CREDITS).write_text(text)
    with pytest.raises(AimkitError, match="list of credits is damaged"):
        read_credits(tmp_path)
