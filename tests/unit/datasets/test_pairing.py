from __future__ import annotations

from pathlib import Path

import pytest

from aimkit.datasets.find import find_images
from aimkit.datasets.pairing import pair_files
from aimkit.errors import AimkitError


def paired(tmp_path: Path, first: list[str], second: list[str], **options):
    for folder, names in (("im", first), ("mask", second)):
        for name in names:
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).touch()
    found = [find_images(tmp_path / folder).files for folder in ("im", "mask")]
    return pair_files(*found, ("im", "mask"), where=str(tmp_path), **options)


def names(result, root: Path):
    return {tuple(p.relative_to(root).as_posix() for p in files) for files in result.pairs.values()}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.jpg", "a.png"),
        ("a.jpg", "a_mask.png"),
        ("a.jpg", "a-matte.png"),
        ("a_fg.png", "a_alpha.png"),
        ("a_fg.png", "a.png"),
        ("a.b.jpg", "a.b_Alpha.PNG"),
        ("sub/a.jpg", "sub/a_mask.png"),
        ("a.png", "a.alpha.png"),
    ],
)
def test_usual_endings_pair_up(tmp_path, first, second):
    result = paired(tmp_path, [first], [second])
    assert names(result, tmp_path) == {(f"im/{first}", f"mask/{second}")}
    assert not result.lost
    assert list(result.pairs) == list(find_images(tmp_path / "im").files)


def test_exact_names_go_first_and_a_second_file_of_the_name_is_no_loss(tmp_path):
    result = paired(tmp_path, ["a.png", "b.jpg"], ["a.jpg", "a.png", "a_mask.png", "b.jpg", "b.png"])
    assert names(result, tmp_path) == {("im/a.png", "mask/a.png"), ("im/b.jpg", "mask/b.jpg")}
    assert sorted(result.unused) == ["a", "b.png"]
    assert [row.name for row in result.lost.rows] == ["mask/a_mask"]


def test_of_two_other_suffixes_the_lossless_one_is_taken(tmp_path):
    assert names(paired(tmp_path, ["a.webp"], ["a.jpg", "a.png"]), tmp_path) == {("im/a.webp", "mask/a.png")}


def test_an_ending_that_leaves_it_open_pairs_nothing(tmp_path):
    result = paired(tmp_path, ["a.jpg"], ["a_mask.png", "a_alpha.png"], allow_missing=True)
    assert result.pairs == {}
    assert len(result.lost) == 3


def test_what_differs_is_told_with_the_number_and_an_example(tmp_path):
    result = paired(tmp_path, ["a.jpg", "b.jpg", "c.jpg"], ["a.png", "b_mask.png", "c_mask.png"])
    assert len(result.pairs) == 3
    assert result.notes == ["2 pairs by names that differ in _mask (2), such as b and b_mask"]


def test_files_without_a_partner_are_listed_with_the_nearest_name(tmp_path):
    result = paired(tmp_path, ["a.jpg", "b.jpg", "photo1.jpg"], ["a.png", "b.png", "photo_1.png"])
    assert len(result.pairs) == 2
    reasons = dict(result.lost.rows)
    assert reasons["im/photo1"] == "no file of this name in mask/ (nearest: photo_1)"
    assert "mask/photo_1" in reasons


@pytest.mark.parametrize(("first", "second"), [("abcd", "axyz"), ("a", "abcd"), ("abcd", "a")])
def test_most_files_without_a_partner_are_refused_unless_that_is_stated(tmp_path, first, second):
    lists = [f"{x}.jpg" for x in first], [f"{x}.png" for x in second]
    with pytest.raises(AimkitError, match="most files have no partner") as error:
        paired(tmp_path, *lists)
    assert "allow_missing" in error.value.hint
    assert len(paired(tmp_path, *lists, allow_missing=True).pairs) == 1


def test_the_partner_of_a_file_that_was_skipped_is_not_told_again() -> None:
    photos, mattes = ({name: Path(f"{name}.png") for name in names} for names in ("a", "abc"))
    paired = pair_files(photos, mattes, ("image", "mask"), told=["b.jpg", "c_photo.jpg"])
    assert list(paired.pairs) == ["a"]
    assert paired.lost.rows == []
