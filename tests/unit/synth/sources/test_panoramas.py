from __future__ import annotations

import cv2
import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.imageio import write_png
from aimkit.rng import rng
from aimkit.synth.pool.build import build
from aimkit.synth.pool.ingest import Sources, ingest


def painted(seed: int, height: int = 32) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 255, (8, 16, 3), np.uint8)
    return cv2.resize(small, (2 * height, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def folder(tmp_path, make):
    for seed in range(4):
        write_png(tmp_path / f"panoramas/{seed}.png", painted(seed))
    light = (painted(9).astype(np.float32) / 255) ** 2.2 * 40
    (tmp_path / "panoramas/sub").mkdir()
    (tmp_path / "panoramas/sub/light.hdr").write_bytes(cv2.imencode(".hdr", light)[1].tobytes())
    return tmp_path / "panoramas"


def table(folder, **keys):
    return {"source": "panoramas", "path": str(folder), "height": 20, "width": 28, "views": 3} | keys


def test_every_view_is_an_item_that_is_always_the_same(folder, open_source):
    source = open_source("background", **table(folder), licence="CC0-1.0", origin="painted")
    assert [item.id for item in source.items[:4]] == ["0/0", "0/1", "0/2", "1/0"]
    assert len(source.items) == 15
    assert {item.licence for item in source.items} == {"CC0-1.0"}
    first, second = (source.picture(i).level(0)[0] for i in (0, 1))
    assert first.shape == (20, 28, 3)
    assert first.dtype == np.uint8
    assert not np.array_equal(first, second)
    again = open_source("background", **table(folder, views=1)).picture(0).level(0)[0]
    np.testing.assert_array_equal(first, again, "it does not depend on how many views there are")
    loaded = source.load(0, (5, 5), rng(0))
    np.testing.assert_array_equal(np.rint(loaded * 255), first)


def test_light_is_developed_and_levels_are_kept(folder, open_source):
    source = open_source("background", **table(folder, exposure=0))
    light = next(i for i, item in enumerate(source.items) if item.id == "sub/light/0")
    assert 60 < source.picture(light).level(0)[0].mean() < 200
    write_png(folder / "white.png", np.full((30, 60, 3), 250, np.uint8))
    white = open_source("background", **table(folder))
    place = next(i for i, item in enumerate(white.items) if item.id == "white/0")
    assert (white.picture(place).level(0)[0] == 250).all()


def test_all_views_of_a_panorama_are_on_one_side_of_the_split(folder, open_source):
    sides = [
        {item.id.rpartition("/")[0] for item in open_source("background", **table(folder), split=part).items}
        for part in ("train", "val")
    ]
    assert not sides[0] & sides[1]
    assert len(sides[0] | sides[1]) == 5


def test_what_is_no_panorama_is_skipped(folder, tmp_path, make, open_source):
    write_png(folder / "photo.png", make.planes(0)[0])
    (folder / "broken.hdr").write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 4 +X 8\n\1")
    source = open_source("background", **table(folder))
    skipped = dict(source.report.skipped)
    assert "its width is twice its height" in skipped["photo"]
    assert "cut short" in skipped["broken"]
    write_png(tmp_path / "photos/a.png", make.planes(0)[0])
    with pytest.raises(AimkitError, match="no usable panorama"):
        open_source("background", **table(tmp_path / "photos"))


def test_a_panorama_that_was_replaced_is_not_used(folder, open_source):
    source = open_source("background", **table(folder))
    write_png(folder / "0.png", painted(77))
    with pytest.raises(AimkitError, match="changed after it was scanned"):
        source.picture(0)


def test_a_pool_has_the_same_views_and_the_same_split(folder, tmp_path, open_source):
    from aimkit.recipe import parse

    live = open_source("background", **table(folder))
    build(ingest(parse(Sources, {"backgrounds": [table(folder)]}, "test")), tmp_path / "pool")
    packed = open_source("background", source="pool", path=str(tmp_path / "pool"))
    assert [item.id for item in packed.items] == [item.id for item in live.items]
    for position in range(len(live.items)):
        np.testing.assert_array_equal(packed.picture(position).level(0)[0], live.picture(position).level(0)[0])
    for part in ("train", "val"):
        own = [
            [item.id for item in open_source("background", **keys, split=part).items]
            for keys in (table(folder), {"source": "pool", "path": str(tmp_path / "pool")})
        ]
        assert own[0] == own[1]
