from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest
from PIL import Image

from aimkit.datasets.credits import Credit, write_credits
from aimkit.errors import AimkitError
from aimkit.imageio import encode_jpeg, read_rgb, write_png
from aimkit.recipe import parse
from aimkit.synth.pool.build import build
from aimkit.synth.pool.ingest import Sources, ingest
from aimkit.synth.sources.split import alike, look, side, sides


def test_the_split_divides_completely_and_at_about_its_share():
    digests = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(4000)]
    share = np.mean([side(digest, 0.1) == "val" for digest in digests])
    assert share == pytest.approx(0.1, abs=0.02)
    assert {side(digest, 0.0) for digest in digests} == {"train"}
    assert {side(digest, 1.0) for digest in digests} == {"val"}


def test_no_foreground_is_in_both_halves(tmp_path, make, open_source):
    make.cutouts(tmp_path, [f"n{i}" for i in range(12)])
    table = {"source": "cutouts", "path": str(tmp_path), "val_share": 0.4}
    halves = [{item.id for item in open_source(**table, split=part).items} for part in ("train", "val")]
    assert not halves[0] & halves[1]
    assert halves[0] | halves[1] == {item.id for item in open_source(**table).items}


def test_the_same_picture_in_another_format_is_on_the_same_side(tmp_path, make, open_source):
    make.cutouts(tmp_path / "one", [f"n{i}" for i in range(12)])
    for path in (tmp_path / "one").iterdir():
        (tmp_path / "two").mkdir(exist_ok=True)
        Image.open(path).save(tmp_path / "two" / f"renamed-{path.stem}.tif")
    val = [
        {item.id.removeprefix("renamed-") for item in open_source(**table).items}
        for table in (
            {"source": "cutouts", "path": str(tmp_path / name), "split": "val", "val_share": 0.4}
            for name in ("one", "two")
        )
    ]
    assert val[0] == val[1]
    assert 0 < len(val[0]) < 12


def test_a_group_is_on_one_side_in_its_folder_and_in_a_pool(tmp_path, make, open_source):
    folder = tmp_path / "views"
    groups = {f"n{number}": f"model {number % 6}" for number in range(18)}
    make.cutouts(folder, list(groups))
    write_credits(folder, {name: Credit(group=group) for name, group in groups.items()})
    table = {"source": "cutouts", "path": str(folder), "val_share": 0.4}
    build(ingest(parse(Sources, {"foregrounds": [table]}, "test")), tmp_path / "pool")
    for keys in (table, {"source": "pool", "path": str(tmp_path / "pool"), "val_share": 0.4}):
        train, val = ({groups[item.id] for item in open_source(**keys, split=part).items} for part in ("train", "val"))
        assert train
        assert val
        assert not train & val
        assert {groups[item.id] for item in open_source(**keys, first=2).items} < set(groups.values())
    assert len(open_source(**table, first=2).items) == 6, "three views of each of two models"


def test_resized_and_recompressed_copies_look_alike(make):
    color, alpha = make.planes(3, (200, 180))
    small = cv2.resize(color, (90, 100), interpolation=cv2.INTER_AREA), cv2.resize(alpha, (90, 100))
    coarse = read_rgb(encode_jpeg(color, 60))
    other = make.planes(4, (200, 180))
    looks = [look(c, a / np.float32(255)) for c, a in ((color, alpha), small, (coarse, alpha), other)]
    assert alike(looks) == [(0, 1), (0, 2), (1, 2)]


def test_all_pairs_are_found_across_blocks(monkeypatch):
    monkeypatch.setattr("aimkit.synth.sources.split._BLOCK", 3)
    rng = np.random.default_rng(0)
    looks = [rng.bytes(16).hex() for _ in range(8)]
    looks[6] = looks[1]
    assert alike(looks) == [(1, 6)]
    assert alike([]) == []


def test_copies_that_the_split_divides_are_reported(tmp_path, make, open_source):
    for seed in range(12):
        color, alpha = make.planes(seed, (96, 80))
        write_png(tmp_path / f"n{seed}.png", np.dstack([color, alpha]))
        write_png(tmp_path / f"n{seed}-small.png", cv2.resize(np.dstack([color, alpha]), (60, 72)))
    report = open_source(source="cutouts", path=str(tmp_path), split="train", val_share=0.5).report
    assert {("n0", "n0-small"), ("n5", "n5-small")} <= set(report.duplicates)
    assert report.divided
    assert set(report.divided) < set(report.duplicates)
    assert any("look alike but lie in train and val" in line for line in report.lines())


def test_neither_side_of_a_small_folder_is_empty():
    digests = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(200)]
    for size in (2, 3, 10):
        for start in range(0, 180, 10):
            few = digests[start : start + size]
            for share in (0.1, 0.9):
                assert set(sides(few, share)) == {"train", "val"}
    assert sides(digests[:1], 0.1) in (["train"], ["val"])
    assert set(sides(digests, 0.0)) == {"train"}
    assert sides([digests[0]] * 3, 0.1).count("train") in (0, 3), "the same picture is on one side"


def test_a_large_folder_is_divided_by_content_alone():
    digests = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(200)]
    assert sides(digests, 0.1) == [side(digest, 0.1) for digest in digests]


def test_the_first_of_a_side_are_nested_and_ordered_by_content(tmp_path, make, open_source):
    make.cutouts(tmp_path, [f"n{i}" for i in range(12)])
    table = {"source": "cutouts", "path": str(tmp_path), "val_share": 0.3, "split": "train"}
    side = open_source(**table)
    ordered = [item.id for _, item in sorted(zip(side.contents, side.items, strict=True), key=lambda one: one[0])]
    for count in (1, 3, len(ordered)):
        assert {item.id for item in open_source(**table, first=count).items} == set(ordered[:count])
    (tmp_path / "n0.png").rename(tmp_path / "zz.png")
    renamed = {item.id.replace("zz", "n0") for item in open_source(**table, first=3).items}
    assert renamed == set(ordered[:3])


def test_more_than_a_side_has_is_an_error_and_copies_count_once(tmp_path, make, open_source):
    make.cutouts(tmp_path, ["a", "b"])
    (tmp_path / "c.png").write_bytes((tmp_path / "a.png").read_bytes())
    table = {"source": "cutouts", "path": str(tmp_path)}
    assert len(open_source(**table, first=2).items) == 3
    with pytest.raises(AimkitError, match="first = 3, but the source has 2 different images"):
        open_source(**table, first=3)


def test_backgrounds_have_a_first_too(tmp_path, make, open_source):
    for seed in range(4):
        write_png(tmp_path / f"{seed}.png", make.planes(seed)[0])
    chosen = [
        {i.id for i in open_source("background", source="folder", path=str(tmp_path), first=n).items} for n in (1, 3)
    ]
    assert (len(chosen[0]), len(chosen[1])) == (1, 3)
    assert chosen[0] < chosen[1]
