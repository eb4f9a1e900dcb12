"""Brush strokes on mattes, beside the distance to their course."""

from __future__ import annotations

from math import erf, sqrt

import numpy as np
import pytest

from aimkit.matting.touch_up import BrushStroke, touch_up


def area(size: tuple[int, int], points: list[tuple[float, float]], radius: float, fine: int = 6) -> np.ndarray:
    """Share of every pixel that lies near a course of points: discs at many places of it, counted in fine pixels."""
    y, x = (np.mgrid[: size[0] * fine, : size[1] * fine] + 0.5) / fine
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(points, points[1:] or points, strict=False):
        for t in np.linspace(0, 1, 100):
            inside |= (x - ax - t * (bx - ax)) ** 2 + (y - ay - t * (by - ay)) ** 2 < radius**2
    return inside.reshape(size[0], fine, size[1], fine).mean((1, 3))


COURSES = [
    [(20.0, 15.0)],
    [(10.0, 10.0), (45.0, 30.0)],
    [(5.0, 25.0), (30.0, 10.0), (55.0, 35.0)],
    [(0.0, 0.0), (70.0, 3.0)],
]


@pytest.mark.parametrize("course", COURSES)
def test_a_hard_stroke_covers_what_is_near_its_course(course: list[tuple[float, float]]) -> None:
    stroke = BrushStroke(tuple((x / 60, y / 60) for x, y in course), 5 / 60)
    assert np.abs(stroke.coverage((40, 60)) - area((40, 60), course, 5)).max() < 0.13


def test_a_soft_stroke_is_the_hard_one_blurred() -> None:
    x = np.arange(200) + 0.5 - 100
    stroke = BrushStroke(((0.5, -1.0), (0.5, 2.0)), 30 / 200, 6 / 200)
    row = stroke.coverage((101, 200))[50]
    wanted = [0.5 * (erf((v + 30) / (6 * sqrt(2))) - erf((v - 30) / (6 * sqrt(2)))) for v in x]
    assert np.abs(row - wanted).max() < 0.01


def test_strokes_add_and_take_away_in_order() -> None:
    alpha = np.full((50, 50), 0.5, np.float32)
    spot = ((0.5, 0.5),)
    added = touch_up(alpha, [BrushStroke(spot, 0.2, value=1)])
    assert added[25, 25] == 1
    assert added[0, 0] == 0.5
    assert touch_up(alpha, [BrushStroke(spot, 0.2, value=1), BrushStroke(spot, 0.2, value=0)])[25, 25] == 0
    assert alpha[25, 25] == 0.5


def test_a_stroke_fits_every_size() -> None:
    stroke = BrushStroke(((0.2, 0.3), (0.7, 0.4)), 0.1, 0.02)
    small, large = stroke.coverage((60, 100)), stroke.coverage((240, 400))
    assert np.abs(large.reshape(60, 4, 100, 4).mean((1, 3)) - small).max() < 0.05


def test_no_strokes_change_nothing() -> None:
    alpha = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    assert np.array_equal(touch_up(alpha, [BrushStroke((), 0.1)]), alpha)
