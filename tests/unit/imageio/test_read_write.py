from __future__ import annotations

import contextlib
import io
import stat

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from aimkit import imageio
from aimkit.cache import cache_folder
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.types import to_float


def random(shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def encoded(array, suffix, **options):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, suffix, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_written_png_reads_back_exactly(tmp_path, dtype, channels):
    array = random((5, 7) if channels == 1 else (5, 7, channels), dtype)
    path = tmp_path / "ünï côdé" / "絵.png"
    imageio.write_png(path, array)
    top = np.iinfo(dtype).max
    if channels == 1:
        np.testing.assert_array_equal(imageio.read_alpha(path), array.astype(np.float32) / np.float32(top))
    else:
        expected = np.rint(array[..., :3] / top * 255).astype(np.uint8)
        np.testing.assert_array_equal(imageio.read_rgb(path), expected)
    if channels == 4:
        rgb, alpha = imageio.read_rgba(path)
        np.testing.assert_array_equal(rgb, expected)
        assert alpha.dtype == (np.uint8 if dtype == np.uint8 else np.float32)
        np.testing.assert_array_equal(to_float(alpha), array[..., 3].astype(np.float32) / np.float32(top))


def test_png_bytes_are_the_same_every_time():
    array = random((40, 30, 3))
    assert imageio.encode_png(array) == imageio.encode_png(array.copy())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_as_pillow_does(orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(random((4, 6, 3)), "PNG", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    np.testing.assert_array_equal(imageio.read_rgb(data), expected)


def test_a_palette_with_transparency_is_a_cutout():
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=bytes([0, 128, 255]))
    rgb, alpha = imageio.read_rgba(buffer.getvalue())
    assert rgb[0, 1].tolist() == [40, 50, 60]
    np.testing.assert_array_equal(alpha, [[0, 128], [255, 128]])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F"])
def test_every_mode_reads_as_colour_and_as_matte(tmp_path, mode):
    grey = Image.fromarray(random((6, 5)), "L")
    image = grey.convert(mode) if mode in ("I;16", "F", "P") else grey.convert("RGB").convert(mode)
    path = tmp_path / ("a.tif" if mode in ("CMYK", "YCbCr", "F") else "a.png")
    image.save(path)
    assert imageio.read_rgb(path).shape == (6, 5, 3)
    alpha = imageio.read_alpha(path)
    assert alpha.shape == (6, 5)
    assert alpha.dtype == np.float32
    assert 0 <= alpha.min() <= alpha.max() <= 1


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK", "YCbCr"])
def test_a_coloured_picture_is_not_a_matte(tmp_path, mode):
    path = tmp_path / "a.tif"
    Image.fromarray(random((6, 5, 3)), "RGB").convert(mode).save(path)
    with pytest.raises(AimkitError, match="coloured picture was given as a matte") as error:
        imageio.read_alpha(path)
    assert error.value.where == str(path)


def test_a_grey_matte_saved_as_colour_keeps_its_levels():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(imageio.read_grey(encoded(np.dstack([levels] * 3), "PNG")), levels)


def test_an_opaque_alpha_channel_is_not_the_matte():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    full = np.full_like(levels, 255)
    np.testing.assert_array_equal(imageio.read_grey(encoded(np.dstack([levels] * 3 + [full]), "PNG")), levels)
    np.testing.assert_array_equal(imageio.read_grey(encoded(np.dstack([full] * 3 + [levels]), "PNG")), levels)


def test_an_image_without_alpha_is_no_cutout():
    with pytest.raises(AimkitError, match="no alpha channel"):
        imageio.read_rgba(encoded(random((4, 4, 3)), "PNG"))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.9])
def test_a_truncated_file_is_named(tmp_path, form, kept):
    data = encoded(random((64, 64, 3)), form)
    path = tmp_path / "broken"
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(AimkitError, match="can't read the image") as error:
        imageio.read_rgb(path)
    assert error.value.where == str(path)


def test_a_truncated_deep_image_is_refused():
    data = imageio.encode_png(random((64, 64, 4), np.uint16))
    with pytest.raises(AimkitError, match="can't read the image"):
        imageio.read_rgba(data[: len(data) // 2], "deep.png")


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"hello", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_refused(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(AimkitError, match="can't read the image"):
        imageio.read_rgb(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none.png"):
        with pytest.raises(AimkitError, match="can't read the image"):
            imageio.read_rgb(path)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_broken_bytes_give_an_error_or_a_clean_image(data):
    form = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"]))
    shape = data.draw(st.sampled_from([(1, 1), (9, 7), (9, 7, 3)]))
    content = bytearray(encoded(random(shape), form))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(AimkitError):
        rgb = imageio.read_rgb(bytes(content), "broken")
        assert rgb.ndim == 3
        assert rgb.shape[2] == 3
        assert rgb.dtype == np.uint8


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(AimkitError, match="can't write"):
        write_bytes(target, b"data")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_written_files_can_be_read_by_the_group(tmp_path):
    write_bytes(tmp_path / "a", b"data")
    (tmp_path / "plain").touch()
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_the_cache_follows_its_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path))
    assert cache_folder("scan") == tmp_path / "scan"
