"""Inspection: what verify finds, what the statistics say, what sheets show, what diff names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_source import tiny

from aimkit.datasets.inspect import stats
from aimkit.datasets.inspect.canvas import GREEN
from aimkit.datasets.inspect.diff import diff
from aimkit.datasets.inspect.plot import plot
from aimkit.datasets.inspect.sheet import contact_sheet, on_green, pick
from aimkit.datasets.inspect.verify import jpeg_bound, verify
from aimkit.datasets.reader import open_dataset
from aimkit.datasets.writers.record import encode
from aimkit.errors import AimkitError
from aimkit.synth.engine import Synthesizer
from aimkit.synth.gallery import gallery
from aimkit.synth.run import synthesize

FORMATS = ["folder", "parquet", "webdataset"]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder dataset with planes; copy it before changing it."""
    out = tmp_path_factory.mktemp("clean") / "d"
    synthesize(tiny(8, output={"planes": True}), out)
    return out


@pytest.fixture
def dataset(clean: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean, tmp_path / "d"))


def problems(root: Path) -> list[str]:
    return list(verify(open_dataset(root)))


def repaint(path: Path, change: Callable[[np.ndarray], None]) -> None:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    change(picture)
    cv2.imwrite(str(path), picture)


@pytest.mark.parametrize("format_", FORMATS)
def test_verify_finds_nothing_in_what_was_written(format_: str, tmp_path: Path) -> None:
    synthesize(tiny(6, output={"format": format_, "planes": True}), tmp_path / "d")
    assert problems(tmp_path / "d") == []


@pytest.mark.parametrize("quality", [30, 75, 95, 100])
def test_verify_allows_what_jpeg_does_to_the_composite(quality: int, tmp_path: Path) -> None:
    # Noise over the whole range is the hardest picture there is for JPEG.
    synthesize(tiny(4, output={"image": "jpg", "quality": quality, "planes": True}), tmp_path / "d")
    assert problems(tmp_path / "d") == []


