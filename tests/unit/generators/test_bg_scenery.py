"""What the backgrounds share: exposure, ramps, skylines, receding ground."""

import numpy as np
import pytest

from aimkit.generators.backgrounds.lookalike import Lookalike, lookalike
from aimkit.generators.noise import fbm, grid
from aimkit.generators.scenery import develop, ground, ramp, ridge
from aimkit.generators.shading import to_linear
from aimkit.rng import rng


def test_exposure_does_not_depend_on_the_scale_of_the_light():
    light = np.random.default_rng(0).uniform(0.1, 1, (40, 60, 3)).astype(np.float32)
    one, other = (develop(light * scale, rng(1, "camera")) for scale in (np.float32(1), np.float32(250)))
    assert np.allclose(one, other, atol=2e-3)


def test_brighter_key_gives_a_brighter_picture():
    light = np.random.default_rng(0).uniform(0.1, 1, (40, 60, 3)).astype(np.float32)
    dark, bright = (develop(light, rng(1, "camera"), key=(key, key)) for key in (0.05, 0.4))
    assert bright.mean() > dark.mean() + 0.2


def test_ramp_begins_and_ends_with_its_colours():
    colors = np.array([[0.9, 0.2, 0.1], [0.1, 0.5, 0.8]], np.float32)
    assert np.allclose(ramp(np.array([0, 1], np.float32), colors), to_linear(colors), atol=2e-3)


def test_a_skyline_is_the_same_at_every_resolution():
    coarse, fine = (ridge(((np.arange(n) + 0.5) / n).astype(np.float32), rng(2)) for n in (50, 150))
    assert np.allclose(fine[1::3], coarse, atol=1e-4)
    assert 0.4 < coarse.std() < 1.8


def test_ground_fades_to_its_mean_at_the_horizon_and_keeps_its_contrast_nearby():
    texture = fbm((256, 256), rng(3), 20, 4)
    seen = ground((200, 200), 0.4, texture, 0.3)
    assert np.abs(seen[:81] - texture.mean()).max() < 0.02
    assert seen[150:].std() > 0.5 * texture.std()


@pytest.mark.parametrize("kind", ["fur", "net", "smoke"])
def test_lookalikes_can_be_asked_for_by_kind(kind):
    one = lookalike(Lookalike(kind=kind), (64, 64), rng(4, "one"))
    assert one.std() > 0.005
    assert grid((64, 64))[0].shape == one.shape[:2]
