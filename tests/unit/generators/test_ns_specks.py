"""Specks hold their area at every size and speed."""

import numpy as np
import pytest

from aimkit.generators.specks import specks

WHITE = np.ones(3, np.float32)


@pytest.mark.parametrize("radius", [0.002, 0.01, 0.05])
@pytest.mark.parametrize("way", [(0.0, 0.0), (0.1, 0.2)])
def test_area_is_that_of_the_disc_whatever_the_resolution(radius, way):
    for side in (64, 200):
        drawn = specks((side, side), np.array([[0.5, 0.48]]), np.array([radius]), WHITE, motion=np.array([way]))
        assert drawn[..., 3].sum() / side**2 == pytest.approx(np.pi * radius**2, rel=0.02)
        assert drawn[..., 3].max() <= 1


def test_later_specks_lie_over_earlier_ones():
    colors = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
    drawn = specks((50, 50), np.full((2, 2), 0.5), np.full(2, 0.2), colors)
    assert np.allclose(drawn[25, 25], [0, 0, 1, 1], atol=1e-5)


def test_added_specks_add_their_light():
    drawn = specks((50, 50), np.full((2, 2), 0.5), np.full(2, 0.2), WHITE, 2.0, add=True)
    assert drawn[25, 25, 0] == pytest.approx(4, abs=1e-3)
