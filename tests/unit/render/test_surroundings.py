"""A photo as the light around a thing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aimkit.imageio import read_rgb, write_png
from aimkit.render.surroundings import light_file, photo_stops, surroundings


def test_the_front_is_the_photo_and_the_ends_meet() -> None:
    photo = np.zeros((60, 90, 3), np.uint8)
    photo[:, :45, 0], photo[:, 45:, 2], photo[:20, :, 1] = 200, 200, 150
    around = surroundings(photo).astype(int)
    assert around.shape == (128, 256, 3)
    # Red is left and blue right in front; behind, where the photo is mirrored, it is the other way round.
    assert (around[100, [20, 110, 140, 235], 0] > 150).tolist() == [True, False, False, True]
    assert (around[100, [20, 110, 140, 235], 2] > 150).tolist() == [False, True, True, False]
    assert around[5, :, 1].min() > 120 > 30 > around[-5, :, 1].max()
    assert np.abs(around[:, 0] - around[:, -1]).max() <= 2


def test_light_is_averaged_as_light() -> None:
    photo = np.zeros((256, 256, 3), np.uint8)
    photo[::2] = 255
    # Half of the light of white is 188 as displayed, not 128.
    assert np.abs(surroundings(photo).astype(int) - 188).max() <= 1


def test_what_dims_a_photo_dims_the_things_that_it_lights() -> None:
    assert photo_stops(0.5) - photo_stops(2.0) == 2
    assert photo_stops(1.0) == 1.6


def test_only_photos_are_blurred(tmp_path: Path) -> None:
    assert light_file(tmp_path / "a.HDR", tmp_path) == tmp_path / "a.HDR"
    write_png(tmp_path / "a.png", np.full((9, 12, 3), 77, np.uint8))
    assert np.unique(read_rgb(light_file(tmp_path / "a.png", tmp_path))).tolist() == [77]
