"""Small inputs after public bug reports: each is read right, doubted aloud, or refused with a way to mend it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aimkit.cli import run
from aimkit.datasets.reader import open_dataset

Case = Callable[[str], Path]


@pytest.fixture
def case(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """Copies a case into a folder of its own, and goes there."""
    if not (shared / "cases").is_dir():
        pytest.skip("no cases in the shared folder")

    def copied(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(shared / "cases" / name, folder, symlinks=True)
        for path in [folder, *folder.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() else 0o644)
        monkeypatch.chdir(folder)
        return folder

    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIMKIT_OFFLINE", "1")
    return copied


def synth(*overrides: str, code: int = 0) -> Path:
    """Run the case's recipe into ``out``."""
    assert run(["synth", "recipe.toml", "-o", "out", *overrides]) == code
    return Path("out")


def plane(out: Path, kind: str) -> np.ndarray:
    """The first sample's plane."""
    return np.asarray(Image.open(sorted((out / kind).iterdir())[0]))


def ids(out: Path, role: str = "foreground") -> set[str]:
    """The foregrounds, or backgrounds, that a dataset was made of."""
    dataset = open_dataset(out)
    rows = [source for i in range(len(dataset)) for source in json.loads(dataset.record(i).meta)["sources"]]
    found = {source["id"] for source in rows if source["role"] == role}
    assert found
    return found


