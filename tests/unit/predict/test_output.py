from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from aimkit.errors import AimkitError
from aimkit.imageio import read_alpha, read_rgba
from aimkit.predict.collect import collect
from aimkit.predict.output import KINDS, CompositeStyle, cover, encode, read_background, read_profile
from aimkit.predict.predictor import Prediction


@pytest.fixture
def prediction() -> Prediction:
    alpha = np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(48, 64)
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    return Prediction(image, alpha, np.full((48, 64), 128, np.uint8), alpha, method="")


@pytest.mark.parametrize(("bits", "step"), [(8, 1 / 255), (16, 1 / 65535)])
def test_alpha_is_rounded_to_the_nearest_level(bits: int, step: float, prediction: Prediction) -> None:
    for kind in ("alpha", "cutout"):
        data = encode(kind, prediction, CompositeStyle(bits))
        assert np.abs(read_alpha(data) - prediction.alpha).max() <= step * 0.501
    color, _ = read_rgba(encode("cutout", prediction, CompositeStyle(bits)))
    assert np.array_equal(color, prediction.image)


def test_a_composite_is_the_equation(prediction: Prediction) -> None:
    color = read_background("#00ff00")
    data = encode("composite", prediction, CompositeStyle(background=color))
    weight = prediction.alpha[..., None]
    wanted = weight * prediction.image + (1 - weight) * color
    assert np.abs(np.asarray(Image.open(io.BytesIO(data))) - wanted).max() <= 0.51


def test_trimaps_and_classes_have_three_levels(prediction: Prediction) -> None:
    for kind in ("trimap", "semantic"):
        levels = np.unique(np.asarray(Image.open(io.BytesIO(encode(kind, prediction, CompositeStyle(kernel=3))))))
        assert set(levels) <= {0, 128, 255}


def test_the_profile_goes_with_colours_only(prediction: Prediction) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    style = CompositeStyle(16, np.zeros(3, np.uint8))
    for kind, (_, colored) in KINDS.items():
        data = encode(kind, prediction, style, profile)
        image = Image.open(io.BytesIO(data))
        image.load()  # checks every chunk's sum
        assert image.info.get("icc_profile") == (profile if colored else None)
        assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) is not None


def test_profiles_of_other_colour_spaces_are_left_out() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG", icc_profile=lab)
    assert read_profile(buffer.getvalue()) == b""
    assert read_profile(b"no image") == b""


@pytest.mark.parametrize("size", [(10, 40), (40, 10), (90, 90), (1, 1)])
def test_a_background_covers_the_photo_and_keeps_its_aspect(size: tuple[int, int]) -> None:
    y, x = np.mgrid[:60, :60]
    disc = (((y - 30) ** 2 + (x - 30) ** 2) < 15**2).astype(np.uint8) * 255
    covered = cover(np.dstack([disc] * 3), *size)
    assert covered.shape == (*size, 3)
    if min(size) > 30:
        inside = covered[..., 0] > 127
        assert abs(np.ptp(np.nonzero(inside.any(0))[0]) - np.ptp(np.nonzero(inside.any(1))[0])) <= 1


def test_a_background_is_a_colour_or_an_image(tmp_path: Path) -> None:
    assert read_background("white").tolist() == [255, 255, 255]
    Image.new("RGB", (3, 2), "red").save(tmp_path / "b.png")
    assert read_background(str(tmp_path / "b.png")).shape == (2, 3, 3)
    with pytest.raises(AimkitError, match="'grean' is neither"):
        read_background("grean")


def test_names_are_never_alike_and_do_not_depend_on_the_order(tmp_path: Path) -> None:
    files = ["x/a.png", "x/a.jpg", "x/b.jpg", "x/sub/a.png", "y/a.png", "y/B.JPG", "x/a_png.jpg", "x/.hid/c.png"]
    for name in (*files, "x/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    inputs = [tmp_path / "x", tmp_path / "y", tmp_path / "x" / "a.png"]
    names = {job.path.relative_to(tmp_path.resolve()).as_posix(): job.name for job in collect(inputs).jobs}
    assert set(names) == set(files) - {"x/.hid/c.png"}
    assert len({name.casefold() for name in names.values()}) == len(names)
    assert names["x/sub/a.png"] == "x/sub/a"
    assert names == {
        job.path.relative_to(tmp_path.resolve()).as_posix(): job.name for job in collect(reversed(inputs)).jobs
    }


def test_outputs_are_not_taken_for_photos(tmp_path: Path) -> None:
    for name in ("a.png", "out/alpha/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [job.name for job in collect([tmp_path], tmp_path / "out").jobs] == ["a"]
    with pytest.raises(AimkitError, match="the folder has no pictures"):
        collect([tmp_path / "out"], tmp_path / "out")
    with pytest.raises(AimkitError, match="file or folder not found"):
        collect([tmp_path / "b.png"])
