from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from aimkit.errors import AimkitError
from aimkit.generators import generators
from aimkit.imageio import write_png
from aimkit.recipe import parse
from aimkit.rng import rng
from aimkit.synth.sources.procedural import ProceduralForegrounds
from aimkit.types import ImageType, to_uint8


def load(source, position=0, size=(24, 32)):
    return source.load(position, size, rng(0, "test"))


@pytest.fixture
def folder(tmp_path, make):
    for seed, name in enumerate(["x/b", "a", "c"]):
        write_png(tmp_path / "images" / f"{name}.png", make.planes(seed)[0])
    (tmp_path / "images/broken.jpg").write_bytes(b"\xff\xd8\xff")
    return tmp_path / "images"


def test_backgrounds_of_a_folder(folder, open_source, make):
    source = open_source("background", source="folder", path=str(folder), licence="CC0-1.0")
    assert [item.id for item in source.items] == ["a", "c", "x/b"]
    assert source.items[0].licence == "CC0-1.0"
    assert source.items[0].type is None
    assert [name for name, _ in source.report.skipped] == ["broken"]
    np.testing.assert_array_equal(to_uint8(load(source)), make.planes(1)[0])


def test_backgrounds_can_be_excluded_reduced_and_split(folder, open_source):
    table = {"source": "folder", "path": str(folder)}
    assert [i.id for i in open_source("background", **table, exclude=["glob:x/*"]).items] == ["a", "c"]
    assert load(open_source("background", **table, max_side=24)).shape == (24, 20, 3)


def test_backgrounds_are_divided_without_overlap(tmp_path, make, open_source):
    for seed in range(12):
        write_png(tmp_path / f"{seed}.png", make.planes(seed)[0])
    table = {"source": "folder", "path": str(tmp_path), "val_share": 0.5}
    train, val = ({i.id for i in open_source("background", **table, split=part).items} for part in ("train", "val"))
    assert not train & val
    assert train | val == {str(seed) for seed in range(12)}
    with pytest.raises(AimkitError) as error:
        open_source("background", **(table | {"val_share": 0.0}), split="val")
    assert "other side of the split" in error.value.hint


def test_a_folder_without_images_is_an_error(tmp_path, open_source):
    with pytest.raises(AimkitError, match="no usable background"):
        open_source("background", source="folder", path=str(tmp_path))


def test_procedural_items_and_draws(open_source):
    source = open_source(source="procedural", generators=["smoke", {"generator": "mesh"}, "smoke"], variants=2)
    ids = [item.id for item in source.items]
    assert ids == ["smoke/0", "smoke/1", "mesh/0", "mesh/1", "smoke-2/0", "smoke-2/1"]
    assert source.items[2].type == ImageType.NS
    drawn = load(source, 2)
    assert drawn.size == (24, 32)
    assert (drawn.type, drawn.category) == (source.items[2].type, source.items[2].category)
    np.testing.assert_array_equal(load(source, 2).alpha, drawn.alpha)


def test_all_generators_of_a_type(open_source):
    source = open_source(source="procedural", type="STM")
    expected = [f"{entry.name}/0" for entry in generators if entry.info.type == ImageType.STM]
    assert [item.id for item in source.items] == expected


def test_procedural_backgrounds(open_source):
    source = open_source("background", source="procedural")
    image = load(source)
    assert image.shape == (24, 32, 3)
    assert image.dtype == np.float32


def test_a_generator_checks_its_own_keys():
    with pytest.raises(AimkitError, match="unknown key") as error:
        parse(ProceduralForegrounds, {"generators": [{"generator": "smoke", "nonsense": 1}]}, "file")
    assert "nonsense" in error.value.where
    with pytest.raises(AimkitError, match="'smoke'"):
        parse(ProceduralForegrounds, {"generators": ["smok"]}, "file")


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


@pytest.fixture
def written_dataset(make):
    """Builds a dataset of three rows with the given columns."""
    import datasets

    def build(**columns):
        color, alpha = zip(*[make.planes(seed) for seed in range(3)], strict=True)
        kinds = {
            "photo": [png(c) for c in color],
            "alpha": [png(a) for a in alpha],
            "cutout": [png(np.dstack(pair)) for pair in zip(color, alpha, strict=True)],
            "type": [0, 1, 2],
            "text": ["animal", "glass", ""],
        }
        features = {
            "type": datasets.ClassLabel(names=["SO", "STM", "NS"]),
            "text": datasets.Value("string"),
        }
        return datasets.Dataset.from_dict(
            {name: kinds[kind] for name, kind in columns.items()},
            features=datasets.Features({n: features.get(kind, datasets.Image()) for n, kind in columns.items()}),
        )

    return build


