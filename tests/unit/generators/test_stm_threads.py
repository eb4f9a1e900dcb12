"""Nets, lace, drops and moving parts: coverage against closed forms."""

import numpy as np
import pytest

from aimkit.generators import generators
from aimkit.generators.coverage import strokes
from aimkit.generators.foregrounds.lace import ornament
from aimkit.generators.foregrounds.net import threads
from aimkit.generators.foregrounds.splash import drop_cover
from aimkit.generators.foregrounds.thin_motion import swept
from aimkit.generators.pose import Pose
from aimkit.rng import rng


def covered(mesh, cells, width, size=400, scale=0.7):
    """Mean coverage of the inner part of a flat net."""
    pose = Pose((size, size), scale)
    points = threads(mesh, cells, 1.0)
    planes = strokes((size, size), pose.frame(points[..., 0], points[..., 1]), np.array(width * scale), np.ones(3))
    # The inner half of the net, a whole number of meshes.
    reach = round(size * scale / 4)
    return planes[size // 2 - reach : size // 2 + reach, size // 2 - reach : size // 2 + reach, 3].mean()


@pytest.mark.parametrize(("cells", "width"), [(8, 0.01), (16, 0.004), (16, 0.0008)])
def test_square_nets_coverage_is_its_thread_area(cells, width):
    share = width * cells
    assert covered("square", cells, width) == pytest.approx(1 - (1 - share) ** 2, rel=0.01)


def test_diamond_nets_coverage_is_its_thread_area():
    # Each family has threads sqrt(2) closer together than the meshes' diagonal.
    share = 0.006 * 16 * np.sqrt(2)
    assert covered("diamond", 16, 0.006) == pytest.approx(1 - (1 - share) ** 2, rel=0.01)


@pytest.mark.parametrize("mesh", ["square", "diamond", "hexagon"])
def test_flat_nets_stay_inside_their_sheet(mesh):
    points = threads(mesh, 9, 0.8)
    assert np.abs(points[..., 0]).max() <= 0.5 + 1e-6
    assert np.abs(points[..., 1]).max() <= 0.4 * 1.05


def test_diamond_threads_pass_every_place_once():
    points = threads("diamond", 4, 1.0)
    middles = 0.5 * (points[:, :-1] + points[:, 1:])
    steps = np.abs(np.diff(points, axis=1)).sum(axis=-1) > 0
    places = middles[steps].round(4)
    assert len(np.unique(places, axis=0)) == len(places)


def test_lace_repeats_around():
    points = ornament(4, 12, rng(0, "lace"))
    turned = points + np.array([1 / 12, 0], np.float32)
    # Every thread, moved on by one repeat, is another one, but for those that leave at the end.
    found = {tuple(line.round(3).ravel()) for line in points}
    again = [tuple(line.round(3).ravel()) in found for line in turned]
    assert np.mean(again) > 0.8


@pytest.mark.parametrize("radius", [0.2, 0.7, 1.2, 3.0, 20.0])
@pytest.mark.parametrize("stretch", [1.0, 1.4])
def test_a_drops_coverage_is_its_area(radius, stretch):
    a, b = radius * stretch, radius / stretch
    for x, y, turn in ((0.0, 0.0, 0.0), (0.3, 0.45, 1.0), (0.5, 0.1, 2.5)):
        rows, columns = np.mgrid[-40:41, -40:41]
        cover, _ = drop_cover(columns - x, rows - y, a, b, turn)
        assert cover.sum() == pytest.approx(np.pi * a * b, rel=0.02)


def test_a_blade_in_motion_covers_its_share_of_the_time():
    radii, angles = 64, 1440
    table = np.zeros((radii, angles, 4), np.float32)
    blade = 24  # cells: 6 degrees
    table[:, :blade] = 1
    radius, angle = np.full((1, 5), 0.8, np.float32), np.deg2rad([-30, 3, 10, 18, 40]).astype(np.float32)[None]
    mean = swept(table, radius, angle, np.deg2rad(20), 1e-4)[0, :, 3]
    # A blade of 0..6 degrees seen through a window of 20 degrees about each angle.
    np.testing.assert_allclose(mean, [0, 6 / 20, 6 / 20, 0, 0], atol=2e-3)
    assert swept(table, radius, np.deg2rad([[12.0] * 5]), np.deg2rad(20), 1e-4)[0, 0, 3] == pytest.approx(
        4 / 20, abs=2e-3
    )


def test_motion_blur_keeps_the_amount_of_a_moving_part():
    entry = generators.get("thin_motion")
    totals = []
    for sweep in (0.05, 0.8):
        params = entry.info.params(kind="wheel", parts=(12, 12), sweep=(sweep, sweep), tilt=(1, 1))
        totals.append(entry.value(params, (160, 160), rng(0, "motion")).alpha.sum())
    assert totals[0] == pytest.approx(totals[1], rel=0.02)