def test_verify_finds_a_composite_of_another_background_behind_jpeg(tmp_path: Path) -> None:
    recipe = tiny(4, output={"image": "jpg", "planes": True})
    synthesize(recipe, tmp_path / "d")
    image = tmp_path / "d" / "original" / "000001.jpg"
    other = Synthesizer(recipe)[2].image.copy()
    own = Synthesizer(recipe)[1].image.copy()
    own[8:16, :16] = other[8:16, :16]
    cv2.imwrite(str(image), own[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert any("off by" in line and "more than JPEG explains" in line for line in problems(tmp_path / "d"))


def test_jpeg_bound_shrinks_with_quality() -> None:
    sample = Synthesizer(tiny(1))[0]
    bounds = [
        jpeg_bound(encode(sample, 0, tiny(output={"image": "jpg", "quality": q}).output).planes["image"]).max()
        for q in (50, 80, 95, 100)
    ]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] < 4


def test_verify_finds_a_single_wrong_pixel_in_every_plane(dataset: Path) -> None:
    def touch(picture: np.ndarray) -> None:
        picture[0, 0] = 37 if picture.ndim == 2 else picture[0, 0] ^ 128

    for folder in ("original", "trimap", "usr"):
        repaint(dataset / folder / "000002.png", touch)
    found = "\n".join(problems(dataset))
    for said in (
        "original/000002.png: changed since it was written",
        "sample 2: I = aF + (1-a)B is off by up to 128 levels",
        "sample 2: the trimap does not follow from the alpha (1 pixels)",
        "sample 2: the label does not follow from the alpha (1 pixels)",
        "shard 0: the digest of its samples does not match the sidecar",
    ):
        assert said in found
    assert "sample 1" not in found


def test_verify_finds_a_changed_alpha(dataset: Path) -> None:
    def invert(picture: np.ndarray) -> None:
        picture[:] = 255 - picture

    repaint(dataset / "mask" / "000005.png", invert)
    found = problems(dataset)
    assert any(line.startswith("sample 5: the trimap does not follow") for line in found)
    assert any(line.startswith("sample 5: I = aF") for line in found)


def test_verify_finds_missing_extra_and_broken_files(dataset: Path) -> None:
    (dataset / "mask" / "000000.png").unlink()
    (dataset / "original" / "000009.png").write_bytes(b"x")
    (dataset / "usr" / "000004.png").write_bytes(b"not a picture")
    (dataset / "README.md").unlink()
    (dataset / ".tmp" / "00001").mkdir(parents=True)
    (dataset / ".tmp" / "00001" / "y").write_bytes(b"")
    found = problems(dataset)
    for said in (
        "mask/000000.png: missing",
        "original/000009.png: does not belong to this dataset",
        "sample 4: the label can't be decoded",
        "README.md: missing",
        ".tmp/00001/y: left by a killed run",
    ):
        assert said in found


def test_verify_finds_a_changed_index_recipe_and_sidecar(dataset: Path) -> None:
    types = dataset / "types.json"
    types.write_text(types.read_text().replace("SO", "NS"))
    lock = dataset / "recipe.lock.toml"
    lock.write_text(lock.read_text().replace("seed = 0", "seed = 1"))
    sidecar = dataset / "shards" / "00001.json"
    changed = json.loads(sidecar.read_text())
    changed["digest"] = "0" * 64
    sidecar.write_text(json.dumps(changed))
    assert problems(dataset) == [
        "recipe.lock.toml: the digest does not match the recipe",
        "shard 1: the digest of its samples does not match the sidecar",
        "types.json: does not match the shards",
        # It holds the recipe.
        "README.md: does not match the dataset",
    ]


def test_verify_finds_a_changed_card_sheet_and_statistics(dataset: Path) -> None:
    for name in ("README.md", "sheet.png"):
        content = bytearray((dataset / name).read_bytes())
        content[len(content) // 2] ^= 1
        (dataset / name).write_bytes(content)
    sidecar = dataset / "shards" / "00000.json"
    changed = json.loads(sidecar.read_text())
    next(iter(changed["types"].values()))["composition_valid"] += 1
    changed["quarantined"] = [{"index": 0, "role": "foreground", "id": "x", "error": "?"}]
    sidecar.write_text(json.dumps(changed))
    assert problems(dataset) == [
        "shard 0: the sidecar's 'types' does not follow from the samples",
        "shard 0: the sidecar's 'quarantined' does not follow from the samples",
        "README.md: does not match the dataset",
        "sheet.png: does not match the dataset",
    ]


@pytest.mark.parametrize("format_", ["parquet", "webdataset"])
def test_verify_survives_a_file_that_is_cut_short(format_: str, tmp_path: Path) -> None:
    synthesize(tiny(4, output={"format": format_}), tmp_path / "d")
    file = next((tmp_path / "d" / "data").iterdir())
    file.write_bytes(file.read_bytes()[:5000])
    assert any("can't be read" in line or "can't be decoded" in line for line in problems(tmp_path / "d"))


@pytest.mark.parametrize("broken", ["", "[]", '{"files": []}', "{}"])
def test_verify_survives_a_broken_sidecar(broken: str, dataset: Path) -> None:
    (dataset / "shards" / "00000.json").write_text(broken)
    assert any(line.startswith("shard 0: ") for line in problems(dataset))
    with pytest.raises(AimkitError, match="sidecar"):
        list(open_dataset(dataset).sidecars())


def test_verify_names_unfinished_shards(tmp_path: Path) -> None:
    synthesize(tiny(12), tmp_path / "d", part=(1, 3))
    assert problems(tmp_path / "d") == [
        "shard 0: not finished (samples 0 to 3)",
        "shard 2: not finished (samples 8 to 11)",
    ]


@pytest.mark.parametrize("width", [2, 4, 10, 20])
def test_transition_width_of_a_straight_band_is_its_width(width: int) -> None:
    alpha = np.zeros((60, 200), np.uint8)
    alpha[:, 100:] = 255
    alpha[:, 100 : 100 + width] = 128
    assert stats.transition_width(alpha) == pytest.approx(width, rel=0.15)


def test_transition_width_of_a_binary_matte_is_zero_and_of_a_full_frame_finite() -> None:
    assert stats.transition_width(np.zeros((8, 8), np.uint8)) == 0
    assert stats.transition_width(np.full((50, 50), 255, np.uint8)) == 0
    assert 10 < stats.transition_width(np.full((50, 50), 99, np.uint8)) < 50


def test_statistics_of_shards_add_up_to_those_of_the_samples(clean: Path) -> None:
    sums = stats.total(open_dataset(clean).sidecars())
    once = stats.Tally()
    for sample in Synthesizer(tiny(8)):
        once.add(sample)
    expected = once.plain()
    assert sums["sources"] == expected["sources"]
    assert sums["types"].keys() == expected["types"].keys()
    for name, entry in expected["types"].items():
        for key, value in entry.items():
            assert sums["types"][name][key] == (pytest.approx(value, abs=1e-5) if isinstance(value, float) else value)
    assert stats.source_rows(sums["sources"]) == [
        ["background", "tiny noise", "CC0-1.0", "", 8],
        ["foreground", "tiny discs", "CC0-1.0", "made in a test", 8],
    ]
    pixels = sum(sum(entry["alpha"]) for entry in sums["types"].values())
    assert pixels == 8 * 40 * 56
    assert sum(row[1] for row in stats.rows(sums["types"])) == 8


def test_the_card_counts_what_is_there(clean: Path) -> None:
    card = (clean / "README.md").read_text()
    assert "| foreground | tiny discs | CC0-1.0 | made in a test | 8 |" in card
    assert (clean / "recipe.lock.toml").read_text().strip() in card
    assert card.startswith("---\n")


def test_plot_shows_the_colours_of_the_types_that_are_there() -> None:
    one = stats.Tally()
    one.add(next(sample for sample in Synthesizer(tiny(20)) if sample.type == "STM"))
    picture = plot(one.plain()["types"])
    colours = {tuple(colour) for colour in picture.reshape(-1, 3)[::7].tolist()}
    assert (230, 159, 0) in colours
    assert (0, 114, 178) not in colours


def test_a_sheet_has_rows_of_every_type() -> None:
    samples = pick(Synthesizer(tiny(40)), 2)
    assert [sample.type for sample in samples] == ["SO", "SO", "STM", "STM", "NS", "NS"]
    one, six = contact_sheet(samples[:1]), contact_sheet(samples)
    assert six.shape[1] == one.shape[1]
    assert six.shape[0] > 4 * one.shape[0]
    with pytest.raises(AimkitError, match="no samples"):
        contact_sheet([])


def test_the_cut_out_lies_on_green() -> None:
    sample = Synthesizer(tiny(1))[0]
    picture = on_green(sample)
    assert (picture[sample.alpha == 0] == GREEN).all()
    np.testing.assert_array_equal(picture[sample.alpha == 255], sample.foreground[sample.alpha == 255])


def test_gallery_shows_matching_generators_and_names_the_nearest() -> None:
    one = gallery("sky", size=(30, 40), variants=1)
    both = gallery("[sm][ke][ys]*", size=(30, 40), variants=1)
    assert both.shape[0] > one.shape[0]
    assert both.shape[1] == one.shape[1]
    with pytest.raises(AimkitError, match="no generator matches") as caught:
        gallery("smok")
    assert "smoke" in caught.value.hint


def test_diff_of_equal_content_is_empty_whatever_the_format(clean: Path, tmp_path: Path) -> None:
    synthesize(tiny(8, output={"format": "parquet", "planes": True}), tmp_path / "p")
    lines = list(diff(open_dataset(clean), open_dataset(tmp_path / "p")))
    assert lines == ["recipe output.format: 'folder' in A, 'parquet' in B"]


def test_diff_names_samples_planes_and_keys(clean: Path, tmp_path: Path) -> None:
    synthesize(tiny(6, seed=5), tmp_path / "b")
    lines = list(diff(open_dataset(clean), open_dataset(tmp_path / "b")))
    assert "recipe seed: 0 in A, 5 in B" in lines
    assert "only in A: 2 samples (6-7)" in lines
    assert any(line.startswith("sample 0 image: up to ") for line in lines)
    assert "sample 0 foreground: only in A" in lines
    assert any(line.startswith("sample 0 meta: ") and "seed" in line for line in lines)
