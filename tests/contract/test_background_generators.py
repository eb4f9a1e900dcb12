"""Backgrounds must be varied: their variety decides what a network learns from them."""

from functools import cache

import numpy as np
import pytest

from aimkit.generators import background_generators
from aimkit.generators.coverage import reduce
from aimkit.rng import rng

NAMES = background_generators.list()
COUNT, SIDE = 12, 96


@cache
def pictures(name):
    entry = background_generators.get(name)
    params = entry.info.params(generator=name)
    return [entry.value(params, (SIDE, SIDE), rng(7, name, i)) for i in range(COUNT)]


@pytest.mark.parametrize("name", NAMES)
def test_pictures_of_one_generator_are_far_from_each_other(name):
    small = np.stack([reduce(image, 12).ravel() for image in pictures(name)])
    apart = np.abs(small[:, None] - small[None]).mean(axis=2)[np.triu_indices(COUNT, 1)]
    assert apart.mean() > 0.1
    assert apart.min() > 0.01, "two pictures are nearly the same"


@pytest.mark.parametrize("name", NAMES)
def test_exposure_is_varied_and_seldom_clipped(name):
    means = np.array([image.mean() for image in pictures(name)])
    assert means.std() > 0.05
    assert 0.15 < means.mean() < 0.75
    blown = np.mean([(image.min(axis=2) > 0.995).mean() for image in pictures(name)])
    assert blown < 0.1


@pytest.mark.parametrize("name", NAMES)
def test_a_long_frame_is_filled(name):
    entry = background_generators.get(name)
    for size in ((64, 200), (200, 64)):
        image = entry.value(entry.info.params(generator=name), size, rng(3, name))
        assert image.shape == (*size, 3)
        assert np.isfinite(image).all()
        assert image.std() > 0.005


@pytest.mark.parametrize("name", NAMES)
def test_a_single_pixel_is_a_picture(name):
    """Photos of one pixel are foregrounds like others, and the canvas can take their size."""
    entry = background_generators.get(name)
    for seed in range(4):
        image = entry.value(entry.info.params(generator=name), (1, 1), rng(seed, name))
        assert image.shape == (1, 1, 3)
        assert np.isfinite(image).all()


def test_hues_and_brightness_spread_over_all_generators():
    means = np.array([image.mean(axis=(0, 1)) for name in NAMES for image in pictures(name)])
    tint = means - means.mean(axis=1, keepdims=True)
    hue = np.arctan2(np.sqrt(3) * (tint[:, 1] - tint[:, 2]), 2 * tint[:, 0] - tint[:, 1] - tint[:, 2])
    counts = np.histogram(hue, bins=8, range=(-np.pi, np.pi))[0]
    assert (counts > 0).all(), counts
    assert np.ptp(means.mean(axis=1)) > 0.5
