import numpy as np
import pytest

from aimkit.generators import noise, shading
from aimkit.rng import rng


def test_oklab_round_trip():
    rgb = rng(0).random((200, 3), dtype=np.float32)
    np.testing.assert_allclose(shading.from_oklab(shading.to_oklab(rgb)), rgb, atol=1e-4)


def test_oklab_of_known_colours():
    # Published values of sRGB white and red.
    lab = shading.to_oklab(np.array([[1, 1, 1], [1, 0, 0]]))
    np.testing.assert_allclose(lab, [[1, 0, 0], [0.62796, 0.22486, 0.12585]], atol=1e-3)


def test_palette_is_within_its_ranges_and_sorted():
    colors = shading.palette(rng(1), 8, lightness=(0.3, 0.7), chroma=(0.0, 0.05))
    light = shading.to_oklab(colors)[:, 0]
    assert (np.diff(light) >= -1e-4).all()
    assert light.min() > 0.29
    assert light.max() < 0.71


def test_normals_of_a_slope_face_away_from_the_rise():
    x, _ = noise.grid((32, 32))
    normal = shading.normals(x)
    np.testing.assert_allclose(normal[16, 16], np.array([-1, 0, 1]) / np.sqrt(2), atol=1e-3)


def test_diffuse_is_full_towards_the_light_and_ambient_away_from_it():
    light = np.array([0, 0, 1], np.float32)
    assert shading.diffuse(light, light) == pytest.approx(1)
    assert shading.diffuse(-light, light, ambient=0.3) == pytest.approx(0.3)


def test_light_is_a_unit_vector_from_above():
    for seed in range(20):
        direction = shading.light(rng(seed))
        assert np.linalg.norm(direction) == pytest.approx(1, abs=1e-5)
        assert direction[1] < 0 < direction[2]
