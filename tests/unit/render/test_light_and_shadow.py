"""Shadows and photo light of Blender against closed forms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from blender_test import SHARE, SIDE, TOP, box, disc, rendered

from aimkit.datasets.shadows import find_shadows
from aimkit.imageio import decode, write_png

pytestmark = pytest.mark.slow


def grey_sky(folder: Path) -> dict[str, object]:
    """A photo of one colour: light that is the same from all sides."""
    write_png(folder / "sky/grey.png", np.full((20, 30, 3), 128, np.uint8))
    return {"path": str(folder / "sky"), "strength": 1}


def test_a_disc_above_the_ground_takes_the_light_that_it_hides_of_the_sky(tmp_path: Path) -> None:
    height, side = 0.75, 128
    foot = [(0, 0.0, 0), (1e-3, 0, 0), (0, 0, 1e-3)]
    found = rendered(
        tmp_path,
        [disc(radius=1, height=height), foot],
        material="black",
        reject={"min_light": 0},
        size=side,
        samples=512,
        lights=[grey_sky(tmp_path)],
        passes=["shadow"],
        camera={**TOP, "focal": [200]},
    )
    light = decode(find_shadows(tmp_path / "out")["m/m-00"].read_bytes()).pixels / 255
    assert found.shape[:2] == (side, side)
    assert light.shape == (2 * side, 2 * side)
    # From there the rim of the disc would reach the rim of the film (36 mm wide).
    distance = 200 / 18
    scale = side * SHARE / 2 * distance / (distance + height)
    rows, columns = np.indices(light.shape) + 0.5
    r = np.hypot(rows - light.shape[0] / 2, columns - light.shape[1] / 2) / scale
    # Share of the sky, weighted by the cosine, that a disc of radius 1 covers at height h, seen from r beside its axis.
    total = 1 + height**2 + r**2
    expected = 0.5 * (1 - (r**2 + height**2 - 1) / np.sqrt(total**2 - 4 * r**2))
    assert expected[side, side] == pytest.approx(1 / (1 + height**2), abs=1e-3)
    near = r < 1.3
    off = (1 - light - expected)[near]
    assert np.abs(off).mean() < 0.01
    assert np.abs(off).max() < 0.05


def test_what_lies_on_the_ground_hides_all_of_its_light_and_none_is_seen_from_below(tmp_path: Path) -> None:
    keys = {
        "material": "black",
        "reject": {"min_light": 0},
        "lights": [grey_sky(tmp_path)],
        "passes": ["shadow"],
        "samples": 64,
    }
    rendered(tmp_path, [disc()], camera={**TOP, "focal": [200]}, **keys)
    darkness = 1 - decode(find_shadows(tmp_path / "out")["m/m-00"].read_bytes()).pixels / 255
    area = np.pi * (SHARE * SIDE / 2) ** 2
    assert darkness.sum() == pytest.approx(area, rel=0.03)
    (tmp_path / "below").mkdir()
    below = {**TOP, "elevation": -60}
    rendered(tmp_path / "below", [disc()], camera=below, **keys)
    assert find_shadows(tmp_path / "below/out") == {}
    assert json.loads((tmp_path / "below/out/m/m-00.json").read_text())["passes"] == []


@pytest.mark.parametrize("azimuth", [-45, 135])
def test_a_photo_lights_each_side_of_the_thing_by_its_own_side(tmp_path: Path, azimuth: int) -> None:
    photo = np.zeros((60, 90, 3), np.uint8)
    photo[:, :45, 0], photo[:, 45:, 2] = 255, 255
    write_png(tmp_path / "photos/red left, blue right.png", photo)
    found = rendered(
        tmp_path,
        box(),
        material="grey",
        lights=[{"path": str(tmp_path / "photos")}],
        exposure=-2.0,
        camera={**TOP, "elevation": 0, "azimuth": azimuth},
    )
    # A box seen from an edge: its left face looks to the left, its right face to the right.
    left, right = found[30:66, 20:44, :3].mean((0, 1)), found[30:66, 52:76, :3].mean((0, 1))
    assert left[0] > 1.3 * left[2]
    assert right[2] > 1.3 * right[0]
    sidecar = json.loads((tmp_path / "out/m/m-00.json").read_text())
    assert sidecar["light"]["panorama"] == "red left, blue right.png"
    assert sidecar["light"]["photo"] is True


def test_a_thing_is_as_bright_as_its_photo_says(tmp_path: Path) -> None:
    found = rendered(
        tmp_path,
        box(),
        material="grey",
        lights=[grey_sky(tmp_path)],
        exposure="auto",
        camera={**TOP, "elevation": 0, "azimuth": -45},
    )
    # A grey box of albedo 0.5 under a sky of level 128, which is 0.2159 in linear light, 1.6 stops brighter.
    shown = 1.055 * (0.5 * 0.2159 * 2**1.6) ** (1 / 2.4) - 0.055
    inside = slice(SIDE // 2 - 16, SIDE // 2 + 16)
    assert found[inside, inside, :3].mean() == pytest.approx(shown, rel=0.05)
