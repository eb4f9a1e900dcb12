from __future__ import annotations

import numpy as np
import pytest

from aimkit.synth.geometry import affine
from aimkit.synth.layer import Layer
from aimkit.synth.placement import Placement
from aimkit.synth.pyramid import ImagePyramid
from aimkit.synth.view import View


def test_refraction_turns_and_scales_with_its_foreground() -> None:
    field = np.full((100, 80, 2), (4.0, 0.0), np.float32)
    matrix = affine((40, 50), scale=0.8, degrees=90, to=(80, 60))
    pixels = ImagePyramid(np.zeros((100, 80, 3), np.float32), np.ones((100, 80), np.float32))
    bent = Layer(pixels, refraction=field, placement=Placement(matrix, "auto", {}))
    for scale in (1.0, 0.5):
        view = View((120, 160), (round(120 * scale), round(160 * scale)), scale=scale)
        middle = bent.refraction_field(view)[view.size[0] // 2, view.size[1] // 2]
        assert np.allclose(middle, (0, -4 * 0.8 * scale), atol=1e-2)
        assert bent.largest_refraction(view) == pytest.approx(3.2 * scale, abs=1e-3)


def test_a_layer_that_lies_nowhere_refracts_nothing() -> None:
    pixels = ImagePyramid(np.zeros((10, 8, 3), np.float32), np.zeros((10, 8), np.float32))
    empty = Layer(pixels, refraction=np.ones((10, 8, 2), np.float32), placement=Placement(None, "auto", {}))
    assert not empty.visible
    assert not empty.refraction_field(View.whole((12, 16))).any()
    assert empty.largest_refraction(View.whole((12, 16))) == 0
