"""Stirring and posing: what smoke, flame and veil rest on."""

import numpy as np
import pytest

from aimkit.generators import generators
from aimkit.generators.flow import eddies, fractal, splat
from aimkit.generators.pose import Pose
from aimkit.rng import rng


def test_fractal_noise_is_periodic_and_normalised():
    y, x = np.mgrid[0:1:128j, 0:1:128j].astype(np.float32)
    here, there = (fractal(x + k, y - k, rng(0, "noise"), 1.8) for k in (0, 3))
    np.testing.assert_allclose(here, there, atol=0.02)
    assert here.std() == pytest.approx(1, abs=0.1)


def test_eddies_have_no_sources():
    n = 256
    y, x = np.mgrid[0:n, 0:n].astype(np.float32) / n
    u, v = eddies(x, y, rng(0, "eddies"), 4)
    divergence = np.gradient(u, axis=1) + np.gradient(v, axis=0)
    rotation = np.gradient(v, axis=1) - np.gradient(u, axis=0)
    assert divergence.std() < 0.05 * rotation.std()


def test_splat_keeps_mass_and_centre():
    draws = np.random.default_rng(0)
    column, row, mass = draws.uniform(1, 30, 500), draws.uniform(1, 20, 500), draws.random(500)
    plane = splat(column, row, mass, (24, 36))
    assert plane.sum() == pytest.approx(mass.sum(), rel=1e-5)
    assert (plane.sum(axis=0) @ np.arange(36)) / mass.sum() == pytest.approx(
        (column * mass).sum() / mass.sum(), rel=1e-5
    )


def test_pose_maps_there_and_back():
    pose = Pose((90, 130), 0.7, 0.4, (0.1, -0.05))
    x, y = pose.grid()
    column, row = pose.pixels(x, y)
    rows, columns = np.mgrid[0:90, 0:130]
    np.testing.assert_allclose(column, columns, atol=1e-3)
    np.testing.assert_allclose(row, rows, atol=1e-3)
    np.testing.assert_allclose(pose.frame(x, y)[..., 0] * 90, columns + 0.5, atol=1e-3)


def test_twice_the_thickness_of_smoke_squares_what_it_lets_through():
    entry = generators.get("smoke")
    thin, thick = (
        entry.value(entry.info.params(shape="plume", thickness=(d, d)), (128, 128), rng(0, "smoke")).alpha
        for d in (1.0, 2.0)
    )
    some = (thin > 0.05) & (thin < 0.9)
    np.testing.assert_allclose((1 - thin[some]) ** 2, 1 - thick[some], atol=1e-3)


@pytest.mark.parametrize("name", ["smoke", "flame", "veil", "bubble", "film", "ice", "glass", "splash"])
def test_transparent_things_have_hardly_any_solid_pixels(name):
    entry = generators.get(name)
    for seed in range(2):
        alpha = entry.value(entry.info.params(), (128, 128), rng(seed, "solid", name)).alpha
        assert (alpha >= 0.985).sum() < 0.12 * (alpha > 0.015).sum()
