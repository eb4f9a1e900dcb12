"""A journal gives back what was written, and neither torn nor changed lines pass for a row."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from aimkit import journal
from aimkit.errors import AimkitError

ROWS = [{"id": "a", "mad": 0.1}, {"id": "\udce9.png", "mad": float("inf")}, {"id": "c", "mad": None}]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for row in ROWS:
        journal.append(tmp_path / "log" / "rows.jsonl", row)
    return tmp_path / "log" / "rows.jsonl"


def test_rows_come_back_without_their_checksums(file: Path) -> None:
    assert journal.read(file) == ROWS
    assert all("check" in json.loads(text) for text in file.read_text().splitlines())
    assert journal.read(file.with_name("none.jsonl")) == []


def test_every_changed_bit_of_a_line_is_noticed_and_only_that_row_is_left_out(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = file.read_bytes()
    for position in range(data.index(b"\n")):
        for bit in range(8):
            changed = bytearray(data)
            changed[position] ^= 1 << bit
            file.write_bytes(changed)
            rows = journal.read(file, "done again")
            told = capsys.readouterr().err
            # An inner newline makes two damaged lines of one; blanks around a value mean nothing.
            assert rows[-2:] == ROWS[1:], (position, bit)
            assert rows[:-2] in ([], ROWS[:1]), (position, bit)
            assert rows[:-2] == ROWS[:1] or ("rows.jsonl: line 1" in told and "done again" in told), (position, bit)


def test_a_changed_bit_of_the_only_line_is_noticed_even_in_the_word_that_announces_its_checksum(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    data = journal.line(ROWS[0]).encode()
    for position in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[position] ^= 1 << bit
            file.write_bytes(changed)
            assert journal.read(file) in ([], ROWS[:1]), (position, bit)
    file.write_text('{}\n{"id": "a"}\n')
    assert journal.read(file) == [{}, {"id": "a"}]


@pytest.mark.parametrize("rest", [b'{"id": "torn', b"\xff", b"{}{"])
def test_a_line_that_a_killed_writer_left_is_ignored_and_removed_by_the_next_row(
    rest: bytes, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with file.open("ab") as out:
        out.write(rest)
    assert journal.read(file) == ROWS
    assert [problem for _, problem in journal.examine(file)][-1] == journal.UNFINISHED
    journal.append(file, {"id": "d"})
    assert journal.read(file) == [*ROWS, {"id": "d"}]
    assert capsys.readouterr().err == ""


def test_lines_of_earlier_versions_have_no_checksum_and_are_read(tmp_path: Path) -> None:
    (tmp_path / "old.jsonl").write_text('{"id": "a"}\n{"id": "b"}')
    assert journal.read(tmp_path / "old.jsonl") == [{"id": "a"}, {"id": "b"}]


def test_a_journal_that_can_not_be_read_or_written_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AimkitError, match="not a regular file"):
        journal.read(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(AimkitError, match="disk full"):
        journal.append(tmp_path / "rows.jsonl", {})
