"""Tables of others as evaluation sets: columns by their usual names, types as they come, origins told."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from aimkit.cli import run
from aimkit.errors import AimkitError
from aimkit.evaluate.sets import open_set
from aimkit.matting.trimap import trimap as make_trimap

KINDS = ["SO", "STM", "NS"]


def mirror(root: Path, folder: Path, *, leave_out: tuple[str, ...] = (), **columns: object) -> str:
    """AIM-500 as a parquet file of the columns image, mask, type, category and image_name; more may replace them."""
    names = sorted(path.name for path in (root / "mask").iterdir())
    entries = json.loads((root / "aim_category_type.json").read_text())
    stems = [Path(name).stem for name in names]
    table = {
        "image": [{"bytes": (root / "original" / name).read_bytes(), "path": None} for name in names],
        "mask": [{"bytes": (root / "mask" / name).read_bytes(), "path": None} for name in names],
        "type": [KINDS.index(entries[stem]["type"]) for stem in stems],
        "category": [entries[stem]["category"] for stem in stems],
        "image_name": [f"{stem}.jpg" for stem in stems],
        **columns,
    }
    made = datasets.Dataset.from_dict({name: cells for name, cells in table.items() if name not in leave_out})
    for name in {"image", "mask", "composite", "Trans", "trimap"} & set(made.column_names):
        made = made.cast_column(name, datasets.Image())
    if "type" not in columns and "type" in made.column_names:
        made = made.cast_column("type", datasets.ClassLabel(names=KINDS))
    made.to_parquet(folder / "data" / "test-00000-of-00001.parquet")
    return f"hf:{folder}"


def planes_of(root: Path, plane: str) -> list[dict[str, object]]:
    return [{"bytes": path.read_bytes(), "path": None} for path in sorted((root / plane).iterdir())]


@pytest.fixture(autouse=True)
def _quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def test_a_mirror_gives_the_figures_of_the_published_folder(root: Path, tmp_path: Path) -> None:
    name = mirror(root, tmp_path / "hub")
    for path in (root / "trimap").iterdir():
        path.unlink()
    for where, out in ((root, "a"), (name, "b")):
        words = ["evaluate", "aim500", "--root", str(where), "--baseline", "mean", "-o", str(tmp_path / out)]
        assert run([*words, "--no-report"]) == 0
    folder, hub = (json.loads((tmp_path / out / "results.json").read_text()) for out in "ab")
    assert hub["averages"] == folder["averages"]
    assert hub["protocol"]["digest"] == folder["protocol"]["digest"]
    told = "hf:hub: photos of 'image', mattes of 'mask', types of 'type', categories of 'category', no trimaps"
    assert hub["protocol"]["origin"] == f"{told}, all trimaps made"
    assert told in hub["protocol"]["text"]
    for row, image in zip(hub["images"], folder["images"], strict=True):
        digest = hashlib.sha256()
        for role, plane in (("alpha", "mask"), ("image", "original")):
            content = next((root / plane).glob(f"{row['id']}.*")).read_bytes()
            digest.update(f"{role} ".encode() + hashlib.sha256(content).digest())
        assert row["digest"] == digest.hexdigest()
        assert (row["id"], row["type"]) == (image["id"], image["type"])


def test_columns_have_other_usual_names_of_any_case(root: Path, tmp_path: Path) -> None:
    columns = {"composite": planes_of(root, "original"), "Trans": planes_of(root, "mask")}
    upper = {"Type": [kind.lower() for kind in KINDS] * 2, "CATEGORY": ["Toy"] * 6, "Name": list("abcdef")}
    leave_out = ("image", "mask", "type", "category", "image_name")
    data = open_set(mirror(root, tmp_path / "hub", leave_out=leave_out, **columns, **upper))
    assert [(one.id, one.type, one.category) for one in data.entries][:2] == [("a", "SO", "toy"), ("b", "STM", "toy")]
    masks = sorted((root / "mask").iterdir())
    np.testing.assert_array_equal(data.read(data.entries[3]).alpha, np.asarray(Image.open(masks[3])))


def test_a_named_column_goes_before_the_usual_one_and_an_empty_name_switches_it_off(root: Path, tmp_path: Path) -> None:
    others = [{"bytes": (root / "mask" / "o_0000.png").read_bytes(), "path": None}] * 6
    name = mirror(root, tmp_path / "hub", Trans=others)
    first = np.asarray(Image.open(root / "mask" / "o_0000.png"))
    data = open_set(name, columns={"alpha": "Trans", "type": "", "id": ""})
    np.testing.assert_array_equal(data.read(data.entries[5]).alpha, first)
    assert [(one.id, one.type) for one in data.entries][:2] == [("00000", ""), ("00001", "")]
    with pytest.raises(AimkitError, match="did you mean 'mask'"):
        open_set(name, columns={"alpha": "msk"})


@pytest.mark.parametrize("cell", ["portrait", 3, math.nan])
def test_a_foreign_column_of_types_is_told_and_not_used(root: Path, tmp_path: Path, cell: object) -> None:
    name = mirror(root, tmp_path / "hub", type=[cell] * 6)
    data = open_set(name)
    assert {one.type for one in data.entries} == {""}
    assert data.table is not None
    assert bool(data.table.notes) == (cell == cell)
    assert "no types" in data.table.origin
    types = root / "aim_category_type.json"
    assert {one.type for one in open_set("aim500", name, types=str(types)).entries} == set(KINDS)


def test_a_column_that_the_user_names_must_hold_types(root: Path, tmp_path: Path) -> None:
    with pytest.raises(AimkitError, match="such as 'portrait'"):
        open_set(mirror(root, tmp_path / "hub", type=["SO"] * 5 + ["portrait"]), columns={"type": "type"})


def test_trimaps_are_used_where_a_row_has_one(root: Path, tmp_path: Path) -> None:
    cells: list[object] = planes_of(root, "trimap")
    stored = np.asarray(Image.open(root / "trimap" / "o_0001.png"))
    data = open_set(mirror(root, tmp_path / "hub", trimap=[None, *cells[1:]]), kernel=9)
    first, second = (data.read(one) for one in data.entries[:2])
    np.testing.assert_array_equal(first.trimap, make_trimap(first.alpha, 9))
    np.testing.assert_array_equal(second.trimap, stored)
    assert data.trimap == "from files, 1 made from the true matte, elliptical kernel 9"
    assert data.origin.endswith("1 trimaps made")


def test_predictions_are_measured_against_a_mirror(root: Path, tmp_path: Path) -> None:
    name = mirror(root, tmp_path / "hub")
    words = ["evaluate", "aim500", "--root", name, "--predictions", str(root / "mask"), "-o", str(tmp_path / "out")]
    assert run([*words, "--no-report"]) == 0
    assert json.loads((tmp_path / "out" / "results.json").read_text())["averages"]["images"]["sad"] == 0


def test_what_a_table_lacks_is_told(root: Path, tmp_path: Path) -> None:
    with pytest.raises(AimkitError, match="no column of mattes"):
        open_set(mirror(root, tmp_path / "a", leave_out=("mask",)))
    with pytest.raises(AimkitError, match="1 duplicate names, for example 'a'"):
        open_set(mirror(root, tmp_path / "b", image_name=["a", "b", "c", "d", "e", "a"]))
    with pytest.raises(AimkitError, match="anmal"):
        open_set("aim500", mirror(root, tmp_path / "c", category=["anmal"] * 6))


def test_a_cell_can_not_name_a_file_of_this_machine(root: Path, tmp_path: Path) -> None:
    paths = [str(path) for path in sorted((root / "mask").iterdir())]
    data = open_set(mirror(root, tmp_path / "hub", mask=[{"bytes": None, "path": path} for path in paths]))
    with pytest.raises(AimkitError, match="not the dataset's"):
        data.read(data.entries[0])
