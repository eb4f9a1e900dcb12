"""``--fix`` writes a new folder: what it says it corrects is gone there, all else is copied byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from planted import cutout, matte, photo, subject

from aimkit.errors import AimkitError
from aimkit.imageio import encode_jpeg, read_matte, read_rgb, read_rgba, write_png
from aimkit.lint import fix
from aimkit.lint.collect import collect
from aimkit.lint.registry import all_checks
from aimkit.lint.run import LintResult, lint


def run(root: Path, **options: object) -> LintResult:
    return lint(collect(str(root)), **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def corrected(planted_folders: tuple[Path, Path], planted_result: LintResult) -> tuple[Path, Path, Path]:
    """(the folder with planted faults, its corrected copy, the test set)."""
    root, known = planted_folders
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    out = root.with_name("corrected")
    fix.write_fixed(planted_result, fix.check_output(planted_result.folder.target, out))
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    return root, out, known


def test_nothing_fixable_is_left_and_nothing_new_appears(
    corrected: tuple[Path, Path, Path], planted_result: LintResult
) -> None:
    _, out, known = corrected
    fixable = {name for name, info in all_checks().items() if info.fix}
    before, after = planted_result.findings, run(out, against=[collect(str(known))]).findings
    assert {one.check for one in after} & fixable == set()
    others = [{(one.check, one.files[0]) for one in found if one.check not in fixable} for found in (before, after)]
    assert others[1] <= others[0]


def test_all_other_files_are_copied_byte_for_byte(corrected: tuple[Path, Path, Path]) -> None:
    root, out, _ = corrected
    record = json.loads((out / fix.RECORD).read_text())
    changed = {change["file"] for change in record["changes"]}
    written = {change["written"] for change in record["changes"]} - {""}
    names = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    copied = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert copied == (names - changed) | written | {fix.RECORD}
    assert all((root / name).read_bytes() == (out / name).read_bytes() for name in names - changed)
    assert "photos/types.json" in names - changed
    left_out = {change["file"] for change in record["changes"] if not change["written"]}
    train = "photos/train"
    pairs = {f"{train}/{plane}/{name}.png" for plane in ("original", "mask") for name in ("03", "05")}
    assert left_out == {"backgrounds/twice.png", "cutouts/broken.png"} | pairs


def test_corrected_pixels_are_those_that_were_spoiled(corrected: tuple[Path, Path, Path]) -> None:
    _, out, _ = corrected
    rgb, alpha = read_rgba(out / "cutouts/premultiplied.png")
    seen = alpha > 60
    assert np.array_equal(alpha, matte(70))
    assert np.abs(rgb[seen].astype(int) - subject(70)[seen]).max() <= 3
    for name, seed in (("halo", 71), ("halo_cleared", 81)):
        rgb, alpha = read_rgba(out / f"cutouts/{name}.png")
        low = (alpha > 12) & (alpha < 128)
        assert np.abs(rgb[low].astype(int) - subject(seed)[low]).mean() < 20
        assert np.array_equal(alpha, matte(seed))
    percent = read_matte(out / "photos/train/mask/percent.png")
    assert np.abs(percent.astype(int) - matte(34)).max() <= 2
    assert np.abs(read_matte(out / "percents/alpha/1.png").astype(int) - matte(41)).max() <= 2
    deep = cv2.imread(str(out / "deep/alpha/2.png"), cv2.IMREAD_UNCHANGED)
    assert deep.dtype == np.uint8
    assert np.array_equal(deep, matte(48))
    snapped = read_matte(out / "photos/train/mask/jpeg.png")
    assert not ((snapped > 0) & (snapped <= 10)).any()
    assert np.array_equal(read_matte(out / "photos/train/mask/turned.png"), matte(39))
    assert np.abs(read_rgb(out / "photos/train/original/turned.png").astype(int) - photo(39)).mean() < 4


def test_a_failure_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_png(tmp_path / "in/a.png", cutout(1))
    result = run(tmp_path / "in")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fix.shutil, "copyfile", full)
    with pytest.raises(AimkitError, match="disk full"):
        fix.write_fixed(result, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_the_target_and_folders_that_exist_are_never_written(tmp_path: Path) -> None:
    write_png(tmp_path / "in/a.png", cutout(1))
    target = collect(str(tmp_path / "in"))
    with pytest.raises(AimkitError, match="already exists"):
        fix.check_output(target, tmp_path / "in")
    with pytest.raises(AimkitError, match="inside the folder"):
        fix.check_output(target, tmp_path / "in/new")


def test_a_corrected_file_does_not_replace_its_neighbour(tmp_path: Path) -> None:
    """a.jpg would become a.png, which is another picture."""
    for name, alpha in (("a.jpg", matte(1)), ("a.png", matte(2))):
        (tmp_path / "in/alpha").mkdir(parents=True, exist_ok=True)
        data = encode_jpeg(alpha, 80) if name.endswith("jpg") else cv2.imencode(".png", alpha)[1].tobytes()
        (tmp_path / "in/alpha" / name).write_bytes(data)
    write_png(tmp_path / "in/fg/a.png", subject(2))
    result = run(tmp_path / "in")
    fix.write_fixed(result, tmp_path / "out")
    for name in ("a.jpg", "a.png"):
        assert (tmp_path / "out/alpha" / name).read_bytes() == (tmp_path / "in/alpha" / name).read_bytes()
