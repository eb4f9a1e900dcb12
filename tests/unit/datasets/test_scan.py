from __future__ import annotations

import contextlib
import io
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from aimkit.datasets import scan as scan_module
from aimkit.datasets.exclude import read_exclude
from aimkit.datasets.find import find_images
from aimkit.datasets.scan import Candidate, ScanRecord, scan
from aimkit.errors import AimkitError
from aimkit.imageio import encode_png, write_png
from aimkit.synth.sources.cutouts import Cutouts, cutouts


def test_ids_are_sorted_paths_without_suffix(tmp_path):
    for name in ("b/x.PNG", "a.jpg", "a.png", "b/.hidden.png", ".git/y.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found, excluded, *_ = find_images(tmp_path)
    assert list(found) == ["a", "a.png", "b/x"]
    assert found["a"].name == "a.jpg"
    assert excluded == 0


def test_a_link_back_to_its_own_folder_ends(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "again").symlink_to(tmp_path)
    assert list(find_images(tmp_path)[0]) == ["a"]


@pytest.mark.parametrize("exclude", [["x/a.png", "glob:b*"], ["a", "b"], "list.txt"])
def test_excluded_files_are_left_out_and_counted(tmp_path, exclude):
    for name in ("x/a.png", "b.png", "c.png"):
        write_png(tmp_path / "images" / name, np.zeros((2, 2), np.uint8))
    (tmp_path / "list.txt").write_text("# seen in evaluation\na\nb.png  \n")
    patterns = read_exclude(str(tmp_path / exclude) if isinstance(exclude, str) else exclude)
    found, excluded, *_ = find_images(tmp_path / "images", patterns)
    assert (list(found), excluded) == (["c"], 2)


def test_a_missing_list_is_an_error(tmp_path):
    with pytest.raises(AimkitError, match="excluded names not found"):
        read_exclude(str(tmp_path / "list.txt"))
    with pytest.raises(AimkitError, match="folder not found"):
        find_images(tmp_path / "none")


def test_unchanged_files_are_not_read_again(tmp_path, make, open_source, monkeypatch):
    make.cutouts(tmp_path, ["a", "b"])
    first = open_source(source="cutouts", path=str(tmp_path))
    monkeypatch.setattr("aimkit.datasets.scan._inspect", lambda _, one: pytest.fail(f"read {one.id}"))
    assert open_source(source="cutouts", path=str(tmp_path)).items == first.items


def test_a_changed_file_is_read_again(tmp_path, make, open_source):
    make.cutouts(tmp_path, ["a", "b"])
    first = open_source(source="cutouts", path=str(tmp_path))
    write_png(tmp_path / "a.png", np.dstack(make.planes(7)))
    os.utime(tmp_path / "a.png", (1, 1))
    second = open_source(source="cutouts", path=str(tmp_path))
    assert second.items[0].digest != first.items[0].digest
    assert second.items[1] == first.items[1]


def test_a_repaired_file_is_no_longer_skipped(tmp_path, make, open_source):
    make.cutouts(tmp_path, ["a", "b"])
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[:-20] + bytes(20))
    os.utime(tmp_path / "a.png", (1, 1))
    assert len(open_source(source="cutouts", path=str(tmp_path)).items) == 1
    (tmp_path / "a.png").write_bytes(whole)
    os.utime(tmp_path / "a.png", (1, 1))
    assert len(open_source(source="cutouts", path=str(tmp_path)).items) == 2


def test_a_broken_cache_is_ignored(tmp_path, make, open_source, home):
    make.cutouts(tmp_path, ["a"])
    first = open_source(source="cutouts", path=str(tmp_path))
    for path in (home / "scans").iterdir():
        path.write_text('{"x": [1, 2]}')
    assert open_source(source="cutouts", path=str(tmp_path)).items == first.items


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path, make, open_source, monkeypatch):
    make.cutouts(tmp_path, ["a"])
    (tmp_path / "file").touch()
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "file"))
    assert len(open_source(source="cutouts", path=str(tmp_path)).items) == 1


@pytest.mark.parametrize("cores", [1, 7])
def test_the_order_does_not_depend_on_the_number_of_threads(monkeypatch, cores):
    monkeypatch.setattr(scan_module.os, "cpu_count", lambda: cores)
    candidates = [Candidate(str(i), str(i), str(i)) for i in range(50)]
    records = scan(candidates, lambda one: ScanRecord(digest=one.id), f"order {cores}", "test")
    assert [record.digest for record in records] == [one.id for one in candidates]


def content(draw):
    """A file that may or may not be a cut-out."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    shape = draw(st.sampled_from([(1, 1), (1, 20), (17, 9)]))
    channels = draw(st.sampled_from([1, 3, 4]))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    array = rng.integers(0, np.iinfo(dtype).max, shape if channels == 1 else (*shape, channels), dtype, endpoint=True)
    kind = draw(st.sampled_from(["whole", "truncated", "zeros", "text", "palette", "jpeg", "damaged"]))
    data = encode_png(array)
    if kind == "truncated":
        return data[: draw(st.integers(0, len(data) - 1))]
    if kind == "zeros":
        return bytes(draw(st.integers(0, 300)))
    if kind == "text":
        return draw(st.text()).encode()
    if kind == "damaged":
        place = draw(st.integers(0, len(data) - 1))
        return data[:place] + bytes([draw(st.integers(0, 255))]) + data[place + 1 :]
    if kind in ("palette", "jpeg"):
        buffer = io.BytesIO()
        image = Image.fromarray(rng.integers(0, 4, shape, np.uint8))
        if kind == "jpeg":
            image.save(buffer, "JPEG")
        else:
            image = image.convert("P")
            image.save(buffer, "PNG", transparency=bytes([0, 100, 255, 30]))
        return buffer.getvalue()
    return data


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_lies_in_the_folder_gives_an_error_or_clean_foregrounds(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("fuzz")
    for number in range(2):
        suffix = data.draw(st.sampled_from([".png", ".jpg", ".tif", ".webp"]))
        (folder / f"{number}{suffix}").write_bytes(content(data.draw))
    with contextlib.suppress(AimkitError):
        source = cutouts(Cutouts(path=str(folder)))
        assert len(source.items) + len(source.report.skipped) == 2
        for position in range(len(source.items)):
            loaded = source.load(position, (1, 1), np.random.default_rng(0))
            assert loaded.color.shape == (*loaded.alpha.shape, 3)
            assert loaded.color.dtype == loaded.alpha.dtype == np.float32
            assert np.isfinite(loaded.color).all()
            assert 0 <= loaded.color.min() <= loaded.color.max() <= 1
            assert 0 <= loaded.alpha.min() <= loaded.alpha.max() <= 1
