from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimkit.errors import AimkitError
from aimkit.matting.composite import blend, composite, linear_to_srgb, over, srgb_to_linear


def planes(seed: int, size: tuple[int, int] = (13, 17)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    color, other = draw.random((2, *size, 3), np.float32)
    return color, draw.random(size, np.float32), other


def test_composite_equals_the_reference_within_one_level(shared: Path) -> None:
    case = shared / "golden/composite"
    fg, bg, expected = (cv2.imread(str(case / f"case0_{name}.png"))[..., ::-1] for name in ("fg", "bg", "composite"))
    alpha = cv2.imread(str(case / "case0_alpha.png"), cv2.IMREAD_GRAYSCALE)
    assert np.abs(composite(fg, alpha, bg).astype(int) - expected).max() <= 1


def test_alpha_1_shows_the_foreground_and_alpha_0_the_background() -> None:
    for scale, kind in ((255, np.uint8), (1, np.float32)):
        fg, _, bg = ((plane * scale).astype(kind) for plane in planes(0))
        assert np.array_equal(composite(fg, np.full(fg.shape[:2], scale, kind), bg), fg)
        assert np.array_equal(composite(fg, np.zeros(fg.shape[:2], kind), bg), bg)


def test_uint8_is_rounded_to_the_nearest_level() -> None:
    fg, alpha, bg = ((plane * 255).astype(np.uint8) for plane in planes(1))
    weight = alpha[..., None].astype(np.float64) / 255
    exact = weight * fg + (1 - weight) * bg
    assert np.abs(composite(fg, alpha, bg) - exact).max() <= 0.5 + 1e-4


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_over_is_associative(seed: int) -> None:
    draw = np.random.default_rng(seed)
    a, b, c = ((draw.random((5, 4, 3), np.float32), draw.random((5, 4), np.float32)) for _ in range(3))
    left, right = over(over(a, b), c), over(a, over(b, c))
    assert np.allclose(left[1], right[1], atol=1e-5)
    assert np.allclose(left[0] * left[1][..., None], right[0] * right[1][..., None], atol=1e-5)


def test_blending_a_union_equals_blending_its_layers_one_after_the_other() -> None:
    front, back, bg = planes(2), planes(3), planes(4)[0]
    color, alpha = over(front[:2], back[:2])
    assert np.allclose(blend(color, alpha, bg), blend(*front[:2], blend(*back[:2], bg)), atol=1e-5)


def test_over_keeps_the_front_colour_where_both_are_empty() -> None:
    color, other = planes(5)[0], planes(6)[0]
    empty = np.zeros(color.shape[:2], np.float32)
    assert np.array_equal(over((color, empty), (other, empty))[0], color)


def test_srgb_round_trip_and_known_values() -> None:
    levels = np.linspace(0, 1, 256, dtype=np.float32)
    assert np.abs(linear_to_srgb(srgb_to_linear(levels)) - levels).max() < 1e-5
    assert srgb_to_linear(np.float32([0.5]))[0] == pytest.approx(0.21404, abs=1e-5)


def test_linear_light_makes_a_half_mix_of_black_and_white_brighter() -> None:
    white, black, half = (
        np.ones((1, 1, 3), np.float32),
        np.zeros((1, 1, 3), np.float32),
        np.full((1, 1), 0.5, np.float32),
    )
    assert blend(white, half, black)[0, 0, 0] == 0.5
    assert blend(white, half, black, linear=True)[0, 0, 0] == pytest.approx(0.7354, abs=1e-4)


def test_bad_input_is_told() -> None:
    fg, alpha, bg = planes(7)
    with pytest.raises(AimkitError, match="17x13"):
        composite(fg, alpha[:5], bg)
    with pytest.raises(AimkitError, match="mixed dtypes"):
        composite((fg * 255).astype(np.uint8), alpha, bg)
    with pytest.raises(AimkitError, match="background must be RGB"):
        composite(fg, alpha, bg[..., 0])
    with pytest.raises(AimkitError, match="int64"):
        composite(fg.astype(np.int64), alpha, bg)
