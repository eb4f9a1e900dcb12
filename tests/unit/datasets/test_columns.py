from __future__ import annotations

import math

import datasets
import numpy as np
import pytest

from aimkit.datasets.columns import find_column, text_column, type_column
from aimkit.datasets.huggingface import encoded_image, open_table
from aimkit.errors import AimkitError
from aimkit.imageio import encode_png


def table(values, feature=None):
    features = datasets.Features({"type": feature}) if feature else None
    return datasets.Dataset.from_dict({"type": values}, features=features)


@pytest.mark.parametrize(
    ("values", "feature", "texts"),
    [
        (["a ", None, ""], None, ["a", "", ""]),
        ([0, 1, None], None, ["0", "1", ""]),
        ([0.0, math.nan, 1.5], None, ["0", "", "1.5"]),
        ([1, -1, 0], datasets.ClassLabel(names=["SO", "NS"]), ["NS", "", "SO"]),
        ([b"SO", b"\xff"], datasets.Value("binary"), ["SO", "\ufffd"]),
        ([True, False], None, ["", ""]),
        ([["x"], []], None, ["", ""]),
    ],
)
def test_cells_of_any_kind_become_texts(values, feature, texts):
    assert text_column(table(values, feature), "type") == texts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *(({"type": "SO"}, "SO"), ({"other": 1}, ""), (None, ""), ('{"type": "NS"}', "NS"), ("[1, 2]", "")),
        *(("null", ""), ("not JSON", ""), ('{"type": null}', ""), ('{"type": {"a": 1}}', "")),
    ],
)
def test_json_of_any_kind_gives_the_value_or_nothing(value, text):
    assert text_column(datasets.Dataset.from_dict({"json": [value]}), "json", "type") == [text]


def test_a_type_column_that_means_something_else_is_not_used():
    texts, note = type_column(table(["portrait", "animal"]), "type", stated=False)
    assert texts == ["", ""]
    assert "'portrait'" in note
    assert type_column(table(["portrait"]), "type", stated=True) == (["portrait"], "")
    assert type_column(table(["so", "portrait", None]), "type", stated=False) == (["so", "portrait", ""], "")


def test_a_cell_holds_an_image_as_bytes_or_as_a_file_of_the_dataset(tmp_path):
    data = encode_png(np.zeros((2, 2), np.uint8))
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.png").write_bytes(data)
    (tmp_path / "secret.png").write_bytes(data)
    root = tmp_path / "data"
    for cell in (data, {"bytes": data, "path": None}, {"bytes": None, "path": "a.png"}):
        assert encoded_image(cell, "row 1", root) == data
    for cell in (None, b"", {}, {"bytes": None, "path": None}, {"bytes": None, "path": 3}, 7, [1]):
        with pytest.raises(AimkitError, match="the cell is empty"):
            encoded_image(cell, "row 1", root)
    (root / "link.png").symlink_to("../secret.png")
    for path in ("../secret.png", str(tmp_path / "secret.png"), "link.png"):
        with pytest.raises(AimkitError, match="not the dataset's"):
            encoded_image({"bytes": None, "path": path}, "row 1", root)


@pytest.mark.parametrize(
    ("role", "columns", "found"),
    [
        ("alpha", ["Trans", "image"], "Trans"),
        ("alpha", ["MASK.png", "alpha"], "alpha"),
        ("image", ["composite", "mask"], "composite"),
        ("image", ["composite", "Original.jpg"], "Original.jpg"),
        ("id", ["id", "image_name"], "image_name"),
        ("type", ["kind"], ""),
    ],
)
def test_usual_columns_are_found_in_any_case(role, columns, found):
    made = datasets.Dataset.from_dict({name: [""] for name in columns})
    assert find_column(made, None, role, "") == found
    assert find_column(made, "", role, "") == ""
    assert find_column(made, columns[0], role, "") == columns[0]


def test_without_a_connection_a_dataset_is_looked_for_once_and_in_the_cache(monkeypatch):
    from huggingface_hub import constants

    asked = []

    def load(**arguments):
        asked.append((constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE))
        raise ConnectionError("five retries")

    monkeypatch.setenv("AIMKIT_OFFLINE", "1")
    monkeypatch.setattr(datasets, "load_dataset", load)
    before = (constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE)
    with pytest.raises(AimkitError, match="AIMKIT_OFFLINE is set") as error:
        open_table("org/nothere")
    assert asked == [(True, True)]
    assert before == (constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE)
    assert "give its folder" in error.value.hint
