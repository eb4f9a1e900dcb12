from __future__ import annotations

import cv2
import numpy as np
import pytest

from aimkit.recipe import parse
from aimkit.synth.geometry import affine, render
from aimkit.synth.layer import Layer
from aimkit.synth.lens import Lens, draw_lens, out_of_focus
from aimkit.synth.placement import Placement
from aimkit.synth.provenance import Provenance
from aimkit.synth.pyramid import ImagePyramid
from aimkit.synth.recipe import SynthRecipe
from aimkit.synth.steps.lens import disc
from aimkit.synth.view import View
from aimkit.types import to_float

CANVAS = (200, 240)


def shown(layer: Layer) -> tuple[np.ndarray, np.ndarray | None]:
    pixels, matrix, kernel = out_of_focus(layer, CANVAS)
    color, alpha = render(pixels, matrix, View.whole(CANVAS), kernel)
    return to_float(color), None if alpha is None else to_float(alpha)


def at(pixels: ImagePyramid, scale: float, blur: float) -> Layer:
    height, width = pixels.size
    matrix = affine((width / 2, height / 2), scale=scale, to=(CANVAS[1] / 2, CANVAS[0] / 2))
    return Layer(pixels, placement=Placement(matrix, "auto", {}), blur=blur)


def test_blur_is_that_of_a_thin_lens() -> None:
    lens = Lens(radius=10, focus=1, background=4)
    assert lens.blur(1) == 0
    assert lens.blur(2) == pytest.approx(5)
    assert lens.blur(lens.background) == pytest.approx(7.5)
    assert lens.blur(float("inf")) == pytest.approx(10)
    behind = Lens(radius=10, focus=4, background=4)
    assert (behind.blur(4), behind.blur(1)) == (0, pytest.approx(7.5))


@pytest.mark.parametrize("blur", [0.8, 3.0, 9.0])
@pytest.mark.parametrize("scale", [0.3, 1.0, 2.5])
def test_a_picture_is_blurred_as_what_the_canvas_shows_of_it_would_be(scale: float, blur: float) -> None:
    draw = np.random.default_rng(0)
    color = cv2.GaussianBlur(draw.integers(0, 255, (160, 180, 3), np.uint8), (0, 0), 1.5 / scale)
    alpha = np.zeros((160, 180), np.uint8)
    cv2.circle(alpha, (90, 80), 50, 255, -1, cv2.LINE_AA)
    pixels = ImagePyramid(color, alpha)
    _, sharp = shown(at(pixels, scale, 0))
    _, soft = shown(at(pixels, scale, blur))
    expected = cv2.filter2D(sharp, -1, disc(blur), borderType=cv2.BORDER_REPLICATE)
    # At the very border, the canvas does not know what lies behind it.
    inner = np.s_[10:-10, 10:-10]
    soft, expected = soft[inner], expected[inner]
    assert np.abs(soft - expected).mean() < 0.004
    assert np.abs(soft - expected).max() < 0.12
    assert soft.sum() == pytest.approx(expected.sum(), rel=0.01)


def test_what_the_border_of_a_photo_cuts_off_stays_opaque_there() -> None:
    alpha = np.zeros((100, 100), np.uint8)
    alpha[40:, 20:80] = 255
    pixels = ImagePyramid(np.full((100, 100, 3), 90, np.uint8), alpha)
    matrix = affine((50, 100), to=(120, 201))
    layer = Layer(pixels, placement=Placement(matrix, "auto", {}), blur=6.0)
    color, soft = shown(layer)
    assert soft[-1, 120] == pytest.approx(1)
    assert 0.3 < soft[141, 120] < 0.7, "its own edge is blurred"
    assert np.abs(color[soft > 0.1] * 255 - 90).max() < 1, "no colour of what is not there"


def test_backgrounds_are_blurred_too_and_sharp_ones_are_left_alone() -> None:
    color = np.zeros((200, 240, 3), np.uint8)
    color[100:] = 255
    sharp = at(ImagePyramid(color), 1.0, 0.0)
    assert out_of_focus(sharp, CANVAS)[0] is sharp.pixels
    image, alpha = shown(at(ImagePyramid(color), 1.0, 5.0))
    assert alpha is None
    column = image[:, 120, 0]
    assert np.all(np.diff(column) >= -1e-6)
    assert ((column > 0.02) & (column < 0.98)).sum() == pytest.approx(10, abs=3)


def test_a_lens_is_drawn_for_its_share_of_the_samples() -> None:
    table = {
        "kind": "synth",
        "foregrounds": [{"source": "procedural", "generators": ["toy"]}],
        "backgrounds": [{"source": "procedural", "generators": ["material"]}],
        "placement": {"mode": "canvas"},
        "focus": {"p": 0.5, "radius": [2, 20], "background": 5, "missed": 0.3, "missed_distance": [3, 4]},
    }
    recipe = parse(SynthRecipe, table, "test")
    provenance = Provenance()
    drawn = [draw_lens(recipe, index, (500, 700), provenance) for index in range(400)]
    blurred = [lens for lens in drawn if lens.radius]
    assert len(blurred) == len(provenance.operations) == pytest.approx(200, abs=40)
    assert all(1 <= lens.radius <= 10 and lens.background == 5 for lens in blurred)
    # Evenly on a logarithmic scale: half of them below the geometric mean.
    assert np.mean([lens.radius < np.sqrt(10) for lens in blurred]) == pytest.approx(0.5, abs=0.12)
    missed = [lens for lens in blurred if lens.focus != 1]
    assert len(missed) == pytest.approx(60, abs=25)
    assert all(3 <= lens.focus <= 4 and lens.blur(1) > lens.blur(5) for lens in missed)
