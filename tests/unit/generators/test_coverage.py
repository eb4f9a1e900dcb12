import numpy as np
import pytest

from aimkit.generators import coverage
from aimkit.rng import rng
from aimkit.types import ImageType

SIZE = (120, 90)


def supersampled(points, size, factor=16):
    """Oracle: the share of 16 x 16 points of each pixel that lie inside, by crossing number."""
    unit = min(size)
    y, x = (np.indices((size[0] * factor, size[1] * factor)) + 0.5) / (factor * unit)
    inside = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside.reshape(size[0], factor, size[1], factor).mean(axis=(1, 3))


@pytest.mark.parametrize("seed", range(4))
def test_polygon_is_the_covered_share_of_every_pixel(seed):
    random = rng(seed, "polygon")
    angle = np.sort(random.uniform(0, 2 * np.pi, 11))
    radius = random.uniform(0.1, 0.8, 11)  # concave, and partly outside the frame
    points = np.stack([0.5 + radius * np.cos(angle), 0.6 + radius * np.sin(angle)], axis=1)
    got = coverage.polygon(SIZE, points)
    want = supersampled(points, SIZE)
    assert np.abs(got - want).mean() < 2e-3
    assert np.abs(got - want).max() < 0.13


def test_polygon_at_twice_the_size_reduces_to_the_same_coverage():
    points = np.array([[0.1, 0.2], [0.9, 0.37], [0.45, 1.1]])
    large = coverage.polygon((SIZE[0] * 2, SIZE[1] * 2), points)
    assert np.abs(coverage.reduce(large, 2) - coverage.polygon(SIZE, points)).max() < 0.1


def test_ellipse_has_its_area():
    mask = coverage.ellipse((200, 200), (0.5, 0.5), (0.3, 0.2), 0.4)
    assert mask.sum() / 200**2 == pytest.approx(np.pi * 0.06, rel=1e-3)


def test_a_stroke_covers_its_width_at_any_angle():
    for angle in np.linspace(0, np.pi, 13):
        direction = np.array([np.cos(angle), np.sin(angle)])
        points = np.linspace(-0.3, 0.3, 9)[:, None] * direction + 0.5
        for width in (0.1 / 100, 3.3 / 100):  # a tenth of a pixel, and 3.3 pixels
            drawn = coverage.strokes((100, 100), points[None], width, [1.0, 0.5, 0.0])
            assert drawn[..., 3].sum() == pytest.approx(0.6 * width * 100**2, rel=0.06)


def test_strokes_composite_in_their_order():
    first = [[0.2, 0.503], [0.8, 0.503]]
    second = [[0.503, 0.2], [0.503, 0.8]]
    colors = np.array([[[1, 0, 0]], [[0, 1, 0]]], np.float32)
    opacity = np.array([[1.0], [0.25]])
    drawn = coverage.strokes((100, 100), np.array([first, second]), 0.1, colors, opacity)
    np.testing.assert_allclose(drawn[50, 50], [0.75, 0.25, 0, 1], atol=1e-3)
    np.testing.assert_allclose(drawn[30, 50], [0, 0.25, 0, 0.25], atol=1e-3)
    swapped = coverage.strokes((100, 100), np.array([second, first]), 0.1, colors[::-1], opacity[::-1])
    np.testing.assert_allclose(swapped[50, 50], [1, 0, 0, 1], atol=1e-3)


def test_strokes_drawn_in_batches_are_the_same(monkeypatch):
    random = rng(5)
    points = random.random((60, 1, 2)) + np.cumsum(random.normal(0, 0.03, (60, 6, 2)), axis=1)
    arguments = (SIZE, points, np.linspace(0.02, 0, 6), random.random((60, 1, 3)), 0.7)
    whole = coverage.strokes(*arguments)
    monkeypatch.setattr(coverage, "_BATCH", 200)
    np.testing.assert_allclose(coverage.strokes(*arguments), whole, atol=1e-5)


def test_strokes_over_a_base_keep_it_where_they_are_not():
    base = coverage.layer(np.array([0.2, 0.4, 0.6]), np.full(SIZE, 0.5, np.float32))
    drawn = coverage.strokes(SIZE, np.array([[[0.1, 0.1], [0.3, 0.1]]]), 0.02, [1, 1, 1], base=base)
    np.testing.assert_array_equal(drawn[40:], base[40:])
    none = coverage.strokes(SIZE, np.zeros((0, 2, 2)), 0.1, [1, 1, 1], base=base)
    np.testing.assert_array_equal(none, base)


def test_edge_is_half_on_the_border_and_spans_one_pixel():
    distance = np.array([[-0.02, -0.005, 0.0, 0.005, 0.02]])
    np.testing.assert_allclose(coverage.edge(distance, (100, 100)), [[1, 1, 0.5, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(coverage.edge(distance, (100, 100), softness=0.03), [[1, 0.625, 0.5, 0.375, 0]])


def test_foreground_is_straight_and_bled():
    alpha = np.zeros((33, 47), np.float32)
    alpha[10:20, 10:20] = 0.25
    made = coverage.foreground(coverage.layer(np.array([0.8, 0.2, 0.4]), alpha), ImageType.SO, "toy")
    np.testing.assert_allclose(made.color, np.broadcast_to([0.8, 0.2, 0.4], made.color.shape), atol=1e-3)
    np.testing.assert_array_equal(made.alpha, alpha)


def test_bleed_of_nothing_is_finite():
    color = coverage.bleed(np.zeros((5, 7, 3), np.float32), np.zeros((5, 7), np.float32))
    assert np.isfinite(color).all()
