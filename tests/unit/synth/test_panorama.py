"""Views out of painted panoramas, against closed forms."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from aimkit.synth.panorama import CameraPose, develop_light, directions, in_panorama, photograph

SIZE = (181, 241)


def focal(fov: float) -> float:
    return max(SIZE) / 2 / np.tan(np.deg2rad(fov) / 2)


def spot(longitude: float, latitude: float, height: int = 512) -> np.ndarray:
    """A panorama that is bright in one direction (degrees; right and up), with a Gaussian profile."""
    y, x = np.mgrid[:height, : 2 * height] + 0.5
    at_x, at_y = (longitude / 360 + 0.5) * 2 * height, (0.5 - latitude / 180) * height
    aside = (x - at_x + height) % (2 * height) - height
    value = np.exp(-(aside**2 + (y - at_y) ** 2) / 18)
    return np.repeat(value[..., None], 3, axis=2).astype(np.float32)


def centre(image: np.ndarray) -> tuple[float, float]:
    """Centre of mass in pixels whose corners are at integers."""
    weight = image[..., 0]
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]] + 0.5
    return float((weight * x).sum() / weight.sum()), float((weight * y).sum() / weight.sum())


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (90, 0), (-137, 25), (180, -40), (60, 65)])
def test_what_the_camera_points_at_is_in_the_middle(yaw: float, pitch: float) -> None:
    seen = photograph(spot(yaw, pitch), CameraPose(70, yaw, pitch, roll=17), SIZE)
    assert centre(seen) == (pytest.approx(SIZE[1] / 2, abs=0.3), pytest.approx(SIZE[0] / 2, abs=0.3))


@pytest.mark.parametrize("fov", [40, 90])
def test_a_known_direction_falls_on_a_known_pixel(fov: float) -> None:
    for aside, up in ((15, 0), (-12, 0), (0, 10), (14, -9)):
        x, y = centre(photograph(spot(30 + aside, up), CameraPose(fov, yaw=30), SIZE))
        a, b = np.deg2rad(aside), np.deg2rad(up)
        assert x == pytest.approx(SIZE[1] / 2 + focal(fov) * np.tan(a), abs=0.6)
        assert y == pytest.approx(SIZE[0] / 2 - focal(fov) * np.tan(b) / np.cos(a), abs=0.6)


def test_grid_lines_come_out_straight() -> None:
    """Meridians are upright lines in a level view, the horizon a level one, at f tan(pitch) below the middle."""
    panorama = np.zeros((720, 1440, 3), np.float32)
    panorama[:, 800:802] = 1
    panorama[359:361] = 0.5
    level = photograph(panorama, CameraPose(80), SIZE)[..., 0]
    bright = np.flatnonzero(level[30] > 0.3)
    expected = SIZE[1] / 2 + focal(80) * np.tan(np.deg2rad((801 / 1440 - 0.5) * 360))
    assert bright.mean() + 0.5 == pytest.approx(expected, abs=0.7)
    for row in (5, 60, 150):
        assert np.flatnonzero(level[row] > 0.3).mean() == pytest.approx(bright.mean(), abs=0.6)
    tilted = photograph(panorama, CameraPose(80, pitch=20), SIZE)[..., 0]
    for column in (10, 200):
        rows = np.flatnonzero(tilted[:, column] > 0.2)
        assert rows.mean() + 0.5 == pytest.approx(SIZE[0] / 2 + focal(80) * np.tan(np.deg2rad(20)), abs=1.0)


def test_roll_turns_the_view() -> None:
    upright = photograph(spot(20, 0), CameraPose(80), (201, 201))
    turned = photograph(spot(20, 0), CameraPose(80, roll=90), (201, 201))
    x, y = centre(upright)
    # The camera turns clockwise, so the picture turns counter-clockwise.
    assert centre(turned) == (pytest.approx(201 / 2, abs=0.3), pytest.approx(201 - x, abs=0.3))
    assert y == pytest.approx(201 / 2, abs=0.3)


def test_the_ends_of_a_panorama_meet() -> None:
    _, x = np.mgrid[:256, :512]
    smooth = np.repeat((0.5 + 0.5 * np.cos((x + 0.5) / 512 * 2 * np.pi))[..., None], 3, axis=2).astype(np.float32)
    seen = photograph(smooth, CameraPose(60, yaw=180), SIZE)[..., 0]
    longitude = np.arctan2(np.arange(SIZE[1]) + 0.5 - SIZE[1] / 2, focal(60)) + np.pi
    np.testing.assert_allclose(seen[SIZE[0] // 2], 0.5 + 0.5 * np.cos(longitude + np.pi), atol=2e-3)


def test_directions_and_panorama_agree_at_the_axes() -> None:
    rays = np.array([[0, 0, 1], [1, 0, 0], [-1, 0, 0], [0, -1, 0], [0, 1, 0]], float)
    x, y = in_panorama(rays, (100, 200))
    np.testing.assert_allclose(x[:3], [100, 150, 50])
    np.testing.assert_allclose(y, [50, 50, 50, 0, 100])
    assert directions((3, 5), CameraPose(90))[1, 2] == pytest.approx([0, 0, 1])


def test_a_fine_panorama_is_averaged_not_sampled() -> None:
    draw = np.random.default_rng(0).random((1024, 2048, 3)).astype(np.float32)
    seen = photograph(draw, CameraPose(100), (64, 64))
    assert seen.mean() == pytest.approx(0.5, abs=0.01)
    assert seen.std() < 0.1, "single pixels would have 0.29"


def test_light_is_developed_for_its_average_and_in_order() -> None:
    ramp = np.repeat(np.linspace(0, 50, 500, dtype=np.float32)[None, :, None], 3, axis=2)
    shown = develop_light(ramp)
    assert shown.min() == 0
    assert shown.max() <= 1
    assert np.all(np.diff(shown[0, :, 0]) >= 0)
    grey = np.full((4, 4, 3), 7.0, np.float32)
    middle = float(develop_light(grey).mean())
    assert 0.4 < middle < 0.6, "whatever its unit, an even picture is a mid grey"
    assert float(develop_light(grey * 1000).mean()) == pytest.approx(middle, abs=1e-4)
    assert float(develop_light(grey, stops=1).mean()) > middle > float(develop_light(grey, stops=-1).mean())


def test_colours_of_levels_are_kept() -> None:
    panorama = np.zeros((64, 128, 3), np.uint8)
    panorama[:] = (10, 120, 250)
    seen = photograph(cv2.GaussianBlur(panorama, (3, 3), 0), CameraPose(60, yaw=170), (32, 32))
    assert np.abs(seen - (10, 120, 250)).max() < 1e-3
