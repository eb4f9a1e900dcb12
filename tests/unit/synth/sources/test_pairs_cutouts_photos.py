from __future__ import annotations

import hashlib
import pickle

import numpy as np
import pytest
from PIL import Image

from aimkit.errors import AimkitError
from aimkit.imageio import write_png
from aimkit.synth.sources import photos as photos_module
from aimkit.synth.sources.cutouts import looks_premultiplied
from aimkit.types import ImageType, to_uint8

NAMES = ["b", "a", "sub/c"]


def load(source, position=0):
    return source.load(position, (1, 1), np.random.default_rng(0))


def test_pairs_are_matched_by_stem_whatever_the_suffix(tmp_path, make, open_source):
    make.pairs(tmp_path, NAMES)
    Image.open(tmp_path / "fg/a.png").save(tmp_path / "fg/a.tif")
    (tmp_path / "fg/a.png").unlink()
    source = open_source(source="pairs", path=str(tmp_path))
    assert [item.id for item in source.items] == ["a", "b", "sub/c"]
    color, alpha = make.planes(1)
    loaded = load(source)
    np.testing.assert_array_equal(to_uint8(loaded.alpha), alpha)
    np.testing.assert_array_equal(to_uint8(loaded.color)[alpha > 0], color[alpha > 0])


def test_the_digest_covers_colour_and_alpha(tmp_path, make, open_source):
    make.pairs(tmp_path, ["a"], ("foreground", "mask"))
    source = open_source(source="pairs", path=str(tmp_path))
    content = (tmp_path / "foreground/a.png").read_bytes() + (tmp_path / "mask/a.png").read_bytes()
    assert source.items[0].digest == hashlib.sha256(content).hexdigest()


def test_a_16_bit_alpha_keeps_its_precision(tmp_path, make, open_source):
    make.pairs(tmp_path, ["a"])
    alpha = np.linspace(0, 65535, 48 * 40).reshape(48, 40).astype(np.uint16)
    write_png(tmp_path / "alpha/a.png", alpha)
    loaded = load(open_source(source="pairs", path=str(tmp_path)))
    np.testing.assert_array_equal(np.rint(loaded.alpha * 65535), alpha)


