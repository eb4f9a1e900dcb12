import csv
from pathlib import Path

import pytest

from aimkit.cli import run


@pytest.mark.slow
def test_check_writes_results_and_a_table_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    results, table = tmp_path / "results.jsonl", tmp_path / "table.csv"
    command = ["backbones", "check", "test_res*", "--results", str(results), "--table", str(table)]
    assert run(command) == 0
    assert "1 ok (run)" in capsys.readouterr().out
    rows = list(csv.DictReader(table.read_text().splitlines()[1:]))
    assert [(row["name"], row["status"]) for row in rows] == [("test_resnet", "ok")]
    before = results.read_text()
    assert run([*command, "--resume"]) == 0
    assert results.read_text() == before


def test_check_refuses_a_pattern_that_nothing_matches() -> None:
    assert run(["backbones", "check", "no_such_thing*"]) == 2
