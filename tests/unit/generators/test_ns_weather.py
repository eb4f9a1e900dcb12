"""Rain falls the way it is told; fog thickens as it is told; flat chain link covers what its wires cover."""

import cv2
import numpy as np
import pytest

from aimkit.generators.foregrounds.fence import Fence, fence
from aimkit.generators.foregrounds.fog import Fog, fog
from aimkit.generators.foregrounds.rain import Rain, rain
from aimkit.generators.foregrounds.text import Text, text
from aimkit.matting.image_type import infer
from aimkit.rng import rng
from aimkit.types import ImageType


@pytest.mark.parametrize("angle", [-30, 0, 20])
def test_streaks_run_along_the_direction_of_fall(angle):
    params = Rain(angle=(angle, angle), gust=(0, 0), mist=(0, 0))
    alpha = rain(params, (400, 400), rng(0, "rain")).alpha
    # Differences of streaks as thin as a pixel lean to the diagonal; a little blur takes that away.
    down, right = np.gradient(cv2.GaussianBlur(alpha, (0, 0), 2.0))
    # The structure tensor's weak axis is the direction along which alpha changes least.
    turn = 0.5 * np.arctan2(2 * (down * right).mean(), (right**2).mean() - (down**2).mean())
    assert np.rad2deg(turn) == pytest.approx(-angle, abs=4)


def test_more_fog_hides_more():
    thin, thick = (fog(Fog(thickness=(t, t)), (60, 80), rng(1, "fog")).alpha for t in (0.3, 1.5))
    assert (thick >= thin - 1e-6).all()
    assert thick.mean() > thin.mean() + 0.2


def test_a_flat_panel_covers_what_its_wires_cover():
    params = Fence(chain=0, pitch=(0.1, 0.1), wire=(0.1, 0.1), oblong=(2, 2), angle=(0, 0), tilt=(0, 0), defocus=(0, 0))
    alpha = fence(params, (600, 600), rng(2, "fence")).alpha
    # A wire is as wide across the rows as across the columns, and the rows lie twice as far apart.
    assert alpha.mean() == pytest.approx(1 - (1 - 0.1) * (1 - 0.05), rel=0.05)


@pytest.mark.parametrize("seed", range(6))
def test_rows_of_text_reach_all_four_sides(seed):
    foreground = text(Text(), (240, 200), rng(seed, "text"))
    assert infer(foreground.alpha).type is ImageType.NS
