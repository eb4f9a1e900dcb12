"""What every procedural generator promises; a new file in aimkit/generators is tested unnamed."""

import inspect
import re
from functools import cache
from typing import get_args

import numpy as np
import pytest

from aimkit.generators import background_generators, coverage, generators
from aimkit.matting.image_type import infer
from aimkit.rng import rng
from aimkit.types import ImageType

TALL, WIDE = (192, 160), (97, 130)
NAMES = generators.list()
BACKGROUNDS = background_generators.list()
PARAMETERS = [
    pytest.param(entry, field, id=f"{entry.name}-{field}")
    for registry in (generators, background_generators)
    for entry in registry
    for field in entry.info.params.model_fields
    if field != "generator"
]
FIRST_PARAMETERS = list({one.values[0].name: one for one in reversed(PARAMETERS)}.values())


@pytest.fixture(params=NAMES, scope="module")
def name(request):
    """Every generator; pytest runs all tests of one after each other, so that its pictures are drawn once."""
    return request.param


@cache
def made(name, size=WIDE, seed=0):
    """A foreground; kept, since most tests look at the same one."""
    entry = generators.get(name)
    return entry.value(entry.info.params(generator=name), size, rng(seed, name))


@cache
def background(name, size=WIDE, seed=0):
    entry = background_generators.get(name)
    return entry.value(entry.info.params(generator=name), size, rng(seed, name))


def premultiplied(foreground):
    return coverage.layer(foreground.color, foreground.alpha)


@pytest.mark.parametrize("size", [TALL, WIDE])
def test_planes_have_the_size_and_are_finite_and_in_range(name, size):
    foreground = made(name, size)
    assert foreground.color.shape == (*size, 3)
    assert foreground.alpha.shape == size
    for plane in (foreground.color, foreground.alpha):
        assert plane.dtype == np.float32
        assert np.isfinite(plane).all()
        assert plane.min() >= 0
        assert plane.max() <= 1


def check_tiny(name, size):
    if name in NAMES:
        foreground = made.__wrapped__(name, size)
        planes = [foreground.color, foreground.alpha]
    else:
        planes = [background.__wrapped__(name, size)]
    for plane in planes:
        assert plane.shape[:2] == size
        assert np.isfinite(plane).all()
        assert plane.min() >= 0
        assert plane.max() <= 1


@pytest.mark.parametrize("name", [*NAMES, *BACKGROUNDS])
def test_a_frame_of_one_pixel_is_a_frame(name):
    check_tiny(name, (1, 1))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(2, 2), (1, 3), (3, 1)])
@pytest.mark.parametrize("name", [*NAMES, *BACKGROUNDS])
def test_a_frame_may_be_a_line(name, size):
    check_tiny(name, size)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 40), (40, 1)])
def test_caustics_fill_a_long_frame(size):
    check_tiny("caustics", size)


def test_entry_says_what_the_foreground_is(name):
    entry = generators.get(name)
    assert made(name).type is entry.info.type
    assert made(name).category == entry.info.category
    assert entry.summary


def values(params, field):
    """Two values of a parameter that must draw different pictures: of its range, chances of 0 and 1, or choices."""
    default = getattr(params, field)
    if isinstance(default, str):
        choices = get_args(type(params).model_fields[field].annotation)
        return [choice for choice in choices if choice != "any"][:2]
    if isinstance(default, float):
        return [0.0, 1.0]
    low, high = default
    # Not the lower end itself, since -180 and 180 degrees are the same turn.
    return [low + 0.3 * (high - low), high] if low < high else [low, low + 0.2]


@pytest.mark.parametrize(("entry", "field"), PARAMETERS)
def test_every_parameter_is_documented(entry, field):
    assert field in documented(entry.info.params)


@pytest.mark.parametrize(("entry", "field"), FIRST_PARAMETERS)
def test_a_parameter_changes_the_picture(entry, field):
    """The first of each generator; the slow twin tries all of them."""
    check_change(entry, field)


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "field"), PARAMETERS)
def test_every_parameter_changes_the_picture(entry, field):
    check_change(entry, field)


