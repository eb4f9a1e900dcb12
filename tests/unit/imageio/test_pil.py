"""PIL images from Python: every mode is converted, or refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from aimkit import imageio
from aimkit.errors import AimkitError
from aimkit.predict.strategies import as_rgb

COLORS = np.random.default_rng(0).integers(0, 256, (9, 8, 3), np.uint8)
GREY = np.random.default_rng(1).integers(0, 256, (9, 8), np.uint8)
ALPHA = np.random.default_rng(2).integers(1, 256, (9, 8), np.uint8)


def spread(grey):
    return np.dstack([grey] * 3)


def images():
    color, grey = Image.fromarray(COLORS), Image.fromarray(GREY)
    cutout = Image.fromarray(np.dstack([COLORS, ALPHA]))
    table = Image.fromarray(GREY, "P")
    table.putpalette(np.random.default_rng(3).integers(0, 256, 768).tolist())
    deep = (GREY.astype(np.uint16) * 257).astype("<u2")
    return {
        "1": (grey.convert("1"), spread(np.asarray(grey.convert("1")) * np.uint8(255)), 0),
        "L": (grey, spread(GREY), 0),
        "LA": (Image.fromarray(np.dstack([GREY, ALPHA])), spread(GREY), 0),
        "La": (Image.fromarray(np.dstack([GREY, ALPHA])).convert("La"), None, 0),
        "P": (table, np.asarray(table.convert("RGB")), 0),
        "PA": (table.convert("PA"), np.asarray(table.convert("RGB")), 0),
        "RGB": (color, COLORS, 0),
        "RGBA": (cutout, COLORS, 0),
        "RGBa": (cutout.convert("RGBa"), None, 0),
        "RGBX": (color.convert("RGBX"), COLORS, 0),
        "CMYK": (color.convert("CMYK"), COLORS, 1),
        "HSV": (color.convert("HSV"), COLORS, 8),
        # Eight bits of LAB are coarse where colours are vivid.
        "LAB": (lab(Image.fromarray(COLORS // 4 + 96)), COLORS // 4 + 96, 3),
        "YCbCr": (color.convert("YCbCr"), COLORS, 3),
        "I": (grey.convert("I"), spread(GREY), 0),
        "I;16": (Image.frombytes("I;16", (8, 9), deep.tobytes()), spread(GREY), 0),
        "I;16B": (Image.frombytes("I;16B", (8, 9), deep.astype(">u2").tobytes()), spread(GREY), 0),
        "F": (Image.fromarray(GREY.astype("f4") / 255), spread(GREY), 0),
    }


def lab(image):
    from PIL import ImageCms

    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.buildTransform(*profiles, "RGB", "LAB").apply(image)


IMAGES = images()


@pytest.mark.parametrize("mode", [mode for mode, (_, expected, _) in IMAGES.items() if expected is not None])
def test_every_mode_has_the_right_colours(mode):
    image, expected, tolerance = IMAGES[mode]
    assert image.mode == mode
    rgb = imageio.rgb_of(imageio.from_pil(image))
    assert rgb.dtype == np.uint8
    assert np.abs(rgb.astype(int) - expected).max() <= tolerance
    np.testing.assert_array_equal(as_rgb(image), rgb)
    np.testing.assert_array_equal(imageio.read_rgb(image), rgb)


@pytest.mark.parametrize(("mode", "bands"), [("La", 1), ("RGBa", 3)])
def test_associated_alpha_is_divided_out(mode, bands):
    image = IMAGES[mode][0]
    stored = np.frombuffer(image.tobytes(), np.uint8).reshape(9, 8, -1)
    exact = np.minimum(np.floor(stored[..., :bands] * 255.0 / stored[..., -1:] + 0.5), 255)
    np.testing.assert_array_equal(imageio.read_rgb(image), np.broadcast_to(exact, (9, 8, 3)))
    np.testing.assert_array_equal(imageio.read_rgba(image)[1], ALPHA)


@pytest.mark.parametrize("mode", Image.MODES)
def test_no_mode_of_pillow_is_forgotten(mode):
    assert imageio.read_rgb(Image.new(mode, (4, 3))).shape == (3, 4, 3)
    if not mode.startswith("I;16"):
        assert mode in IMAGES


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "P", "I;16"])
def test_orientation_is_applied_as_for_files(mode, orientation):
    from PIL import ImageOps

    image = IMAGES[mode][0].copy()
    image.getexif()[0x0112] = orientation
    expected = imageio.read_rgb(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(imageio.read_rgb(image), expected)
    np.testing.assert_array_equal(as_rgb(image), expected)


@pytest.mark.parametrize("level", [-1, 70000])
def test_integers_of_unknown_scale_are_refused(level):
    with pytest.raises(AimkitError, match="have no known scale"):
        imageio.from_pil(Image.new("I", (3, 3), level))


@pytest.mark.parametrize("level", [-0.5, 1.5, 300, float("nan")])
def test_floats_of_unknown_scale_are_refused(level):
    with pytest.raises(AimkitError, match="can't read the image"):
        as_rgb(Image.new("F", (3, 3), level))


def test_a_lazy_image_of_a_broken_file_is_an_error(tmp_path):
    Image.fromarray(COLORS).resize((200, 200)).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(AimkitError, match="can't read the PIL image"):
        imageio.from_pil(Image.open(tmp_path / "a.png"))