def test_everything_that_is_skipped_is_reported(tmp_path, make, open_source):
    make.pairs(tmp_path, ["good", "size", "empty", "broken", "alone", "binary"])
    (tmp_path / "alpha/alone.png").unlink()
    write_png(tmp_path / "alpha/size.png", np.full((7, 9), 255, np.uint8))
    write_png(tmp_path / "alpha/empty.png", np.zeros((48, 40), np.uint8))
    write_png(tmp_path / "alpha/binary.png", (make.planes(5)[1] > 128).astype(np.uint8) * 255)
    data = (tmp_path / "fg/broken.png").read_bytes()
    (tmp_path / "fg/broken.png").write_bytes(data[: len(data) // 2])
    source = open_source(source="pairs", path=str(tmp_path))
    assert [item.id for item in source.items] == ["binary", "good"]
    reasons = {name: reason.split(":")[0] for name, reason in source.report.skipped}
    assert reasons == {
        "fg/alone": "no file of this name in alpha/",
        "size": "size mismatch",
        "empty": "empty alpha",
        "broken": "can't read the image",
    }
    assert source.report.warnings == [("binary", "almost binary alpha")]
    assert source.report.found == 6
    assert "2 of 6 used" in source.report.lines()[0]


def test_a_source_without_usable_images_says_why(tmp_path, make, open_source):
    make.cutouts(tmp_path, ["a"])
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(AimkitError, match="no usable foreground") as error:
        open_source(source="cutouts", path=str(tmp_path))
    assert "can't read the image" in error.value.hint


def test_a_missing_subfolder_names_what_is_there(tmp_path, make, open_source):
    make.pairs(tmp_path, ["a"], ("colours", "alpha"))
    with pytest.raises(AimkitError, match="'fg' or 'foreground'") as error:
        open_source(source="pairs", path=str(tmp_path))
    assert "alpha, colours" in error.value.hint
    assert len(open_source(source="pairs", path=str(tmp_path), foreground="colours").items) == 1


def test_bleeding_of_pairs_can_be_turned_off(tmp_path, make, open_source):
    make.pairs(tmp_path, ["a"])
    color, _ = make.planes(0)
    np.testing.assert_array_equal(
        to_uint8(load(open_source(source="pairs", path=str(tmp_path), bleed=False)).color), color
    )


def test_premultiplied_cutouts_are_made_straight_when_that_is_stated(tmp_path, make, open_source):
    color, alpha = make.planes(0)
    multiplied = np.rint(color * (alpha[..., None] / 255)).astype(np.uint8)
    write_png(tmp_path / "a.png", np.dstack([multiplied, alpha]))
    loaded = load(open_source(source="cutouts", path=str(tmp_path), premultiplied=True))
    solid = alpha > 100
    assert np.abs(to_uint8(loaded.color).astype(int) - color)[solid].max() <= 2


def test_straight_cutouts_are_left_alone(make):
    color, alpha = make.planes(0)
    assert not looks_premultiplied(color, alpha / np.float32(255))
    zeroed = np.where(alpha[..., None] > 0, color, 0).astype(np.uint8)
    assert not looks_premultiplied(zeroed, alpha / np.float32(255))
    dark = np.minimum(color, 3)
    assert not looks_premultiplied(dark, alpha / np.float32(255))


def test_what_looks_premultiplied_stays_as_stored_and_is_told(tmp_path, make, open_source):
    color, alpha = make.planes(0)
    multiplied = np.rint(color * (alpha[..., None] / 255)).astype(np.uint8)
    write_png(tmp_path / "a.png", np.dstack([multiplied, alpha]))
    source = open_source(source="cutouts", path=str(tmp_path))
    color, _ = source.picture(0).level(0)
    np.testing.assert_array_equal(color[alpha > 0], multiplied[alpha > 0])
    assert "premultiplied" in source.report.warnings[0][1]


def test_images_without_alpha_channel_are_no_cutouts(tmp_path, make, open_source):
    make.cutouts(tmp_path, ["a"])
    write_png(tmp_path / "photo.png", make.planes(1)[0])
    source = open_source(source="cutouts", path=str(tmp_path))
    assert source.report.skipped == [("photo", "the image has no alpha channel")]


def test_large_cutouts_are_reduced_without_fringe(tmp_path, make, open_source):
    color = np.full((200, 300, 3), 200, np.uint8)
    alpha = np.zeros((200, 300), np.uint8)
    alpha[51:149, 51:249] = 255
    write_png(tmp_path / "a.png", np.dstack([np.where(alpha[..., None] > 0, color, 0), alpha]))
    loaded = load(open_source(source="cutouts", path=str(tmp_path), max_side=64))
    assert loaded.size == (43, 64)
    np.testing.assert_allclose(loaded.color, 200 / 255, atol=2e-3)


def test_photos_get_their_colours_estimated_once(tmp_path, make, open_source, home, monkeypatch):
    make.pairs(tmp_path, ["a"], ("original", "mask"))
    table = {"source": "photos", "path": str(tmp_path), "method": "blur_fusion"}
    first = load(open_source(**table))
    assert len(list((home / "foregrounds").rglob("*-blur_fusion-*.png"))) == 1
    monkeypatch.setattr(photos_module, "estimate", None)
    second = load(open_source(**table))
    np.testing.assert_array_equal(first.color, second.color)


def test_a_cached_foreground_of_an_older_version_is_not_taken(tmp_path, make, open_source, home):
    make.pairs(tmp_path, ["a"], ("original", "mask"))
    source = open_source(source="photos", path=str(tmp_path), method="blur_fusion")
    digest = source.items[0].digest
    old = home / "foregrounds" / digest[:2] / f"{digest}-blur_fusion.png"
    write_png(old, np.full((48, 40, 3), 99, np.uint8))
    color = to_uint8(load(source).color)
    assert color.shape == (48, 40, 3)
    assert (color != 99).any()


def test_a_broken_cached_foreground_is_made_again(tmp_path, make, open_source, home):
    make.pairs(tmp_path, ["a"], ("original", "mask"))
    source = open_source(source="photos", path=str(tmp_path), method="blur_fusion")
    first = load(source)
    next((home / "foregrounds").rglob("*.png")).write_bytes(b"broken")
    np.testing.assert_array_equal(load(source).color, first.color)


def test_a_source_survives_pickling(tmp_path, make, open_source):
    make.pairs(tmp_path, NAMES, ("original", "mask"))
    for table in ({"source": "photos", "method": "blur_fusion"}, {"source": "pairs", "foreground": "original"}):
        source = open_source(path=str(tmp_path), **table)
        np.testing.assert_array_equal(load(pickle.loads(pickle.dumps(source)), 1).color, load(source, 1).color)


def test_type_category_licence_and_origin_reach_the_items(tmp_path, make, open_source):
    make.cutouts(tmp_path, ["a"])
    stated = {"type": "STM", "category": "glass", "licence": "CC0-1.0", "origin": "own", "name": "mine"}
    item = open_source(source="cutouts", path=str(tmp_path), **stated).items[0]
    assert (item.type, item.category, item.licence, item.origin, item.source) == (
        ImageType.STM,
        "glass",
        "CC0-1.0",
        "own",
        "mine",
    )
    assert open_source(source="cutouts", path=str(tmp_path)).items[0].type == ImageType.SO


def test_real_cutouts_open(shared, open_source):
    source = open_source(source="cutouts", path=str(shared / "data/fg/mixed"))
    assert [str(item.type) for item in source.items].count("SO") == 4
    loaded = load(source, 3)
    assert np.isfinite(loaded.color).all()
    assert 0 <= loaded.color.min() <= loaded.color.max() <= 1
