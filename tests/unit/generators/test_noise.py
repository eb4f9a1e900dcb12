import numpy as np
import pytest

from aimkit.generators import coverage, noise
from aimkit.rng import rng


@pytest.mark.parametrize("scale", [2, 9, 80])
def test_noise_at_twice_the_size_reduces_to_the_same_noise(scale):
    small = noise.value_noise((97, 130), rng(1), scale)
    large = noise.value_noise((194, 260), rng(1), scale)
    assert np.abs(coverage.reduce(large, 2) - small).max() < 5e-3


def test_fbm_is_nearly_uniform():
    values = np.concatenate([noise.fbm((128, 128), rng(i), 6).ravel() for i in range(20)])
    assert values.min() >= 0
    assert values.max() <= 1
    for level in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert abs((values < level).mean() - level) < 0.05


def test_stretched_noise_varies_less_along_the_stretch():
    field = noise.value_noise((128, 128), rng(0), 20, stretch=(8, 1))
    dx, dy = noise.gradient(field)
    assert dy.std() > 4 * dx.std()


def test_gradient_of_a_plane_is_its_slope_at_any_size():
    for size in ((50, 70), (100, 140)):
        x, y = noise.grid(size)
        dx, dy = noise.gradient(2 * x - 3 * y)
        np.testing.assert_allclose(dx[:, 1:-1], 2, atol=1e-3)
        np.testing.assert_allclose(dy[1:-1], -3, atol=1e-3)


def test_curl_has_no_divergence():
    u, v = noise.curl((128, 128), rng(2))
    divergence = noise.gradient(u)[0] + noise.gradient(v)[1]
    rotation = noise.gradient(v)[0] - noise.gradient(u)[1]
    inner = (slice(4, -4), slice(4, -4))
    assert np.abs(divergence[inner]).mean() < 1e-3 * np.abs(rotation[inner]).mean()


def test_advection_by_a_constant_wind_is_a_shift():
    image = noise.fbm((64, 64), rng(4))
    wind, calm = np.full_like(image, 0.25), np.zeros_like(image)
    moved = noise.advect(image, wind, calm, time=0.5)
    np.testing.assert_allclose(moved[:, 8:], image[:, :-8], atol=1e-5)


def test_sample_is_exact_on_a_plane_and_clamps_outside():
    x, y = noise.grid((40, 60))
    field = x + 10 * y
    got = noise.sample(field, np.array([0.5, 1.2, 9.0]), np.array([0.25, 0.8, 9.0]))
    np.testing.assert_allclose(got, [3.0, 9.2, field[-1, -1]], atol=1e-4)
