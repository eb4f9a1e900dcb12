"""Where a matte stands, which of its levels is opaque, and what lossy compression adds."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from aimkit import imageio
from aimkit.errors import AimkitError
from aimkit.imageio import MatteLevels, MatteStatistics, decide_matte_scale, decide_matte_scales, scale_matte
from aimkit.matting.trimap import trimap


def encoded(array, suffix="PNG", mode=None, **options):
    file = io.BytesIO()
    Image.fromarray(array, mode).save(file, suffix, **options)
    return file.getvalue()


def soft(size=96):
    """A disc with a soft edge, 0 to 255."""
    y, x = np.mgrid[:size, :size] - size / 2
    return np.rint(np.clip((size / 3 - np.hypot(x, y)) / 12 + 0.5, 0, 1) * 255).astype(np.uint8)


def statistics(levels, **options):
    return imageio.matte_statistics(MatteLevels(np.asarray(levels), **options))


@pytest.mark.parametrize(
    ("dtype", "maximum", "top"),
    [
        ("uint8", 255, 255),
        ("uint8", 101, 255),
        ("uint8", 100, None),
        ("uint8", 2, None),
        ("uint16", 65535, 65535),
        ("uint16", 30000, 65535),
        ("uint16", 256, None),
        ("uint16", 4095, None),
        ("uint16", 255, 255),
        ("uint16", 101, 255),
        ("uint16", 100, None),
        ("uint32", 255, 255),
        ("uint32", 60000, 65535),
        ("uint32", 2**32 - 1, 2**32 - 1),
        ("uint32", 10**6, None),
        ("int16", 255, 255),
        ("int16", 100, None),
        ("int16", 32767, 32767),
        ("int16", 20000, None),
        ("int32", 65535, 65535),
        ("int64", 255, 255),
        ("int64", 10**6, None),
        ("float32", 0.4, 1),
        ("float32", 1, 1),
        ("float64", 1.004, 1),
        ("float32", 2, None),
        ("float32", 100, None),
        ("float16", 255, 255),
        ("float32", 256.5, 255),
        ("float32", 65535, 65535),
        ("float32", 1e6, None),
    ],
)
def test_the_largest_level_of_a_folder_tells_the_scale(dtype, maximum, top):
    # A folder holds darker mattes too.
    folder = [MatteStatistics(dtype, maximum, False), MatteStatistics(dtype, min(maximum, 0.3), False)]
    if top is None:
        with pytest.raises(AimkitError, match=f"can't tell the scale of {dtype} mattes") as error:
            decide_matte_scale(folder, where="masks")
        assert "alpha_range" in error.value.hint
        assert error.value.where == "masks"
    else:
        scale = decide_matte_scale(folder)
        assert scale.top == top
        assert scale.note == ""
        assert scale.alpha_range == f"0-{top}"


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int16", "int64", "float32", "float64"])
def test_masks_of_zeros_and_ones_are_told_by_all_their_levels(dtype):
    mask = np.random.default_rng(0).integers(0, 2, (9, 8)).astype(dtype)
    empty = np.zeros((9, 8), dtype)
    scale = decide_matte_scale([statistics(mask), statistics(empty)])
    assert scale.top == 1
    alpha = scale_matte(MatteLevels(mask), scale)
    np.testing.assert_array_equal(alpha, mask * 255 if alpha.dtype == np.uint8 else mask)
    levels = mask.copy()
    levels[0, 0] = 255
    if levels.dtype.kind != "f":
        assert decide_matte_scale([statistics(mask), statistics(levels)]).top == 255


@pytest.mark.parametrize(
    ("dtype", "full"), [("uint8", 255), ("uint16", 65535), ("uint32", 2**32 - 1), ("float32", 1), ("int16", 32767)]
)
def test_empty_mattes_are_doubted(dtype, full):
    scale = decide_matte_scale([statistics(np.zeros((4, 4), dtype))])
    assert scale.top == full
    assert scale.note == f"all mattes are empty; the scale is taken to be 0-{full}"


@pytest.mark.parametrize(("alpha_range", "top"), imageio.RANGES.items())
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int32", "float32", "float64"])
def test_a_stated_scale_is_used(alpha_range, top, dtype):
    if np.dtype(dtype).kind != "f" and top > np.iinfo(dtype).max:
        with pytest.raises(AimkitError, match="not a scale"):
            decide_matte_scale([MatteStatistics(dtype, 1, True)], "0-256")
        return
    levels = np.linspace(0, top, 48).reshape(6, 8).astype(dtype)
    scale = decide_matte_scale([statistics(levels)], alpha_range)
    alpha = scale_matte(MatteLevels(levels), scale)
    expected = levels.astype(float) / top
    tolerance = 0 if alpha.dtype == np.uint8 else 1e-7
    np.testing.assert_allclose(alpha / 255 if alpha.dtype == np.uint8 else alpha, expected, atol=tolerance + 1e-12)
    with pytest.raises(AimkitError, match="beyond alpha_range"):
        decide_matte_scale([MatteStatistics(dtype, top * 1.2 + 1, False)], alpha_range)


def test_nothing_is_clipped_silently():
    with pytest.raises(AimkitError, match=r"the level 101, beyond 0-100"):
        scale_matte(MatteLevels(np.array([[0, 101]], np.uint8)), imageio.MatteScale(100), "a.png")
    for levels in ([[0, -1]], [[0, -0.1]]):
        with pytest.raises(AimkitError, match="negative levels"):
            statistics(np.array(levels))
    statistics(np.array([[-0.009, 1.0]]))
    with pytest.raises(AimkitError, match="negative levels"):
        statistics(np.array([[-0.011, 1.0]]))
    for level in (np.nan, np.inf):
        with pytest.raises(AimkitError, match="NaN or infinite"):
            statistics(np.array([[0, level]]))
    np.testing.assert_array_equal(scale_matte(MatteLevels(np.array([[0, 1.005]])), imageio.MatteScale(1)), [[0, 1]])


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32"])
def test_eight_bits_in_other_types_stay_exact(dtype):
    levels = soft()
    alpha = scale_matte(MatteLevels(levels.astype(dtype)), imageio.MatteScale(255))
    assert alpha.dtype == np.uint8
    np.testing.assert_array_equal(alpha, levels)


def test_types_of_one_folder_are_decided_apart():
    folder = [statistics(soft()), statistics(soft().astype(np.uint16) * 257), statistics(soft() / 255)]
    scales = decide_matte_scales(folder)
    assert {key: scale.top for key, scale in scales.items()} == {
        ("uint8", False): 255,
        ("uint16", False): 65535,
        ("float64", False): 1,
    }


@pytest.mark.parametrize(("dtype", "factor"), [("uint16", 1), ("float32", 1), ("int32", 1), ("uint32", 257)])
def test_a_matte_alone_is_read_by_what_only_one_scale_explains(dtype, factor):
    levels = soft().astype(dtype) * np.dtype(dtype).type(factor)
    file = io.BytesIO()
    np.save(file, levels)
    np.testing.assert_allclose(imageio.read_alpha(file.getvalue()), soft() / 255, atol=1e-7)


def test_a_dark_matte_alone_is_dark():
    for top, dtype in ((255, np.uint8), (65535, np.uint16)):
        dark = np.array([[0, 1], [1, 0]], dtype)
        np.testing.assert_allclose(imageio.read_alpha(encoded(dark)), dark / top)


def palette_mask(indices, colors):
    image = Image.fromarray(indices, "P")
    image.putpalette(np.asarray(colors, np.uint8).ravel().tolist())
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


COLORED = np.zeros((256, 3), np.uint8)
COLORED[1], COLORED[2], COLORED[255] = (128, 0, 0), (0, 128, 0), (224, 224, 192)


def test_indices_of_colour_tables_are_masks_when_the_colours_mean_nothing():
    mask = np.random.default_rng(0).integers(0, 2, (9, 8), np.uint8)
    data = palette_mask(mask, COLORED)
    levels = imageio.matte_levels(imageio.decode(data))
    assert levels.is_index
    np.testing.assert_array_equal(levels.levels, mask)
    np.testing.assert_array_equal(imageio.read_matte(data), mask * 255)
    np.testing.assert_array_equal(imageio.read_rgb(data), COLORED[mask])


def test_labels_are_not_alpha():
    for values in ((0, 1, 2), (0, 1, 255)):
        data = palette_mask(np.array([values] * 3, np.uint8), COLORED)
        with pytest.raises(AimkitError, match=f"the masks hold labels up to {values[-1]}, not alpha"):
            imageio.read_matte(data)
    stated = decide_matte_scale([statistics([[0, 1, 255]], is_index=True)], "0-255")
    assert stated.top == 255


def test_a_table_of_greys_is_a_grey_picture():
    levels = soft()
    grey = np.repeat(np.arange(256)[::-1, None], 3, axis=1)
    data = palette_mask(levels, grey)
    assert not imageio.matte_levels(imageio.decode(data)).is_index
    np.testing.assert_array_equal(imageio.read_matte(data), 255 - levels)


@pytest.mark.parametrize("suffix", ["JPEG", "WEBP"])
def test_lossy_grey_is_grey_and_colour_is_not(suffix):
    levels = soft()
    grey = encoded(np.dstack([levels] * 3), suffix, quality=85)
    assert np.abs(imageio.read_matte(grey).astype(int) - levels).max() < 20
    colors = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    with pytest.raises(AimkitError, match="coloured picture was given as a matte"):
        imageio.read_matte(encoded(colors, suffix, quality=85))


def test_greys_that_differ_by_rounding_are_grey():
    levels = soft()
    tinted = np.dstack([levels, np.minimum(levels, 254) + 1, levels]).astype(np.uint8)
    assert np.abs(imageio.read_matte(encoded(tinted)).astype(int) - levels).max() <= 1
    tinted[..., 1] = np.minimum(levels, 247) + 8
    with pytest.raises(AimkitError, match="coloured"):
        imageio.read_matte(encoded(tinted))


def test_the_channel_of_a_folder_can_be_insisted_on():
    colors = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    opaque = imageio.decode(encoded(np.dstack([colors, np.full((8, 8), 255, np.uint8)])))
    with pytest.raises(AimkitError, match="coloured"):
        imageio.matte_levels(opaque)
    found = imageio.matte_levels(opaque, channel="alpha")
    assert found.channel == "alpha"
    assert (found.levels == 255).all()
    with pytest.raises(AimkitError, match="no alpha channel"):
        imageio.matte_levels(imageio.decode(encoded(soft())), channel="alpha")
    grey = imageio.decode(encoded(np.dstack([soft(), soft() // 2])))
    np.testing.assert_array_equal(imageio.matte_levels(grey).levels, soft() // 2)
    np.testing.assert_array_equal(imageio.matte_levels(grey, channel="grey").levels, soft())


@pytest.mark.parametrize("quality", [85, 95])
def test_lossy_mattes_keep_their_unknown_area(quality):
    true = soft()
    lossy = encoded(true, "JPEG", quality=quality)
    area = (trimap(true, 10) == 128).mean()
    plain = (trimap(np.asarray(Image.open(io.BytesIO(lossy))), 10) == 128).mean()
    snapped = (trimap(imageio.read_matte(lossy), 10) == 128).mean()
    assert plain > 1.2 * area
    assert abs(snapped - area) < 0.05 * area


def test_only_levels_near_the_ends_are_snapped():
    levels = np.arange(256, dtype=np.uint8)
    expected = [0 if v <= 10 else 255 if v >= 245 else v for v in range(256)]
    np.testing.assert_array_equal(imageio.snap_lossy(levels), expected)
    np.testing.assert_array_equal(imageio.snap_lossy(levels, 0), levels)
    np.testing.assert_array_equal(imageio.read_matte(encoded(levels.reshape(16, 16))).ravel(), levels)
