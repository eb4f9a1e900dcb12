"""The parts of the linter beside its checks, each against a known value."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from planted import cutout, matte, photo, subject, texture

from aimkit.imageio import encode_jpeg, encode_png, write_png
from aimkit.imageio.reduced import reduced
from aimkit.lint.checks.alignment import best_position
from aimkit.lint.checks.detail import blockiness, spectral_fall
from aimkit.lint.checks.lossy import block_noise
from aimkit.lint.collect import collect
from aimkit.lint.header import read_header
from aimkit.lint.item import LintItem, LintTarget, split_of
from aimkit.lint.registry import all_checks, picture_checks
from aimkit.lint.run import lint
from aimkit.lint.view import SMALL, LintView


@pytest.mark.parametrize("quality", [20, 30, 50, 75, 90, 95])
def test_the_quality_of_a_jpeg_is_read_from_its_tables(quality: int) -> None:
    assert abs(read_header(encode_jpeg(texture(1), quality)).quality - quality) <= 1


def test_a_png_has_no_quality_and_a_damaged_file_no_header() -> None:
    assert read_header(encode_png(texture(1))) == read_header(b"\xff\xd8\xff nothing") == read_header(b"")


def test_a_shift_is_told_with_its_size_and_direction() -> None:
    """The matte was moved by 20 pixels to the right and 12 up, so it fits 20 to the left and 12 further down."""
    grey, alpha = (reduced(plane, SMALL) for plane in (photo(31)[..., 0], matte(31)))
    moved = np.roll(matte(31), (-12, 20), (0, 1))
    height, width = moved.shape
    found = best_position(grey, reduced(moved, SMALL))
    assert (
        found.how == f"shifted by {-100 * 20 / width:+.0f} % of the width and {100 * 12 / height:+.0f} % of the height"
    )
    assert found.best == pytest.approx(best_position(grey, alpha).own, abs=0.05)


def test_noise_that_fills_whole_blocks_follows_their_borders_and_other_noise_does_not() -> None:
    draw = np.random.default_rng(1)
    blocks = np.kron(draw.integers(0, 2, (32, 32), np.uint8) * 5, np.ones((8, 8), np.uint8))
    assert block_noise(blocks) == 1
    assert block_noise(draw.integers(0, 2, (256, 256), np.uint8) * 5) == pytest.approx(1 / 8, abs=0.01)
    assert block_noise(np.full((256, 256), 255, np.uint8)) == 0


def test_steps_between_blocks_are_counted_against_those_inside() -> None:
    """A ramp of one level a pixel that jumps by five from block to block: 5 / (1 + 0.05)."""
    ramp = np.cumsum([5 if i % 8 == 0 else 1 for i in range(64)]).astype(np.uint8)
    assert blockiness(np.tile(ramp, (8, 1))) == pytest.approx(5 / 1.05)


def test_the_innermost_folder_says_the_split() -> None:
    names = {"train/a.png": "train", "Validation/x/a.png": "val", "test/train/a.png": "train", "train.png": ""}
    assert {name: split_of(name) for name in names} == names


def test_each_file_is_read_once_and_threads_change_nothing() -> None:
    reads: list[int] = []

    def source(number: int, data: bytes) -> object:
        return lambda: reads.append(number) or data

    items = [
        LintItem(str(i), "single", (str(i),), (source(i, encode_png(cutout(i // 2, (128, 140)))),))  # type: ignore[arg-type]
        for i in range(8)
    ]
    alone, together = (lint(LintTarget("x", items=items), workers=workers) for workers in (1, 4))
    assert sorted(reads) == sorted([*range(8)] * 2)
    assert alone.findings == together.findings
    assert [one.files for one in alone.findings if one.check == "duplicate"] == [
        (f"{i + 1}", f"{i}") for i in (0, 2, 4, 6)
    ]


def test_a_check_that_fails_on_a_picture_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(view: LintView) -> str:
        raise ValueError("no such thing")

    entry = picture_checks.get("halo")
    monkeypatch.setitem(picture_checks._entries, "halo", type(entry)("halo", fails, entry.info))
    data = encode_png(cutout(1, (90, 100)))
    result = lint(LintTarget("x", items=[LintItem("a", "single", ("a",), (lambda: data,))]))
    assert {one.check for one in result.findings} == {"tiny"}


def test_two_mattes_of_one_photo_are_no_duplicates(tmp_path: Path) -> None:
    for i in range(2):
        write_png(tmp_path / f"original/{i}.png", photo(1))
        write_png(tmp_path / f"mask/{i}.png", np.where(np.indices(matte(1).shape)[0] % 150 > 75 * i, matte(1), 0))
    assert lint(collect(str(tmp_path)), only=["duplicate", "near-duplicate"]).findings == []


def test_pairs_are_found_at_any_depth_and_the_rest_are_single(tmp_path: Path) -> None:
    write_png(tmp_path / "a/b/Image/1.png", photo(1))
    write_png(tmp_path / "a/b/GT/1.png", matte(1))
    write_png(tmp_path / "a/fg/2.png", subject(2))
    write_png(tmp_path / "a/alpha/2_mask.png", matte(2))
    write_png(tmp_path / "3.png", cutout(3))
    items = {item.name: (item.role, item.group) for item in collect(str(tmp_path)).items}
    expected = {"a/b/Image/1.png": ("photo", "a/b/GT"), "a/fg/2.png": ("colours", "a/alpha"), "3.png": ("single", ".")}
    assert items == expected


def test_the_guide_lists_every_check() -> None:
    guide = Path(__file__).resolve().parents[3] / "docs/guides/lint.md"
    text = guide.read_text(encoding="utf-8")
    rows = {name: f"| `{name}` | {info.severity} |" for name, info in all_checks().items()}
    assert [name for name, row in rows.items() if row not in text] == []


def test_blur_of_any_strength_is_told_from_sharpness() -> None:
    sharp = texture(98, (384, 420))[..., 0]
    assert spectral_fall(sharp) < -5
    assert all(spectral_fall(cv2.GaussianBlur(sharp, (0, 0), sigma)) > 0 for sigma in (2, 3, 5, 8))
    assert spectral_fall(np.full((200, 200), 128, np.uint8)) < 0
    # One sharp corner is enough.
    partly = cv2.GaussianBlur(sharp, (0, 0), 5)
    partly[:128, :128] = sharp[:128, :128]
    assert spectral_fall(partly) < 0
