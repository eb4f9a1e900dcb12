from __future__ import annotations

import json
import random
import string
import time

import pytest

from aimkit.cli import run
from aimkit.datasets.types_file import Typed, match, nearest, read_types
from aimkit.errors import AimkitError
from aimkit.types import ImageType

SO, STM = Typed(ImageType.SO), Typed(ImageType.STM, "glass")


def written(tmp_path, data):
    path = tmp_path / "types.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


@pytest.mark.parametrize(
    ("data", "dataset"),
    [
        ({"DIM": {"a": "SO"}, "HATT": {"b": "NS"}}, "DIM"),
        ({"DIM": {"a": "so"}}, ""),
        ({"a": {"type": "SO", "category": "", "confidence": 0.9}}, ""),
        ({"a": "SO"}, ""),
    ],
)
def test_all_forms_are_read(tmp_path, data, dataset):
    assert read_types(written(tmp_path, data), dataset) == {"a": SO}


@pytest.mark.parametrize(
    ("data", "dataset", "message"),
    [
        ("{", "", "the types file is damaged"),
        ([], "", "one JSON object"),
        ({"DIM": {"a": "SO"}, "HATT": {"b": "NS"}}, "", "several sections"),
        ({"DIM": {"a": "SO"}}, "DMI", "no section 'DMI'"),
        ({"a": "SO", "b": "XX", "c": 3, "d": {"category": "x"}}, "", "3 invalid entries"),
    ],
)
def test_wrong_files_are_named(tmp_path, data, dataset, message):
    path = written(tmp_path, data)
    with pytest.raises(AimkitError, match=message) as error:
        read_types(path, dataset)
    assert error.value.where == str(path)


def test_names_match_by_id_by_last_part_and_with_suffix():
    result = match(["x/a", "b", "c"], {"a": SO, "b.png": STM, "c.jpg": SO})
    assert result.typed == {"x/a": SO, "b": STM, "c": SO}
    assert not result.missing
    assert not result.unknown


def test_everything_that_does_not_fit_is_listed_with_the_nearest_name():
    result = match(["wine_glass", "lamp"], {"wine-glass": SO, "lamp": STM, "zebra": SO})
    assert result.missing == [("wine_glass", "wine-glass")]
    assert result.unknown == [("wine-glass", "wine_glass"), ("zebra", "")]
    assert "wine_glass   (nearest: wine-glass)" in result.text()


def test_nearest_names_among_thousands_are_quick():
    draw = random.Random(0)
    known = ["".join(draw.choices(string.ascii_lowercase, k=12)) for _ in range(2000)]
    started = time.monotonic()
    assert nearest([name[:5] + "_" + name[5:] for name in known], known) == known
    assert time.monotonic() - started < 10


@pytest.fixture
def folder(tmp_path, make):
    return make.cutouts(tmp_path / "images", ["a", "b", "c"])


def test_the_file_wins_over_the_stated_type(tmp_path, folder, open_source):
    types = written(tmp_path, {"a": {"type": "STM", "category": "glass"}, "b": "NS", "c": "SO"})
    table = {"source": "cutouts", "path": str(folder), "types": str(types), "type": "SO", "category": "toy"}
    items = open_source(**table).items
    assert [(str(i.type), i.category) for i in items] == [("STM", "glass"), ("NS", "toy"), ("SO", "toy")]


@pytest.mark.parametrize(("policy", "ids"), [("infer", ["a", "b", "c"]), ("skip", ["a"])])
def test_missing_names_are_reported_in_full(tmp_path, folder, open_source, home, policy, ids):
    types = written(tmp_path, {"a": "STM", "bb": "NS", "zz": "NS"})
    source = open_source(source="cutouts", path=str(folder), types=str(types), missing_types=policy)
    assert [item.id for item in source.items] == ids
    assert source.items[0].type == ImageType.STM
    assert any("2 not named" in line for line in source.report.lines())
    (report,) = (home / "reports").iterdir()
    text = report.read_text()
    assert all(name in text for name in ("not named: b", "not named: c", "no such item: bb", "no such item: zz"))


def test_missing_names_can_be_an_error(tmp_path, folder, open_source):
    types = written(tmp_path, {"a": "STM"})
    with pytest.raises(AimkitError, match="not named: b"):
        open_source(source="cutouts", path=str(folder), types=str(types), missing_types="error")


def test_the_command_line_infers_a_file_that_checks_and_can_be_used(tmp_path, folder, open_source, capsys):
    out = tmp_path / "out.json"
    assert run(["types", "infer", str(folder), "-o", str(out), "--category", "ball"]) == 0
    assert "confidence" in capsys.readouterr().out
    assert json.loads(out.read_text()) == {name: {"type": "SO", "category": "ball"} for name in "abc"}
    assert run(["types", "check", str(folder), str(out)]) == 0
    assert open_source(source="cutouts", path=str(folder), types=str(out)).items[0].category == "ball"
    assert run(["types", "infer", str(folder), "-o", str(out)]) == 2
    (folder / "a.png").rename(folder / "aa.png")
    capsys.readouterr()
    assert run(["types", "check", str(folder), str(out)]) == 2
    assert "not named: aa" in capsys.readouterr().out


def test_pairs_are_inferred_from_their_mattes(tmp_path, make, capsys):
    make.pairs(tmp_path, ["a"], ("fg", "mask"))
    assert run(["types", "infer", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["a", "SO"]
