"""Fresnel, thin films, clear layers, flames and glass: what they must obey beyond the generators' contract."""

import numpy as np
import pytest

from aimkit.generators import generators
from aimkit.generators.foregrounds.bubble import film_reflection
from aimkit.generators.foregrounds.flame import burning, emission
from aimkit.generators.optics import clear, fresnel
from aimkit.rng import rng


def make(name, size=(160, 160), seed=0, **params):
    entry = generators.get(name)
    return entry.value(entry.info.params(**params), size, rng(seed, "test", name))


def test_fresnel_has_its_known_values():
    assert fresnel(np.array(1.0), 1.5) == pytest.approx(0.04)  # ((n - 1) / (n + 1))^2
    assert fresnel(np.array(0.0), 1.5) == pytest.approx(1.0)
    brewster = np.cos(np.arctan(1.5))
    across = (brewster - 1.5 * np.sin(np.arctan(1.5))) / (brewster + 1.5 * np.sin(np.arctan(1.5)))
    assert fresnel(np.array(brewster), 1.5) == pytest.approx(across**2 / 2)  # the other polarisation vanishes


def test_clear_layer_over_any_background_shows_its_light_and_what_it_lets_through():
    draws = np.random.default_rng(0)
    through = draws.random((8, 8)).astype(np.float32)
    emitted = (draws.random((8, 8, 3)) * (1 - through)[..., None]).astype(np.float32)
    planes = clear(emitted, through)
    background = draws.random((8, 8, 3))
    shown = planes[..., :3] + (1 - planes[..., 3:]) * background
    np.testing.assert_allclose(shown, emitted + through[..., None] * background, atol=1e-6)


def test_clear_layer_never_needs_a_colour_above_one():
    planes = clear(np.full((1, 1, 3), 0.9, np.float32), np.ones((1, 1), np.float32))
    assert planes[0, 0, 3] == pytest.approx(0.9)


def test_flames_straight_colour_times_alpha_is_its_light():
    heat = np.linspace(0, 2, 300, dtype=np.float32).reshape(10, 30)
    light = emission(heat, np.array([3.2, 1.15, 0.26]))
    for opacity in (0.0, 0.3):
        flame = burning(light, opacity)
        visible = flame.alpha > 0
        np.testing.assert_allclose((flame.color * flame.alpha[..., None])[visible], light[visible], atol=1e-5)
        assert (flame.alpha >= light.max(axis=-1) - 2e-3).all()


def test_flame_over_black_is_its_light_and_never_darkens_a_black_background():
    flame = make("flame", kind="fire", opacity=(0, 0))
    red, green, blue = np.moveaxis(flame.color[flame.alpha > 0.05], -1, 0)
    assert (red >= green).all()
    assert (green >= blue).all()


def test_soap_film_that_is_very_thin_is_black_and_colours_follow_thickness():
    flat = np.ones((1, 1), np.float32)
    assert film_reflection(flat, np.full((1, 1), 5.0)).max() < 0.002
    # Quarter wave: 550 / (4 n) nm mirrors green best; twice that mirrors it worst.
    quarter = film_reflection(flat, np.full((1, 1), 545 / (4 * 1.33)))[0, 0]
    half = film_reflection(flat, np.full((1, 1), 545 / (2 * 1.33)))[0, 0]
    assert quarter.argmax() == 1
    assert half.argmin() == 1
    assert quarter[1] == pytest.approx(4 * 0.02006 / 1.02006**2, rel=0.02)


def test_bubbles_fresnel_reflection_rises_to_the_rim():
    size = 200
    bubble = make("bubble", (size, size), count=(1, 1), scale=(0.8, 0.8), swirl=(0.1, 0.1), brightness=(1, 1))
    rows, columns = np.nonzero(bubble.alpha > 0.01)
    middle = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    y, x = np.mgrid[:size, :size]
    radius = np.hypot(y - middle[0], x - middle[1]) / (0.4 * size)
    ring = [bubble.alpha[np.abs(radius - r) < 0.03].mean() for r in (0.3, 0.85, 0.95)]
    assert ring[0] < 0.25
    assert ring[0] < ring[1] < ring[2]


def test_glass_bends_the_background_only_when_asked_and_only_behind_itself():
    assert make("glass").refraction is None
    glass = make("glass", vessel="bottle", refraction=(1, 1), filled=1.0, turn=(0, 0))
    assert glass.valid
    assert glass.refraction.shape == (160, 160, 2)
    assert np.abs(glass.refraction[glass.alpha == 0]).max() < 1e-6
    # A cylinder of water mirrors left and right: right of the axis the background comes from further left.
    sideways = glass.refraction[100, :, 0]
    assert sideways[:80].max() > 1
    assert sideways[80:].min() < -1


def test_refraction_scales_with_the_image():
    small = make("glass", (96, 96), refraction=(1, 1)).refraction
    large = make("glass", (192, 192), refraction=(1, 1)).refraction
    reduced = large.reshape(96, 2, 96, 2, 2).mean(axis=(1, 3)) / 2
    assert np.abs(reduced - small).mean() < 0.05


def test_glass_is_dimmer_at_the_wall_than_in_the_middle():
    glass = make("glass", vessel="tumbler", filled=0.0, turn=(0, 0), tint=(1, 1), scale=(0.8, 0.8))
    row = glass.alpha[80]
    inside = np.flatnonzero(row > 0.02)
    left, right = inside[0], inside[-1]
    middle = row[(left + right) // 2 - 5 : (left + right) // 2 + 5].mean()
    assert row[left + 2 : left + 5].mean() > middle + 0.1
    assert row[right - 5 : right - 2].mean() > middle + 0.1