@pytest.mark.parametrize("form", ["disk", "parquet"])
def test_a_dataset_with_foreground_and_alpha(tmp_path, written_dataset, open_source, make, form):
    dataset = written_dataset(image="photo", foreground="photo", alpha="alpha", type="type", category="text")
    path = tmp_path / ("data" if form == "disk" else "data.parquet")
    dataset.save_to_disk(path) if form == "disk" else dataset.to_parquet(path)
    source = open_source(source="huggingface", path=str(path))
    assert [str(item.type) for item in source.items] == ["SO", "STM", "NS"]
    assert [item.category for item in source.items] == ["animal", "glass", ""]
    assert source.items[1].id == "00000001"
    color, alpha = make.planes(1)
    loaded = load(source, 1)
    np.testing.assert_array_equal(to_uint8(loaded.alpha), alpha)
    np.testing.assert_array_equal(to_uint8(loaded.color)[alpha > 0], color[alpha > 0])


def test_a_switched_off_column_is_not_read(tmp_path, written_dataset, open_source):
    written_dataset(image="cutout", name="text", type="type").save_to_disk(tmp_path / "data")
    table = {"source": "huggingface", "path": str(tmp_path / "data")}
    assert [item.id for item in open_source(**table).items] == ["00000002", "animal", "glass"]
    plain = open_source(**table, type="NS", columns={"type": "", "id": ""})
    assert [(item.id, str(item.type)) for item in plain.items] == [(f"{row:08d}", "NS") for row in range(3)]


def test_a_foreign_type_gives_way_to_the_type_that_the_source_states(tmp_path, written_dataset, open_source):
    dataset = written_dataset(image="cutout").add_column("type", ["STM", "portrait", "3"])
    dataset.save_to_disk(tmp_path / "data")
    table = {"source": "huggingface", "path": str(tmp_path / "data")}
    assert [str(item.type) for item in open_source(**table, type="NS").items] == ["STM", "NS", "NS"]
    assert [item.id for item in open_source(**table).items] == ["00000000"]


def test_a_dataset_of_photos_gets_colours_estimated(tmp_path, written_dataset, open_source, home):
    written_dataset(picture="photo", matte="alpha").save_to_disk(tmp_path / "data")
    source = open_source(
        source="huggingface", path=str(tmp_path / "data"), columns={"image": "picture"}, method="blur_fusion"
    )
    load(source)
    assert list((home / "foregrounds").rglob("*.png"))


def test_a_dataset_of_cutouts(tmp_path, written_dataset, open_source, make):
    written_dataset(image="cutout", name="text").save_to_disk(tmp_path / "data")
    source = open_source(source="huggingface", path=str(tmp_path / "data"), exclude=["glass"])
    assert [item.id for item in source.items] == ["00000002", "animal"]
    np.testing.assert_array_equal(to_uint8(load(source, 1).alpha), make.planes(0)[1])


def test_an_image_folder_with_named_masks(tmp_path, make, open_source):
    lines = []
    for seed in range(2):
        color, alpha = make.planes(seed)
        write_png(tmp_path / "data/original" / f"{seed}.png", color)
        write_png(tmp_path / "data/mask" / f"{seed}.png", alpha)
        row = {"file_name": f"original/{seed}.png", "alpha_file_name": f"mask/{seed}.png", "type": "NS"}
        lines.append(json.dumps(row))
    (tmp_path / "data/metadata.jsonl").write_text("\n".join(lines))
    table = {"source": "huggingface", "path": str(tmp_path / "data")}
    source = open_source(**table, method="blur_fusion")
    assert [str(item.type) for item in source.items] == ["NS", "NS"]
    np.testing.assert_array_equal(to_uint8(load(source, 1).alpha), make.planes(1)[1])
    assert len(open_source("background", **table).items) == 2


def test_wrong_datasets_are_named(tmp_path, written_dataset, open_source):
    written_dataset(picture="photo", label="type").save_to_disk(tmp_path / "data")
    path = str(tmp_path / "data")
    with pytest.raises(AimkitError, match="no column of foregrounds") as error:
        open_source(source="huggingface", path=path)
    assert "picture, label" in error.value.hint
    with pytest.raises(AimkitError, match="no column 'pictur'") as error:
        open_source(source="huggingface", path=path, columns={"image": "pictur"})
    assert "'picture'" in error.value.hint
    with pytest.raises(AimkitError, match="holds no images"):
        open_source("background", source="huggingface", path=path, column="label")
    with pytest.raises(AimkitError, match="folder or file not found"):
        open_source(source="huggingface", path=str(tmp_path / "none"))


def test_a_webdataset_with_its_texts_in_json(tmp_path, make, open_source):
    import tarfile

    with tarfile.open(tmp_path / "shard-0.tar", "w") as tar:
        for seed, kind in enumerate(["STM", "SO"]):
            color, alpha = make.planes(seed)
            texts = json.dumps({"type": kind, "category": "glass"}).encode()
            members = {"image.png": png(color)["bytes"], "alpha.png": png(alpha)["bytes"], "json": texts}
            for suffix, data in members.items():
                info = tarfile.TarInfo(f"s{seed}.{suffix}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    source = open_source(source="huggingface", path=str(tmp_path / "shard-0.tar"), method="blur_fusion")
    assert [(item.id, str(item.type), item.category) for item in source.items] == [
        ("s0", "STM", "glass"),
        ("s1", "SO", "glass"),
    ]
    np.testing.assert_array_equal(to_uint8(load(source, 1).alpha), make.planes(1)[1])
