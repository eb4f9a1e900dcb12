"""Which photos are taken: structure kept, odd names literal, outputs never inputs, everything left out told."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aimkit.errors import AimkitError
from aimkit.predict.collect import KINDS, check_outputs, collect


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(path, format="PNG")
    return path


def test_the_kinds_are_those_that_can_be_written() -> None:
    from aimkit.predict import output

    assert set(KINDS) == set(output.KINDS)


def test_several_folders_keep_their_structure(tmp_path: Path) -> None:
    for name in ("p/a/x.png", "p/b/x.png", "p/b/deep/y.png"):
        picture(tmp_path / name)
    jobs = collect([tmp_path / "p/a", tmp_path / "p/b"]).jobs
    assert {job.name for job in jobs} == {"a/x", "b/x", "b/deep/y"}
    assert {job.name for job in collect([tmp_path / "p"]).jobs} == {"a/x", "b/x", "b/deep/y"}


def test_an_existing_name_is_literal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("~draft.png", "${HOME}.png", "a%20b[1]#2.png"):
        picture(Path(name))
    assert {job.name for job in collect(["~draft.png", "${HOME}.png"]).jobs} == {"~draft", "${HOME}"}
    assert {job.name for job in collect(["."]).jobs} == {"~draft", "${HOME}", "a%20b[1]#2"}


def test_pictures_of_any_suffix_are_taken_and_the_rest_is_counted(tmp_path: Path) -> None:
    for name in ("a.png", "b.jpg_large", "no_suffix", "c.JPeG"):
        picture(tmp_path / name)
    for name in ("notes.txt", "more.txt", "film.mp4", "README"):
        (tmp_path / name).write_text("text")
    photos = collect([tmp_path])
    assert {job.name for job in photos.jobs} == {"a", "b", "no_suffix", "c"}
    assert photos.others_text() == "4 other files left out: 2 .txt, 1 none, 1 .mp4" or photos.others == {
        ".txt": 2,
        ".mp4": 1,
        "none": 1,
    }


def test_broken_links_and_pipes_are_skipped_with_a_reason(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    photos = collect([tmp_path])
    assert [job.name for job in photos.jobs] == ["a"]
    reasons = {Path(name).name: reason for name, reason in photos.skips.rows}
    assert reasons == {
        "gone.png": "the link is broken",
        "loop.png": "the link is broken",
        "pipe.png": "not a regular file",
    }


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    picture(tmp_path / "real/a.png")
    picture(tmp_path / "photos/b.png")
    (tmp_path / "photos/more").symlink_to(tmp_path / "real")
    (tmp_path / "photos/back").symlink_to(tmp_path / "photos")
    assert {job.path.name for job in collect([tmp_path / "photos"]).jobs} == {"a.png", "b.png"}


@pytest.mark.skipif(os.name != "posix", reason="names are bytes only there")
def test_a_name_that_is_not_utf8_is_a_name(tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/b\xe4r.png")
    picture(tmp_path / "a.png")
    os.rename(tmp_path / "a.png", odd)
    (job,) = collect([tmp_path]).jobs
    assert os.fsencode(job.output(Path("out"), "alpha")) == b"out/alpha/b\xe4r.png"


def test_only_the_output_folders_are_left_out(tmp_path: Path) -> None:
    for name in ("a.png", "mine/b.png", "alpha/a.png", "cutout/a.png"):
        picture(tmp_path / name)
    assert {job.name for job in collect([tmp_path], tmp_path).jobs} == {"a", "mine/b"}


def test_outputs_of_an_earlier_prediction_are_left_out_and_named(tmp_path: Path) -> None:
    for name in ("a.png", "before/photos.jsonl", "before/mine/b.png", "before/alpha/a.png", "before/cutout/a.png"):
        picture(tmp_path / name)
    found = collect([tmp_path], tmp_path / "now")
    assert {job.name for job in found.jobs} == {"a", "before/mine/b"}
    assert found.others_text() == f"outputs of an earlier prediction left out: {tmp_path / 'before'}"
    # Named by the user, they are photos.
    assert [job.name for job in collect([tmp_path / "before/cutout"]).jobs] == ["a"]


def test_an_output_is_never_an_input(tmp_path: Path) -> None:
    photo = picture(tmp_path / "cutout/x.png")
    jobs = collect([photo], tmp_path).jobs
    with pytest.raises(AimkitError, match="an output would replace an input"):
        check_outputs(jobs, tmp_path, ["alpha", "cutout"])
    check_outputs(jobs, tmp_path, ["alpha"])
