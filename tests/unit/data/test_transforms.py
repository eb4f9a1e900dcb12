from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aimkit.data.reshape import PLANES
from aimkit.data.transforms import Crop, transforms
from aimkit.errors import AimkitError
from aimkit.matting.composite import composite
from aimkit.matting.trimap import trimap as make_trimap
from aimkit.recipe import parse
from aimkit.types import ImageType, Sample

NAMES = transforms.list()
CORRECTED = [name for name in NAMES if not name.endswith("parity")]


def sample(height: int = 120, width: int = 160, seed: int = 0, planes: bool = True) -> Sample:
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    radius = min(height, width) / 4
    alpha = np.clip((radius - np.hypot(y - height / 2, x - width / 2)) / 8 + 0.5, 0, 1)
    alpha = np.rint(alpha * 255).astype(np.uint8)
    fg, bg = draw.integers(0, 256, (2, height, width, 3), np.uint8)
    trimap = make_trimap(alpha, 9)
    image = composite(fg, alpha, bg)
    none = np.zeros((0, 0, 3), np.uint8)
    return Sample(
        image,
        alpha,
        trimap,
        trimap,
        fg if planes else none,
        bg if planes else none,
        ImageType.SO,
        "",
        {"composition_valid": planes},
    )


def apply(name: str, source: Sample, seed: int = 0, **keys: object) -> Sample:
    transform = parse(transforms.get(name).value, {"transform": name, **keys}, name)
    return transform.apply(source, np.random.default_rng(seed))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(120, 160), (30, 200), (300, 40), (1, 1), (17, 500), (64, 64)])
def test_any_image_comes_out_at_the_size_of_the_network(name: str, size: tuple[int, int]) -> None:
    for planes in (True, False):
        out = apply(name, sample(*size, planes=planes), size=64)
        assert out.size == (64, 64)
        for plane in PLANES:
            values = getattr(out, plane)
            assert values.dtype == np.uint8
            assert values.shape[:2] == ((64, 64) if planes or plane not in ("foreground", "background") else (0, 0))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_stream_gives_the_same_result_and_another_another(name: str) -> None:
    one, again, other = (apply(name, sample(700, 700), seed, size=64) for seed in (1, 1, 2))
    assert np.array_equal(one.image, again.image)
    if name not in ("fit", "duts_parity"):
        assert not np.array_equal(one.image, other.image)


@pytest.mark.parametrize("name", CORRECTED)
def test_the_compositing_equation_survives(name: str) -> None:
    for seed in range(4):
        out = apply(name, sample(200, 260), seed, size=64)
        error = np.abs(composite(out.foreground, out.alpha, out.background).astype(int) - out.image)
        assert error.max() <= 3, "three roundings to 8 bit"


@pytest.mark.parametrize("name", CORRECTED)
def test_labels_stay_labels(name: str) -> None:
    out = apply(name, sample(200, 260), size=64)
    assert set(np.unique(out.label)) <= {0, 128, 255}
    assert np.abs((out.label == 128).mean() - (sample(200, 260).label == 128).mean()) < 0.25


def test_the_parity_transform_mixes_labels_as_the_reference_does() -> None:
    mixed = apply("aim_parity", sample(700, 700), size=60, start_at_unknown=1)
    assert len(np.unique(mixed.label)) > 3


def test_crops_lie_around_the_transition_area_when_they_are_told_to() -> None:
    source = sample(600, 600)
    inside = [
        (apply("crop", source, seed, size=64, crops=[64], around_unknown=1).label == 128).any() for seed in range(30)
    ]
    anywhere = [
        (apply("crop", source, seed, size=64, crops=[64], around_unknown=0).label == 128).any() for seed in range(30)
    ]
    assert all(inside)
    assert not all(anywhere)


def test_a_small_image_is_padded_and_keeps_its_scale() -> None:
    ramp = sample(40, 40)
    out = apply("crop", ramp, size=64, crops=[64], flip=0)
    assert np.array_equal(out.image[12:52, 12:52], ramp.image)


def test_fit_keeps_the_proportions_and_the_middle() -> None:
    source = sample(50, 100)
    out = apply("fit", source, size=100, flip=0)
    assert np.array_equal(out.image[25:75], source.image)


def test_flip_mirrors_every_plane() -> None:
    source = sample(64, 64)
    out = apply("fit", source, size=64, flip=1)
    for plane in PLANES:
        assert np.array_equal(getattr(out, plane), getattr(source, plane)[:, ::-1])


def test_an_image_without_transition_area_is_cropped_anywhere() -> None:
    source = sample(100, 100)
    zero = np.zeros_like(source.alpha)
    empty = replace(source, alpha=zero, trimap=zero, label=zero)
    corners = set()
    for seed in range(40):
        image = apply("gca", empty, seed, size=64, flip=0).image
        found = [
            (y, x) for y in range(37) for x in range(37) if np.array_equal(source.image[y : y + 64, x : x + 64], image)
        ]
        assert len(found) == 1, "a part of the image as it is"
        corners.update(found)
    assert np.ptp(sorted(corners), axis=0).min() > 25, "corners lie all over the 37 x 37 that there are"


@pytest.mark.parametrize("around_unknown", [0, 1])
def test_a_crop_chosen_before_its_sample_is_made_lies_where_it_would_lie_afterwards(
    around_unknown: int,
) -> None:
    """With one pixel to choose from, both ways draw the same numbers but for the place within the pixel."""
    label = np.zeros((200, 260), np.uint8)
    label[60, 150] = 128
    source = replace(sample(200, 260), label=label)
    crop = Crop(size=64, crops=(64, 100, 150), around_unknown=around_unknown, flip=0)
    for seed in range(20):
        view = crop.view(np.random.default_rng(seed), reduced=False)((200, 260), lambda: (label > 0).astype(np.float32))
        side, (top, left) = crop._square((200, 260), np.random.default_rng(seed), lambda: (60, 150))
        assert view.size == (side, side)
        assert np.abs(np.subtract(view.offset, (top, left))).max() <= around_unknown
        whole = crop.apply(source, np.random.default_rng(seed))
        part = replace(source, **{n: getattr(source, n)[top:, left:][:side, :side] for n in PLANES})
        assert np.array_equal(crop.finish(part, np.random.default_rng(seed)).image, whole.image)


def test_bad_keys_are_told() -> None:
    with pytest.raises(AimkitError, match="did you mean 'size'"):
        apply("crop", sample(), siez=3)
    with pytest.raises(AimkitError, match="greater than or equal to 16"):
        apply("crop", sample(), size=3)
