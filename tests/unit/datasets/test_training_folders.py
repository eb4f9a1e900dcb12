"""What is wrong with a training folder is found when it is opened."""

from __future__ import annotations

import numpy as np
import pytest

from aimkit.datasets.pairs import image_alpha_pairs, saliency_pairs
from aimkit.errors import AimkitError
from aimkit.imageio import write_png


@pytest.fixture
def folder(tmp_path, make):
    return make.pairs(tmp_path, ["a", "b", "c", "d"], ("original", "mask"))


@pytest.mark.parametrize("reader", [image_alpha_pairs, saliency_pairs])
def test_all_sizes_that_differ_are_listed_before_anything_is_drawn(folder, reader):
    for name, shape in (("b", (48, 39)), ("c", (40, 48))):
        write_png(folder / f"mask/{name}.png", np.full(shape, 255, np.uint8))
    with pytest.raises(AimkitError, match="2 of 4 pairs have a size mismatch") as error:
        reader(folder)
    assert "b: size mismatch: the image is 40 x 48, the matte 39 x 48" in error.value.what
    assert "EXIF" in error.value.what
    assert [pair.name for pair in reader(folder, allow_missing=True).pairs] == ["a", "d"]


def test_files_that_cannot_be_read_are_left_out_and_told(folder, capsys):
    (folder / "mask/b.png").write_bytes(b"no image")
    assert [pair.name for pair in image_alpha_pairs(folder).pairs] == ["a", "c", "d"]
    told = capsys.readouterr().err
    assert "1 skipped" in told
    assert "mask/b.png" in told


def test_a_folder_that_is_mostly_broken_is_refused(folder):
    for name in "abc":
        (folder / f"mask/{name}.png").write_bytes(b"no image")
    with pytest.raises(AimkitError, match="3 of 4"):
        image_alpha_pairs(folder)
    assert len(image_alpha_pairs(folder, allow_missing=True)) == 1


def test_a_folder_is_told_once_though_validation_opens_it_again(folder, capsys):
    (folder / "mask/b.png").unlink()
    for _ in range(2):
        assert len(image_alpha_pairs(folder)) == 3
    assert capsys.readouterr().err.count("no file of this name") == 1
