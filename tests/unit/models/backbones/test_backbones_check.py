import json
from pathlib import Path

import pytest

from aimkit.models.backbones import factory
from aimkit.models.backbones.check import COLUMNS, Limits, check_all, check_one, read_results, write_table


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))


def test_small_ones_are_run_and_large_ones_are_shaped() -> None:
    assert [check_one("test_resnet", limit)["checked"] for limit in (100, 0)] == ["run", "meta"]
    assert all(check_one("test_resnet", limit)["status"] == "ok" for limit in (100, 0))


def test_a_failure_is_told_by_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aimkit.models.backbones.check.SIZES", ((256, 320, 1),))
    assert "ValueError" in check_one("test_resnet")["status"]


@pytest.mark.slow
def test_each_check_is_bounded_and_a_resumed_one_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    late = check_all(["test_resnet"], file, limits=Limits(seconds=0.01))
    assert "took more than" in late["test_resnet"]["status"]
    seen: list[str] = []
    rows = check_all(["test_resnet", "test_vit"], file, done=lambda row: seen.append(row["name"]), resume=True)
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert seen == ["test_resnet", "test_vit"]
    check_all(["test_resnet", "test_vit"], file, done=lambda row: seen.append(row["name"]), resume=True)
    assert len(seen) == 2


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text(json.dumps({"name": "a", "status": "ok"}) + "\n" + '{"name": "b", "sta')
    assert list(read_results(file)) == ["a"]


def test_the_table_is_read_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = check_one("test_convnext")
    write_table([row], tmp_path / "table.csv")
    monkeypatch.setattr(factory, "TABLE", tmp_path / "table.csv")
    factory._table.cache_clear()
    try:
        info = factory.describe("test_convnext")
    finally:
        factory._table.cache_clear()
    assert (info.status, info.checked) == ("ok", "run")
    assert info.spec is not None
    assert info.spec.to_row() == {key: row[key] for key in info.spec.to_row()}


def test_the_packaged_table_is_of_one_version_and_complete() -> None:
    import timm

    if factory._table_version() != timm.__version__:
        pytest.skip("another version of timm is installed")
    assert set(factory._table()) == set(timm.list_models())
    assert COLUMNS[-2:] == ("status", "checked")
