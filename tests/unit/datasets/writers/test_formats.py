"""The three formats: what is written is read back, by aimkit and by Hugging Face's loader."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_source import tiny, tree

from aimkit.datasets.reader import open_dataset
from aimkit.datasets.writers.record import PLANES
from aimkit.datasets.writers.shard import plan
from aimkit.errors import AimkitError
from aimkit.synth.engine import Synthesizer
from aimkit.synth.run import synthesize

FORMATS = ["folder", "parquet", "webdataset"]


def write(out: Path, format_: str, count: int = 6, **output: object) -> Path:
    synthesize(tiny(count, output={"format": format_, **output}), out)
    return out


@pytest.mark.parametrize("format_", FORMATS)
def test_samples_come_back_as_the_engine_made_them(format_: str, tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path / "d", format_, planes=True))
    made = Synthesizer(tiny(6))
    assert len(dataset) == 6
    for index in (5, 0, 3):
        back, sample = dataset[index], made[index]
        for plane in PLANES:
            np.testing.assert_array_equal(getattr(back, plane), getattr(sample, plane))
        assert (back.type, back.category, back.meta) == (sample.type, sample.category, sample.meta)
    assert dataset[-1].meta["index"] == 5
    assert [sample.meta["index"] for sample in dataset[2:4]] == [2, 3]
    with pytest.raises(IndexError):
        dataset[6]


@pytest.mark.parametrize("format_", FORMATS)
def test_planes_that_were_not_stored_come_back_empty(format_: str, tmp_path: Path) -> None:
    sample = open_dataset(write(tmp_path / "d", format_))[0]
    assert sample.foreground.shape == sample.background.shape == (0, 0, 3)
    assert sample.image.shape == (40, 56, 3)


@pytest.mark.parametrize("format_", FORMATS)
def test_two_runs_write_the_same_bytes(format_: str, tmp_path: Path) -> None:
    assert tree(write(tmp_path / "a", format_)) == tree(write(tmp_path / "b", format_))


@pytest.mark.parametrize("format_", FORMATS)
def test_jpeg_touches_the_composite_only(format_: str, tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path / "d", format_, image="jpg", quality=90))
    back, sample = dataset[1], Synthesizer(tiny(6))[1]
    assert dataset.record(1).planes["image"][:2] == b"\xff\xd8"
    assert 0 < np.abs(back.image.astype(int) - sample.image).mean() < 12
    for plane in ("alpha", "trimap", "label"):
        np.testing.assert_array_equal(getattr(back, plane), getattr(sample, plane))


def test_shard_digests_do_not_depend_on_the_format(tmp_path: Path) -> None:
    digests = [
        [sidecar["digest"] for sidecar in open_dataset(write(tmp_path / name, name)).sidecars()] for name in FORMATS
    ]
    assert digests[0] == digests[1] == digests[2]
    assert len(set(digests[0])) == 2


@pytest.mark.parametrize("format_", FORMATS)
def test_datasets_loads_every_format(format_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    out = write(tmp_path / "d", format_, planes=True)
    loaded = datasets.load_dataset(str(out), split="train", cache_dir=str(tmp_path / "cache"))
    rows = sorted(loaded, key=lambda row: row.get("index", row.get("json", {}).get("index")))
    made = Synthesizer(tiny(6))
    assert len(rows) == 6
    for sample, row in zip(made, rows, strict=True):
        for plane in PLANES:
            column = f"{plane}.png" if format_ == "webdataset" else plane
            assert isinstance(row[column], Image.Image)
            np.testing.assert_array_equal(np.asarray(row[column]), getattr(sample, plane))
        told = row["json"] if format_ == "webdataset" else row
        kind = told["type"]
        assert (kind, told["category"], json.loads(told["meta"])) == (sample.type, sample.category, sample.meta)


def test_parquet_has_the_features_that_datasets_would_write(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    datasets = pytest.importorskip("datasets")
    out = write(tmp_path / "d", "parquet")
    schema = pq.read_schema(out / "data" / "train-00000-of-00002.parquet")
    image = datasets.Image()
    assert datasets.Features.from_arrow_schema(schema) == datasets.Features(
        dict.fromkeys(PLANES[:4], image)
        | {"index": datasets.Value("int64")}
        | dict.fromkeys(("type", "category", "meta"), datasets.Value("string"))
    )


def test_folder_has_the_layout_of_aim_500(tmp_path: Path) -> None:
    out = write(tmp_path / "d", "folder", planes=True)
    for folder in ("original", "mask", "trimap", "usr", "fg", "bg"):
        assert sorted(path.stem for path in (out / folder).iterdir()) == [f"{i:06d}" for i in range(6)]
    types = json.loads((out / "types.json").read_text())
    made = Synthesizer(tiny(6))
    assert types == {f"{i:06d}": {"type": s.type, "category": s.category} for i, s in enumerate(made)}


def test_tars_hold_the_conventional_names_and_nothing_of_the_machine(tmp_path: Path) -> None:
    out = write(tmp_path / "d", "webdataset")
    with tarfile.open(out / "data" / "train-00001-of-00002.tar") as tar:
        members = tar.getmembers()
        row = json.load(io.BytesIO(tar.extractfile("000004.json").read()))
    fields = ["image.png", "alpha.png", "trimap.png", "label.png", "json"]
    assert [member.name for member in members] == [f"{i:06d}.{field}" for i in (4, 5) for field in fields]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o644)}
    assert row["index"] == 4


@pytest.mark.parametrize("format_", FORMATS)
def test_an_opened_dataset_can_be_pickled(format_: str, tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path / "d", format_))
    first = dataset[4]
    again = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(again[4].image, first.image)


@pytest.mark.parametrize("format_", FORMATS)
def test_finished_shards_of_an_unfinished_dataset_can_be_read(format_: str, tmp_path: Path) -> None:
    out = tmp_path / "d"
    synthesize(tiny(12, output={"format": format_}), out, part=(1, 3))
    dataset = open_dataset(out)
    assert not dataset.complete
    assert [sample.meta["index"] for sample in dataset] == [4, 5, 6, 7]


@pytest.mark.parametrize("format_", FORMATS)
def test_a_missing_file_is_a_clear_error(format_: str, tmp_path: Path) -> None:
    out = write(tmp_path / "d", format_)
    victim = out / "mask" / "000001.png" if format_ == "folder" else next(out.glob("data/train-00000*"))
    victim.unlink()
    with pytest.raises(AimkitError, match="can't be read"):
        open_dataset(out)[1]


def test_a_folder_that_is_no_dataset_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(AimkitError, match="not a dataset"):
        open_dataset(tmp_path)
    with pytest.raises(AimkitError, match="folder not found"):
        open_dataset(tmp_path / "nothing")


@pytest.mark.parametrize(("count", "size", "lengths"), [(10, 4, [4, 4, 2]), (4, 4, [4]), (1, 100, [1]), (8, 4, [4, 4])])
def test_shards_cover_every_index_once(count: int, size: int, lengths: list[int]) -> None:
    shards = plan(count, size)
    assert [len(shard) for shard in shards] == lengths
    assert [i for shard in shards for i in range(shard.start, shard.stop)] == list(range(count))
    assert shards[-1].name == f"train-{len(lengths) - 1:05d}-of-{len(lengths):05d}"


def test_stems_keep_their_order_beyond_a_million() -> None:
    shard = plan(2_000_000, 1_000_000)[1]
    assert shard.stem(5) < shard.stem(1_999_999) == "1999999"


def test_parquet_files_of_older_versions_hold_types_as_numbers_and_are_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = write(tmp_path / "d", "parquet")
    dataset = open_dataset(out)
    types = [dataset.record(i).type for i in range(len(dataset))]
    for path in (out / "data").glob("*.parquet"):
        table = pq.read_table(path)
        labels = pa.array([["SO", "STM", "NS"].index(name) for name in table["type"].to_pylist()])
        table = table.set_column(table.schema.get_field_index("type"), "type", labels)
        pq.write_table(table, path, row_group_size=1)
    older = open_dataset(out)
    assert [older.record(i).type for i in range(len(older))] == types
