"""Looking through folders, tables and datasets: what is known of each item, and the same items left out by recipes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_recipe import tiny_recipe

from aimkit.browse.browsed import BrowsedSet, thumbnail
from aimkit.browse.exclude import exclude_text, marked_by
from aimkit.browse.open import open_browsed
from aimkit.cli import run
from aimkit.data.streams import streams
from aimkit.datasets.exclude import read_exclude
from aimkit.datasets.reader import open_dataset
from aimkit.errors import AimkitError
from aimkit.imageio import write_png
from aimkit.lint.run import lint
from aimkit.recipe import named
from aimkit.synth.source import foreground_sources

#: Names that a line of a list could take for something else.
ODD = ("plain", "# no comment", "glob:a", "a[1]*", " blank", "two\nlines", "sub/inner")


def blob(shift: int = 0, size: int = 24) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return np.uint8(np.clip(8 - np.hypot(y - 12, x - 10 - shift % 5), 0, 1) * 255)


def write_pairs(root: Path, names: tuple[str, ...] = ODD, folders: tuple[str, str] = ("fg", "alpha")) -> Path:
    for number, name in enumerate(names):
        colours = np.full((24, 24, 3), 40 + 20 * number, np.uint8)
        colours[:, number % 24] = 255
        write_png(root / folders[0] / f"{name}.png", colours)
        write_png(root / folders[1] / f"{name}.png", blob(number))
    return root


def opened(root: Path) -> BrowsedSet:
    return open_browsed(str(root))


FORMS = ["folder", *(pytest.param(form, marks=pytest.mark.slow) for form in ("parquet", "webdataset"))]


@pytest.fixture(scope="module", params=FORMS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    recipe, out = tiny_recipe(folder, request.param), folder / "data"
    assert run(["synth", str(recipe), "count=4", "output.shard_size=3", "-o", str(out), "--workers", "1"]) == 0
    return out


def test_a_dataset_tells_type_category_and_sources_of_every_sample(written: Path) -> None:
    found, dataset = opened(written), open_dataset(written)
    assert (found.kind, len(found.items)) == ("dataset", 4)
    for item, sample in zip(found.items, dataset, strict=True):
        assert (item.type, item.category) == (sample.type.value, sample.category)
        assert item.sources == tuple(dict.fromkeys(f"{s['role']}: {s['source']}" for s in sample.meta["sources"]))
        seen = found.look(item)
        assert np.array_equal(seen.planes["label"], sample.label)
        assert seen.facts["sources"] == sample.meta["sources"]
    assert sum(found.counts("type").values()) == 4
    assert [title for title, _, _ in found.statistics()][:3] == ["types", "categories", "sources"]


def test_a_record_without_planes_is_the_record_otherwise(written: Path) -> None:
    dataset = open_dataset(written)
    for position in range(4):
        whole, head = dataset.record(position), dataset.record(position, planes=False)
        assert head.planes == {}
        assert {**vars(whole), "planes": {}} == vars(head)


def test_a_training_run_leaves_out_the_marked_samples_of_a_dataset(written: Path, tmp_path: Path) -> None:
    found, file = opened(written), tmp_path / "exclude.txt"
    file.write_text(exclude_text(found, {1, 3}), encoding="utf-8")
    stream = named(streams, "source")({"source": "written", "path": str(written), "exclude": str(file)}).open(0)
    assert len(stream) == 2
    assert {stream.sample(i).meta["index"] for i in range(8)} == {0, 2}


def test_a_recipe_leaves_out_the_marked_samples_of_a_dataset(tmp_path: Path) -> None:
    recipe, out = tiny_recipe(tmp_path, "parquet"), tmp_path / "data"
    planes = ["count=3", "output.planes=true"]
    assert run(["synth", str(recipe), *planes, "-o", str(out), "--workers", "1"]) == 0
    file = tmp_path / "exclude.txt"
    file.write_text(exclude_text(opened(out), {1}), encoding="utf-8")
    entry = foreground_sources.get("huggingface")
    source = entry.value(entry.info["params"](path=str(out), exclude=str(file), type="SO"))
    assert [item.id for item in source.items] == ["00000000", "00000002"]


def test_excluding_everything_and_entries_that_match_nothing_are_errors(written: Path) -> None:
    dataset = open_dataset(written)
    with pytest.raises(AimkitError, match="all samples are excluded"):
        dataset.kept(read_exclude(["glob:*"]))
    with pytest.raises(AimkitError, match="1 of 1 entries"):
        dataset.kept(read_exclude(["000099"]))


def test_a_folder_is_listed_with_types_categories_and_folders(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "set", ("a", "b"), ("original", "mask"))
    write_png(root / "trimap/a.png", np.full((24, 24), 128, np.uint8))
    write_png(root / "more/cut.png", np.dstack([np.full((24, 24, 3), 90, np.uint8), blob()]))
    (root / "types.json").write_text(json.dumps({"a": {"type": "NS", "category": "net"}, "cut": "STM"}))
    found = opened(root)
    assert [(i.name, i.type, i.category, i.sources) for i in found.items] == [
        ("original/a.png", "NS", "net", ("original",)),
        ("original/b.png", "", "", ("original",)),
        ("more/cut.png", "STM", "", ("more",)),
    ]
    a, b, cut = (found.look(item) for item in found.items)
    assert (a.planes["label"] == 128).all()
    assert a.facts["label"] == "the trimap next to it"
    assert b.facts["type"] == "SO (inferred)"
    assert np.array_equal(b.planes["alpha"], blob(1))
    assert not (cut.planes["label"] == 255).any()
    assert [i.name for i in found.select(type="")] == ["original/b.png"]
    assert [i.name for i in found.select(source="original", text="B.P")] == ["original/b.png"]
    assert found.select(category="net", positions=[1, 2]) == []


def test_a_cut_out_lies_on_a_checkerboard_and_a_photo_does_not(tmp_path: Path) -> None:
    write_png(tmp_path / "set/cut.png", np.dstack([np.zeros((32, 32, 3), np.uint8), np.tri(32, dtype=np.uint8) * 255]))
    root = write_pairs(tmp_path / "set", ("a",), ("original", "mask"))
    cut, photo = (thumbnail(next(i for i in opened(root).items if n in i.name)) for n in ("cut", "a.png"))
    assert set(np.unique(cut)) == {0, 205, 240}
    assert np.array_equal(np.unique(photo), [40, 255])


@pytest.mark.parametrize("names", [ODD, ("plain", "x/a", "y/a")])
def test_a_recipe_leaves_out_the_marked_pairs_of_a_folder_whatever_their_names(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    root, file = write_pairs(tmp_path / "set", names), tmp_path / "exclude.txt"
    found = opened(root)
    assert len(found.items) == len(names)
    for item in found.items:
        file.write_text(exclude_text(found, {item.position}), encoding="utf-8")
        assert marked_by(found, read_exclude(str(file))) == {item.position}
        entry = foreground_sources.get("pairs")
        source = entry.value(entry.info["params"](path=str(root), exclude=str(file), type="SO"))
        left_out = item.name.removeprefix("fg/").removesuffix(".png")
        assert {one.id for one in source.items} == set(names) - {left_out}


@pytest.mark.parametrize("source", ["folder", "saliency"])
def test_a_stream_of_photos_leaves_out_the_marked_ones(source: str, tmp_path: Path) -> None:
    root, file = write_pairs(tmp_path / "set", ("a", "b", "c"), ("image", "mask")), tmp_path / "exclude.txt"
    file.write_text(exclude_text(opened(root), {1}), encoding="utf-8")
    stream = named(streams, "source")({"source": source, "path": str(root), "exclude": str(file)}).open(0)
    assert {stream.sample(i).meta["sources"][0]["id"] for i in range(6)} == {"a", "c"}


def test_a_published_dataset_leaves_out_the_marked_photos(tmp_path: Path) -> None:
    root, file = write_pairs(tmp_path / "PPM-100", ("a", "b", "c"), ("image", "matte")), tmp_path / "exclude.txt"
    file.write_text("image/b.png\n")
    table = {"source": "catalog", "set": "ppm100", "path": str(root), "exclude": str(file)}
    stream = named(streams, "source")(table).open(0)
    assert {stream.sample(i).meta["sources"][0]["id"] for i in range(6)} == {"a", "c"}


def test_a_table_of_others_is_listed_by_its_names(tmp_path: Path) -> None:
    import datasets

    rows = {"image": [np.full((24, 24, 3), 9, np.uint8)] * 2, "mask": [blob()] * 2, "name": ["x", "y"]}
    features = {"image": datasets.Image(), "mask": datasets.Image(), "name": datasets.Value("string")}
    table = datasets.Dataset.from_dict(
        {**rows, "type": ["NS", "?"]}, datasets.Features(features | {"type": datasets.Value("string")})
    )
    table.save_to_disk(str(tmp_path / "saved"))
    table.to_parquet(str(tmp_path / "one.parquet"))
    for place in ("saved", "one.parquet"):
        found = opened(tmp_path / place)
        assert (found.kind, [(i.name, i.type) for i in found.items]) == ("table", [("x", "NS"), ("y", "")])
        assert np.array_equal(found.look(found.items[1]).planes["alpha"], blob())
        assert lint(found.target, only=["binary-matte"]).counts["error"] == 0


def test_findings_point_at_items(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "set", ("a", "b"), ("original", "mask"))
    (root / "original/b.png").write_bytes(b"no picture")
    found = opened(root)
    assert found.positions_of(lint(found.target).findings)["unreadable"] == [1]
    with pytest.raises(AimkitError, match="can't read the image") as error:
        thumbnail(found.items[1])
    assert error.value.where == "original/b.png"


def test_checks_can_be_watched_and_ended(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    told = []

    def step(done: int, total: int) -> None:
        told.append((done, total))
        if done == 2:
            raise Stop

    with pytest.raises(Stop):
        lint(opened(write_pairs(tmp_path, ("a", "b", "c", "d"))).target, workers=1, step=step)
    assert told == [(1, 4), (2, 4)]


def test_nothing_to_look_at_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text("x")
    for name, message in (("empty", "no images"), ("gone", "folder not found"), ("a.txt", "not a table")):
        with pytest.raises(AimkitError, match=message):
            opened(tmp_path / name)
