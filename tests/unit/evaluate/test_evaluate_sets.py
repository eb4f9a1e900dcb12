"""Opening data: every image needs its matte, its type, its prediction; what is made is said."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from aimkit.errors import AimkitError
from aimkit.evaluate.sets import open_predictions, open_set
from aimkit.matting.trimap import trimap as make_trimap


def test_aim500_has_types_categories_and_trimaps(root: Path) -> None:
    data = open_set("aim500", str(root))
    assert data.name == "AIM-500, 6 images"
    assert data.trimap == "from files"
    assert [(e.id, e.type, e.category) for e in data.entries][:2] == [
        ("o_0000", "SO", "animal"),
        ("o_0001", "STM", "portrait"),
    ]
    planes = data.read(data.entries[0])
    assert planes.image is not None
    assert planes.image.shape == (40, 56, 3)
    assert planes.alpha.dtype == np.uint8
    assert set(np.unique(planes.trimap)) <= {0, 128, 255}


def test_missing_trimaps_are_made_and_the_protocol_says_so(root: Path) -> None:
    for path in sorted((root / "trimap").iterdir())[:2]:
        path.unlink()
    data = open_set("aim500", str(root), kernel=12)
    assert data.trimap == "from files, 2 made from the true matte, elliptical kernel 12"
    planes = data.read(data.entries[0])
    np.testing.assert_array_equal(planes.trimap, make_trimap(planes.alpha, 12))


def test_a_folder_may_have_image_and_alpha_for_original_and_mask(root: Path) -> None:
    wanted = open_set("folder", str(root))
    (root / "original").rename(root / "image")
    (root / "mask").rename(root / "alpha")
    found = open_set("folder", str(root))
    assert [entry.id for entry in found.entries] == [entry.id for entry in wanted.entries]
    same = open_predictions(str(root / "alpha"), str(root))
    assert {"image", "alpha", "trimap", "prediction"} == (same.entries[0].files or {}).keys()


def test_a_folder_needs_neither_trimaps_nor_types(root: Path) -> None:
    for path in (root / "trimap").iterdir():
        path.unlink()
    (root / "aim_category_type.json").unlink()
    data = open_set("folder", str(root))
    assert data.trimap == "made from the true matte, elliptical kernel 30"
    assert {e.type for e in data.entries} == {""}
    with pytest.raises(AimkitError, match=r"types file .* not found"):
        open_set("aim500", str(root))


def test_our_own_folders_are_read_with_their_types(root: Path) -> None:
    (root / "aim_category_type.json").rename(root / "types.json")
    assert {e.type for e in open_set("folder", str(root)).entries} == {"SO", "STM", "NS"}


def test_the_limit_is_part_of_the_name(root: Path) -> None:
    data = open_set("aim500", str(root), limit=2)
    assert data.name == "AIM-500, first 2 images"
    assert len(data.entries) == 2


def edit_types(root: Path, **entries: object) -> None:
    path = root / "aim_category_type.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def test_an_image_without_type_is_named_with_the_nearest(root: Path) -> None:
    path = root / "aim_category_type.json"
    path.write_text(path.read_text().replace("o_0003", "o_003"))
    with pytest.raises(AimkitError, match=r"1 of 6 images have no type:\n  o_0003 \(nearest: o_003\)"):
        open_set("aim500", str(root))


def test_wrong_types_and_categories_are_refused(root: Path) -> None:
    edit_types(root, o_0001={"type": "SO", "category": "anmal"})
    with pytest.raises(AimkitError, match="did you mean 'animal'"):
        open_set("aim500", str(root))
    edit_types(root, o_0001={"type": "XX", "category": "animal"})
    with pytest.raises(AimkitError, match="o_0001"):
        open_set("aim500", str(root))


def test_photos_and_mattes_must_pair_up(root: Path) -> None:
    (root / "mask" / "o_0002.png").unlink()
    with pytest.raises(AimkitError, match="1 of 6 images have no matte: o_0002"):
        open_set("aim500", str(root))


def test_unknown_data_names_the_nearest() -> None:
    with pytest.raises(AimkitError, match="did you mean 'aim500'"):
        open_set("aim50", "x")


def test_predictions_take_trimaps_photos_and_types_of_the_truth(root: Path) -> None:
    data = open_predictions(str(root / "pred"), str(root))
    planes = data.read(data.entries[5])
    assert planes.prediction is not None
    assert planes.image is not None
    assert data.entries[5].type == "NS"


def test_predictions_beside_a_plain_folder_of_mattes(root: Path) -> None:
    data = open_predictions(str(root / "pred"), str(root / "mask"))
    assert data.read(data.entries[0]).image is None
    assert data.trimap.startswith("made")


def test_a_missing_prediction_stops_and_an_extra_one_does_not(root: Path, capsys: pytest.CaptureFixture) -> None:
    (root / "pred" / "o_0001.png").rename(root / "pred" / "o_001x.png")
    with pytest.raises(AimkitError, match="is 'o_001x' the one for 'o_0001'"):
        open_predictions(str(root / "pred"), str(root))
    (root / "pred" / "o_0001.png").write_bytes((root / "pred" / "o_0002.png").read_bytes())
    assert len(open_predictions(str(root / "pred"), str(root)).entries) == 6
    assert "o_001x" in capsys.readouterr().err


def test_a_hub_dataset_with_the_four_columns(root: Path, tmp_path: Path) -> None:
    mattes = sorted((root / "mask").iterdir())
    table = datasets.Dataset.from_dict(
        {
            "image": [{"bytes": (root / "original" / path.name).read_bytes()} for path in mattes],
            "alpha": [{"bytes": path.read_bytes()} for path in mattes],
            "type": [0, 1, 2, 0, 1, 2],
            "category": ["toy"] * 6,
        }
    )
    table = table.cast_column("image", datasets.Image()).cast_column("alpha", datasets.Image())
    table = table.cast_column("type", datasets.ClassLabel(names=["SO", "STM", "NS"]))
    table.to_parquet(tmp_path / "hub" / "test.parquet")
    data = open_set(f"hf:{tmp_path / 'hub'}")
    assert [e.type for e in data.entries] == ["SO", "STM", "NS"] * 2
    assert data.trimap.startswith("made")
    planes = data.read(data.entries[3])
    np.testing.assert_array_equal(planes.alpha, np.asarray(Image.open(mattes[3])))
    table.remove_columns("alpha").to_parquet(tmp_path / "bad" / "test.parquet")
    with pytest.raises(AimkitError, match="no column alpha"):
        open_set(f"hf:{tmp_path / 'bad'}")
    table.add_column("name", ["a", "b", "c", "d", "e", "a"]).to_parquet(tmp_path / "twice" / "test.parquet")
    with pytest.raises(AimkitError, match="1 duplicate names, for example 'a'"):
        open_set(f"hf:{tmp_path / 'twice'}")
