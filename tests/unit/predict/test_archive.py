"""Archives of outputs and of pairs for fine-tuning."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from aimkit.imageio import read_matte, read_rgb, write_png
from aimkit.predict.archive import zip_outputs, zip_pairs
from aimkit.predict.collect import PhotoJob
from aimkit.synth.own_data import foreground_table


def jobs_in(folder: Path) -> list[PhotoJob]:
    """Two photos with mattes: one of them lies on its side, as its tag says."""
    rng, jobs = np.random.default_rng(0), []
    for name, size in (("a", (20, 30)), ("b", (24, 16))):
        path = folder / f"{name}.jpg"
        exif = Image.Exif()
        exif[0x0112] = 6 if name == "b" else 1
        Image.fromarray(rng.integers(0, 255, (*size, 3), np.uint8)).save(path, exif=exif)
        jobs.append(PhotoJob(path, name))
        write_png(jobs[-1].output(folder, "alpha"), rng.integers(0, 255, read_rgb(path).shape[:2], np.uint8))
    return jobs


def test_an_archive_holds_the_outputs_that_exist_and_is_the_same_each_time(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path)
    assert zip_outputs(tmp_path / "1.zip", jobs, tmp_path, ["alpha", "cutout"]) == 2
    zip_outputs(tmp_path / "2.zip", jobs, tmp_path, ["alpha", "cutout"])
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        assert archive.namelist() == ["alpha/a.png", "alpha/b.png"]
        assert archive.read("alpha/a.png") == jobs[0].output(tmp_path, "alpha").read_bytes()


def test_pairs_are_read_as_foregrounds_for_fine_tuning(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path)
    zip_pairs(tmp_path / "pairs.zip", jobs, tmp_path)
    with zipfile.ZipFile(tmp_path / "pairs.zip") as archive:
        archive.extractall(tmp_path / "pairs")
    assert foreground_table(str(tmp_path / "pairs"))["source"] == "photos"
    for job in jobs:
        photo, matte = (tmp_path / "pairs" / kind / f"{job.name}.png" for kind in ("original", "mask"))
        assert np.array_equal(read_rgb(photo), read_rgb(job.path))
        assert np.array_equal(read_matte(matte), read_matte(job.output(tmp_path, "alpha")))
