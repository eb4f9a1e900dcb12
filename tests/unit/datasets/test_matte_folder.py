"""All mattes of a folder are read on one scale, in one channel, whoever reads them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from aimkit.cli import run
from aimkit.datasets.matte_folder import decide_mattes, matte_facts, scan_mattes
from aimkit.datasets.pairs import image_alpha_pairs, saliency_pairs
from aimkit.errors import AimkitError
from aimkit.imageio import from_pil, write_png
from aimkit.types import to_uint8


def stored(alpha, scale, path):
    """Write a matte of [0, 1] on a scale, in a type that holds it."""
    kind, top = scale
    levels = alpha * top if kind.startswith("f") else np.rint(alpha * top)
    if kind == "uint8":
        write_png(path.with_suffix(".png"), levels.astype(np.uint8))
    elif kind == "uint16":
        write_png(path.with_suffix(".png"), levels.astype(np.uint16))
    elif kind == "npy":
        np.save(path.with_suffix(".npy"), levels.astype(np.int32))
    else:
        tifffile.imwrite(path.with_suffix(".tif"), levels.astype(kind))


SCALES = [
    *(("uint8", 255), ("uint16", 65535), ("uint16", 255), ("float32", 1.0), ("float32", 255.0), ("float64", 65535.0)),
    *(("int16", 255), ("uint32", 255), ("float16", 1.0), ("npy", 255)),
]


@pytest.mark.parametrize("scale", SCALES, ids=str)
@pytest.mark.parametrize("reader", ["pairs", "photos", "training", "saliency"])
def test_a_matte_of_any_type_and_scale_has_the_same_alpha(tmp_path, make, open_source, scale, reader):
    color, alpha = make.planes(0)
    for name in ("original", "mask"):
        (tmp_path / name).mkdir()
    write_png(tmp_path / "original/a.png", color)
    stored(alpha / 255, scale, tmp_path / "mask/a")
    if reader == "training":
        found = image_alpha_pairs(tmp_path, kernel=5)[0].alpha
    elif reader == "saliency":
        found = saliency_pairs(tmp_path, "original", kernel=5)[0].alpha
        alpha = (alpha >= 127.5) * np.uint8(255)
    else:
        folders = {"foreground": "original"} if reader == "pairs" else {"method": "blur_fusion"}
        source = open_source(source=reader, path=str(tmp_path), alpha="mask", **folders)
        found = to_uint8(np.asarray(source.load(0, (1, 1), np.random.default_rng(0)).alpha))
    assert np.abs(found.astype(int) - alpha).max() <= (1 if scale[0] == "float16" else 0)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "palette"])
def test_masks_of_0_and_1_are_opaque_and_said(tmp_path, make, open_source, kind, capsys):
    color, alpha = make.planes(0)
    mask = (alpha > 127).astype(np.uint8)
    write_png(tmp_path / "fg/a.png", color)
    (tmp_path / "alpha").mkdir()
    if kind == "palette":
        image = Image.fromarray(mask, "P")
        image.putpalette([0, 0, 0, 128, 0, 0])
        image.save(tmp_path / "alpha/a.png")
    else:
        write_png(tmp_path / "alpha/a.png", mask.astype(kind))
    source = open_source(source="pairs", path=str(tmp_path))
    np.testing.assert_array_equal(source.picture(0).level(0)[1], mask * 255)
    assert any("0-1" in note for note in source.report.notes)
    assert "0-1" in capsys.readouterr().err


def test_a_dark_matte_has_the_scale_of_its_folder(tmp_path, make, open_source):
    color, alpha = make.planes(0)
    for name, part in (("dark", alpha // 8), ("full", alpha)):
        write_png(tmp_path / f"fg/{name}.png", color)
        write_png(tmp_path / f"alpha/{name}.png", part.astype(np.uint16))
    source = open_source(source="pairs", path=str(tmp_path))
    np.testing.assert_array_equal(source.picture(0).level(0)[1], alpha // 8)


def test_a_scale_that_cannot_be_told_is_refused_and_can_be_stated(tmp_path, make, open_source):
    color, alpha = make.planes(0)
    levels = np.rint(alpha / 255 * 100).astype(np.uint8)
    write_png(tmp_path / "fg/a.png", color)
    write_png(tmp_path / "alpha/a.png", levels)
    with pytest.raises(AimkitError, match="can't tell the scale") as error:
        open_source(source="pairs", path=str(tmp_path))
    assert "alpha_range" in error.value.hint
    for stated, top in (("0-100", 100), ("0-255", 255)):
        source = open_source(source="pairs", path=str(tmp_path), alpha_range=stated)
        found = source.load(0, (1, 1), np.random.default_rng(0)).alpha
        np.testing.assert_allclose(found, levels / top, atol=1e-6)
    with pytest.raises(AimkitError, match="beyond alpha_range"):
        open_source(source="pairs", path=str(tmp_path), alpha_range="0-1")


def test_lossy_mattes_are_snapped_and_said(tmp_path, make, open_source):
    color, alpha = make.planes(0)
    write_png(tmp_path / "fg/a.png", color)
    (tmp_path / "alpha").mkdir()
    Image.fromarray(alpha).save(tmp_path / "alpha/a.jpg", quality=90)
    source = open_source(source="pairs", path=str(tmp_path))
    found = source.picture(0).level(0)[1]
    assert not ((found > 0) & (found <= 10)).any()
    assert any("lossy" in note for note in source.report.notes)


def facts(pixels, where="x"):
    return matte_facts(from_pil(Image.fromarray(pixels)), where)


def test_an_opaque_cutout_among_cutouts_is_opaque(make):
    color, alpha = make.planes(0)
    opaque = np.dstack([color, np.full_like(alpha, 255)])
    decided = decide_mattes([facts(np.dstack([color, alpha])), facts(opaque)])
    assert decided.channel == "alpha"
    assert (decided.alpha(from_pil(Image.fromarray(opaque))) == 255).all()


def test_a_grey_matte_saved_as_rgba_is_its_grey(make):
    _, alpha = make.planes(0)
    stored = np.dstack([alpha] * 3 + [np.full_like(alpha, 255)])
    decided = decide_mattes([facts(stored), facts(alpha)])
    assert decided.channel == "auto"
    np.testing.assert_array_equal(decided.alpha(from_pil(Image.fromarray(stored))), alpha)


def test_a_coloured_picture_among_grey_mattes_is_refused_alone(tmp_path, make):
    color, alpha = make.planes(0)
    for i in range(4):
        write_png(tmp_path / f"original/{i}.png", color)
        write_png(tmp_path / f"mask/{i}.png", alpha if i else np.dstack([color, np.full_like(alpha, 255)]))
    samples = image_alpha_pairs(tmp_path, kernel=5)
    mattes = scan_mattes({p.name: p for p in (tmp_path / "mask").iterdir()}, "test")
    assert mattes.channel == "auto"
    assert [pair.name for pair in samples.pairs] == ["1", "2", "3"]
    np.testing.assert_array_equal(samples[0].alpha, alpha)
    with pytest.raises(AimkitError, match="coloured picture"):
        mattes.read(tmp_path / "mask/0.png")


@pytest.mark.parametrize("odd", ["mask of 0 and 1", "deep and dark"])
def test_a_few_mattes_of_another_scale_are_left_out_with_a_reason(tmp_path, make, open_source, odd):
    color, alpha = make.planes(0)
    other = (alpha > 127).astype(np.uint8) if odd == "mask of 0 and 1" else (alpha // 4).astype(np.uint16)
    for i in range(4):
        write_png(tmp_path / f"original/{i}.png", color)
        write_png(tmp_path / f"mask/{i}.png", alpha if i else other)
    source = open_source(source="pairs", path=str(tmp_path), foreground="original")
    assert [item.id for item in source.items] == ["1", "2", "3"]
    ((name, reason),) = source.report.skipped
    assert name == "0"
    assert "scale" in reason
    assert [pair.name for pair in image_alpha_pairs(tmp_path).pairs] == ["1", "2", "3"]


def test_types_are_inferred_on_the_folders_scale(tmp_path, make, capsys):
    for seed in range(2):
        write_png(tmp_path / f"{seed}.png", (make.planes(seed)[1]).astype(np.uint16))
    assert run(["types", "infer", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert "2 SO" in captured.err
    assert "0-255" in captured.err
    for seed in range(2):
        write_png(tmp_path / f"{seed}.png", np.rint(make.planes(seed)[1] / 2.55).astype(np.uint8))
    assert run(["types", "infer", str(tmp_path)]) == 2
    assert run(["types", "infer", str(tmp_path), "--alpha-range", "0-100"]) == 0


def test_floats_a_little_beyond_their_range_are_clipped_and_said():
    levels = np.array([[-0.004, 0.5], [0.25, 1.006]], np.float32)
    decided = decide_mattes([facts(levels)])
    assert decided.notes == ("1 matte is a little beyond 0-1, as after resampling, and clipped to it",)
