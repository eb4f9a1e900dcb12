"""One loader for JSON: the right content, or one error that names the file and the way out."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aimkit.errors import AimkitError
from aimkit.json_files import parse_json, parsed, read_json
from aimkit.storage import place


def test_what_was_written_is_read(tmp_path: Path) -> None:
    content = {"a": [1, -2.5e3, None, True, "ü"], "b": {}}
    (tmp_path / "x.json").write_text(json.dumps(content), encoding="utf-8")
    assert read_json(tmp_path / "x.json") == content
    (tmp_path / "bom.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "bom.json", list) == [1]
    (tmp_path / "any.json").write_text("3")
    assert read_json(tmp_path / "any.json", object) == 3


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "Expecting value"),
        (b'{"a": 1', "Expecting"),
        (b'{"a": 1} x', "Extra data"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b'{"a": NaN}', "it holds NaN"),
        (b'{"a": -Infinity}', "it holds -Infinity"),
        (b'{"a": 1e999}', "the number 1e999 is too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "4300"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "it holds a list instead of an object"),
        (b"null", "it holds null instead of an object"),
        (b"7", "it holds a number instead of an object"),
        (b'"a"', "it holds a string instead of an object"),
    ],
)
def test_damage_is_told_with_file_and_hint(data: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_bytes(data)
    with pytest.raises(AimkitError, match=f"the pool index is damaged: .*{problem}") as caught:
        read_json(path, dict, "pool index", "build the pool again", exit_code=1)
    assert (caught.value.where, caught.value.hint, caught.value.exit_code) == (str(path), "build the pool again", 1)


def test_missing_unreadable_large_and_irregular_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(AimkitError, match="the state is missing"):
        read_json(tmp_path / "state.json", what="state")
    with pytest.raises(AimkitError, match="the state is not a regular file"):
        read_json(tmp_path, what="state")
    with pytest.raises(AimkitError, match="can't read the state"):
        read_json(tmp_path / ("x" * 300), what="state")
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(AimkitError, match="not a regular file"):
        read_json(tmp_path / "pipe.json")
    (tmp_path / "large.json").write_text('{"a": 12345}')
    with pytest.raises(AimkitError, match="12 bytes, more than the limit of 11"):
        read_json(tmp_path / "large.json", limit=11)
    assert read_json(tmp_path / "large.json", limit=12) == {"a": 12345}


def test_files_behind_urls_are_read_in_the_same_way(tmp_path: Path) -> None:
    root = place("memory://json-files")
    (tmp_path / "x").write_text('{"a": 1}')
    root.upload({"x.json": tmp_path / "x"})  # type: ignore[union-attr]
    assert read_json(root / "x.json") == {"a": 1}
    with pytest.raises(AimkitError, match="more than the limit"):
        read_json(root / "x.json", limit=3)
    with pytest.raises(AimkitError, match="the file is missing"):
        read_json(root / "y.json")


def test_text_and_shapes_are_checked_alike() -> None:
    assert parse_json('{"a": 1}') == {"a": 1}
    assert parsed({"a": 1}, lambda row: row["a"], "row", "here") == 1
    for content in ({}, [], None, {"a": None}):
        with pytest.raises(AimkitError, match="the row is damaged"):
            parsed(content, lambda row: int(row["a"]), "row", "here")
