"""TOML files from elsewhere: damaged, nested without end, or endless, they are one error."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimkit import toml_files
from aimkit.errors import AimkitError
from aimkit.toml_files import read_toml


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "{b = " * 50_000, "a." * 60 + "a = 1"])
def test_a_file_that_is_nested_too_deeply_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "deep.toml").write_text(text)
    with pytest.raises(AimkitError, match="nested too deeply"):
        read_toml(tmp_path / "deep.toml")


def test_a_device_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toml_files, "_LONGEST", 1 << 20)
    with pytest.raises(AimkitError, match="larger than 1 MB"):
        read_toml(Path("/dev/zero"))


def test_other_bytes_than_utf_8_are_one_error(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"a = '\xe9'")
    with pytest.raises(AimkitError, match="not valid TOML"):
        read_toml(tmp_path / "latin.toml")