def said(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.err + captured.out


# Mattes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("alpha_01mask", "0-1"),
        ("alpha_u16_0_255", "0-255"),
        ("alpha_f32tif_0_255", "0-255"),
        ("alpha_voc_palette", "0-1"),
        ("alpha_miniswhite16", ""),
        ("ext_only_npy", ""),
    ],
)
def test_a_matte_of_any_scale_fills_0_to_255(
    case: Case, name: str, scale: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case(name)
    alpha = plane(synth("count=1"), "mask")
    assert alpha.min() == 0
    assert alpha.max() == 255
    if scale:
        assert scale in said(capsys) + Path("out/README.md").read_text()


def test_a_16_bit_matte_of_white_is_zero_is_not_inverted(case: Case) -> None:
    import tifffile

    case("alpha_miniswhite16")
    stored = tifffile.imread("alpha/a.tif")
    with tifffile.TiffFile("alpha/a.tif") as file:
        white_is_zero = file.pages[0].photometric == 0
    truth = (65535 - stored.astype(int) if white_is_zero else stored) / 257
    assert np.abs(plane(synth("count=1"), "mask").astype(float) - truth).max() <= 0.5


def test_planar_16_bit_colours_are_those_of_the_file(case: Case) -> None:
    import tifffile

    case("fg_planar16")
    stored = tifffile.imread("fg/a.tif")
    stored = np.moveaxis(stored, 0, -1) if stored.shape[0] == 3 else stored
    alpha = np.asarray(Image.open("alpha/a.png"))
    color = plane(synth("count=1"), "fg").astype(float)
    assert np.abs(color - stored / 257)[alpha > 0].max() <= 0.51


def test_a_jpeg_matte_does_not_widen_the_unknown_area(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case("alpha_jpg")
    trimap = plane(synth("count=1"), "trimap")
    assert (trimap == 128).mean() < 0.25
    assert re.search(r"lossy|JPEG", said(capsys))


@pytest.mark.parametrize("name", ["png_big_xmp", "png_big_icc"])
def test_a_png_with_much_metadata_is_read(case: Case, name: str) -> None:
    case(name)
    assert plane(synth("count=1"), "mask").max() == 255


# Colours ----------------------------------------------------------------------------------------------------------


def test_straight_colours_stay_as_stored_and_the_doubt_is_told(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case("straight_taken_for_premult")
    stored = np.asarray(Image.open("cut/sunglasses.png"))
    color = plane(synth("count=1"), "fg").astype(int)
    partial = (stored[..., 3] > 0) & (stored[..., 3] < 255)
    assert np.abs(color - stored[..., :3])[partial].max() <= 2
    assert "premultiplied" in said(capsys)


def test_a_haze_keeps_its_colour(case: Case) -> None:
    case("haze_full")
    stored = np.asarray(Image.open("cut/a.png"))
    assert np.abs(plane(synth("count=1"), "fg").astype(int) - stored[..., :3]).max() <= 2


# What is left out -------------------------------------------------------------------------------------------------


def test_names_with_a_usual_suffix_pair_up(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case("train_mismatch")
    assert run(["train", "r.toml", "-o", "out"]) == 0
    assert "_mask" in said(capsys)


def test_exact_names_pair_first_and_no_false_message_is_told(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case("names_dup_alpha")
    truth = np.asarray(Image.open("alpha/a.png"))
    assert np.array_equal(plane(synth("count=1"), "mask"), truth)
    assert "no file of that name" not in said(capsys)


@pytest.mark.parametrize(
    ("name", "held_out"),
    [
        ("exclude_bom", {"a", "b"}),
        ("exclude_brackets", {"img [1]", "c#1"}),
        ("exclude_backslash", {"sub/a"}),
        ("exclude_latin1", {"a"}),
    ],
)
def test_no_excluded_image_gets_into_a_dataset(
    case: Case, name: str, held_out: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    case(name)
    code = run(["synth", "recipe.toml", "-o", "out"])
    text = said(capsys)
    if code == 0:
        assert not ids(Path("out")) & held_out
    else:
        # A list that can't be read for certain may be refused instead.
        assert "ex.txt" in text


def test_an_exclude_line_that_matches_nothing_is_told(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case("exclude_none_match")
    run(["synth", "recipe.toml", "-o", "out"])
    assert "aa" in said(capsys)


@pytest.mark.parametrize("name", ["types_bom", "types_nfd", "recipe_bom"])
def test_a_byte_order_mark_or_decomposed_letters_change_nothing(
    case: Case, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case(name)
    synth()
    assert "types file" not in said(capsys)


def test_every_readable_picture_is_a_background_whatever_its_suffix(
    case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    case("bg_suffixes")
    synth("count=24", "selection=draw")
    used = ids(Path("out"), "background")
    assert len(used) >= 6


def test_an_avif_alone_is_enough(case: Case) -> None:
    case("only_avif")
    synth("count=1")


@pytest.mark.parametrize("command", ["synth", "preview", "pool"])
@pytest.mark.parametrize("name", ["broken_symlink", "symlink_loop"])
def test_broken_links_and_loops_are_skipped_with_a_reason(
    case: Case, name: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case(name)
    link = next(path for path in Path("cut").iterdir() if path.name in ("gone.png", "loop.png"))
    target = "nowhere.png" if name == "broken_symlink" else link.name
    link.unlink()
    link.symlink_to(target)
    words = {
        "synth": ["synth", "recipe.toml", "-o", "out", "count=2"],
        "preview": ["preview", "recipe.toml", "-o", "sheet.png"],
        "pool": ["pool", "build", "cut", "-o", "pool"],
    }
    assert run(words[command]) == 0
    assert link.stem in said(capsys)


def test_transposed_sizes_hint_at_exif(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case("exif_90_vs_plain")
    assert run(["synth", "recipe.toml", "-o", "out", "count=1"]) != 0
    assert "EXIF" in said(capsys)


@pytest.mark.parametrize("name", ["pq_type_text", "pq_type_int", "pq_struct", "wds_missing_json"])
def test_foreign_tables_are_read_or_skipped_clearly(case: Case, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    case(name)
    code = run(["synth", "recipe.toml", "-o", "out", "count=1"])
    text = said(capsys)
    assert "AttributeError" not in text
    assert code == 0 or "error:" in text


def test_a_size_mismatch_is_found_before_the_first_step(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case("train_size_mismatch")
    assert run(["train", "r.toml", "-o", "out"]) != 0
    text = said(capsys)
    assert "size mismatch" in text
    assert "step 1/" not in text


# What changes under a run -----------------------------------------------------------------------------------------


def test_an_output_below_a_source_is_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case("out_in_source")
    assert run(["synth", "recipe.toml", "-o", "bg/out", "--shards", "0/2"]) == 2
    assert "bg" in said(capsys)
    assert not Path("bg/out").exists()


# Prediction -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "folder", "good"), [("predict_tiny", "p", 2), ("onepixel", "photos", 2)])
def test_one_photo_that_fails_does_not_stop_the_others(
    case: Case, name: str, folder: str, good: int, capsys: pytest.CaptureFixture[str]
) -> None:
    case(name)
    assert run(["predict", folder, "-o", "out", "--outputs", "alpha"]) in (0, 1)
    assert len(list(Path("out/alpha").iterdir())) >= good
    said(capsys)


def test_hidden_pixels_of_a_cutout_stay_hidden(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case("rgba_input")
    assert run(["predict", "cutout.png", "-o", "out"]) == 0
    hidden = np.asarray(Image.open("cutout.png"))[..., 3] == 0
    assert np.asarray(Image.open("out/alpha/cutout.png"))[hidden].max() == 0
    assert "alpha" in said(capsys)


def test_an_output_is_never_an_input(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case("overwrite_input")
    shutil.copy("a_photo.jpg", "cutout/x.png")
    before = Path("cutout/x.png").read_bytes()
    assert run(["predict", "cutout/x.png", "-o", ".", "--overwrite"]) == 2
    assert Path("cutout/x.png").read_bytes() == before
    assert "x.png" in said(capsys)


def test_two_folders_keep_their_structure(case: Case) -> None:
    case("two_folders")
    assert run(["predict", "a", "b", "-o", "out", "--outputs", "alpha"]) == 0
    names = {path.relative_to("out/alpha").as_posix() for path in Path("out/alpha").rglob("*.png")}
    assert names == {"a/x.png", "b/x.png"}


def test_resume_does_not_take_another_photo_of_the_same_name_for_done(case: Case) -> None:
    case("resume_same_name")
    assert run(["predict", "b/x.jpg", "-o", "out", "--outputs", "alpha"]) == 0
    first = Path("out/alpha/x.png").read_bytes()
    code = run(["predict", "c/x.jpg", "-o", "out", "--outputs", "alpha", "--resume"])
    assert code == 2 or Path("out/alpha/x.png").read_bytes() != first


def test_odd_suffixes_are_predicted_or_counted(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case("skipped_suffixes")
    assert run(["predict", "photos", "-o", "out", "--outputs", "alpha"]) in (0, 1)
    done = {path.stem for path in Path("out/alpha").iterdir()}
    missing = {path.name for path in Path("photos").iterdir() if not any(path.stem in name for name in done)}
    text = said(capsys)
    for name in missing:
        assert name in text or Path(name).suffix in text


# Evaluation -------------------------------------------------------------------------------------------------------


def mad(result: Path, key: str = "mad") -> float:
    return float(json.loads((result / "results.json").read_text())["averages"]["images"][key])


def test_truth_in_0_and_1_is_scaled(case: Case) -> None:
    case("eval_01")
    assert run(["evaluate", "--data", "folder", "--root", ".", "--baseline", "zeros", "-o", "out"]) == 0
    truths = [np.asarray(Image.open(path)) for path in sorted(Path("mask").iterdir())]
    assert mad(Path("out")) == pytest.approx(np.mean([truth.mean() for truth in truths]), abs=1e-6)


def test_truth_in_0_and_1_is_scaled_beside_a_folder_of_predictions(case: Case) -> None:
    case("eval_truth01")
    assert run(["evaluate", "--predictions", "pred", "--truth", "truth", "-o", "out"]) == 0
    prediction, truth = np.asarray(Image.open("pred/x.png")) / 255, np.asarray(Image.open("truth/x.png"))
    assert mad(Path("out")) == pytest.approx(np.abs(prediction - truth).mean(), abs=1e-6)


def test_training_labels_of_0_and_1_are_scaled(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case("train_folder01")
    assert run(["train", "r.toml", "-o", "out"]) == 0
    assert "0-1" in said(capsys)


def test_a_picture_that_is_no_matte_is_refused_as_truth(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case("eval_opaque_rgba")
    code = run(["evaluate", "--predictions", "pred", "--truth", "truth", "-o", "out"])
    text = said(capsys)
    assert code != 0 or mad(Path("out")) == 0
    assert code == 0 or "x.png" in text


def test_equal_trimaps_of_other_levels_give_equal_figures(case: Case) -> None:
    case("trimap_values")
    values = {}
    for name in ("tri128", "tri127_one128", "tri_jpeg"):
        words = ["evaluate", "--predictions", "pred", "--truth", "truth", "--trimaps", name, "-o", f"out_{name}"]
        assert run(words) == 0
        values[name] = mad(Path(f"out_{name}"), "mad_transition")
    # Its pixel of 128 lies where the trimap is sure, so one more pixel is unknown.
    assert values["tri127_one128"] == pytest.approx(values["tri128"], rel=1e-3)
    assert values["tri_jpeg"] == pytest.approx(values["tri128"], rel=0.1)


def test_a_trimap_without_white_is_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case("trimap_values")
    words = ["evaluate", "--predictions", "pred", "--truth", "truth", "--trimaps", "tri012", "-o", "out"]
    assert run(words) != 0
    assert "255" in said(capsys)


def test_trimaps_that_match_nothing_are_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case("trimap_names")
    assert run(["evaluate", "--predictions", "pred", "--truth", "truth", "--trimaps", "tri", "-o", "out"]) == 2
    assert "trimap" in said(capsys)