def check_change(entry, field):
    default = entry.info.params(generator=entry.name)
    first, second = (
        entry.info.params.model_validate(default.model_dump() | {field: value}) for value in values(default, field)
    )
    # Some parameters matter to some pictures only: the oblong meshes of one kind of fence.
    assert any(drawing(entry, first, seed) != drawing(entry, second, seed) for seed in range(24))


def documented(params):
    """Names that the docstring's list of attributes describes with at least a few words."""
    text = inspect.getdoc(params).partition("Attributes:")[2]
    return re.findall(r"^    (\w+): \S.{3,}", text, re.MULTILINE)


def drawing(entry, params, seed):
    """What a generator draws, as bytes."""
    drawn = entry.value(params, (64, 80), rng(seed, "parameter", entry.name))
    if isinstance(drawn, np.ndarray):
        return drawn.tobytes()
    bent = b"" if drawn.refraction is None else drawn.refraction.tobytes()
    return drawn.color.tobytes() + drawn.alpha.tobytes() + bent


def test_same_stream_same_bytes_and_another_stream_another_picture(name):
    entry = generators.get(name)
    again = entry.value(entry.info.params(generator=name), WIDE, rng(0, name))
    assert again.color.tobytes() == made(name).color.tobytes()
    assert again.alpha.tobytes() == made(name).alpha.tobytes()
    other = made(name, seed=1)
    assert np.abs(premultiplied(other) - premultiplied(again)).mean() > 1e-3


def test_twice_the_size_reduces_to_the_same_picture(name):
    bound = generators.get(name).info.bound
    large = made(name, (2 * WIDE[0], 2 * WIDE[1]))
    difference = np.abs(coverage.reduce(premultiplied(large), 2) - premultiplied(made(name)))
    assert difference[..., 3].mean() <= bound
    assert difference[..., :3].mean() <= bound


def test_foreground_is_there_and_colour_is_bled_where_it_is_not(name):
    for seed in (0, 1):
        foreground = made(name, seed=seed)
        visible = foreground.alpha > 0.05
        assert visible.mean() > 0.005
        # Beyond the outline the colour goes on as it is at the outline, so it stays in the range of visible colours.
        empty = foreground.alpha == 0
        if empty.any():
            seen = foreground.color[foreground.alpha > 0]
            assert (foreground.color[empty] >= seen.min(axis=0) - 1e-3).all()
            assert (foreground.color[empty] <= seen.max(axis=0) + 1e-3).all()


def test_salient_foregrounds_lie_inside_and_others_fill_the_frame(name):
    kind = generators.get(name).info.type
    for seed in (0, 1, 2):
        alpha = made(name, seed=seed).alpha
        sides = [alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]]
        if kind is ImageType.NS:
            rows, cols = np.nonzero(alpha > 0.02)
            assert np.ptp(rows) > 0.8 * alpha.shape[0]
            assert np.ptp(cols) > 0.8 * alpha.shape[1]
        elif kind is ImageType.SO:
            # It may stand on the bottom; the other sides are nearly free.
            assert sides[0].mean() < 0.1
            assert sides[2].mean() + sides[3].mean() < 0.5
            assert (alpha == 1).mean() > 0.01, "no solid core, so a trimap would have no foreground"


def test_type_inference_names_the_type_for_most_seeds(name):
    kind = generators.get(name).info.type
    guesses = [infer(made(name, seed=seed).alpha).type for seed in range(3)]
    assert sum(guess is kind for guess in guesses) >= 2, guesses


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_backgrounds_are_pictures_that_depend_on_the_stream_alone(name):
    image = background(name)
    assert image.shape == (*WIDE, 3)
    assert image.dtype == np.float32
    assert np.isfinite(image).all()
    assert image.min() >= 0
    assert image.max() <= 1
    entry = background_generators.get(name)
    again = entry.value(entry.info.params(generator=name), WIDE, rng(0, name))
    assert again.tobytes() == image.tobytes()
    assert np.abs(background(name, seed=1) - image).mean() > 1e-3


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_a_background_at_twice_the_size_reduces_to_the_same(name):
    bound = background_generators.get(name).info.bound
    large = background(name, (2 * WIDE[0], 2 * WIDE[1]))
    assert np.abs(coverage.reduce(large, 2) - background(name)).mean() <= bound
