"""Folders under other names, one level deeper, of one part only; and descriptions that make no sense."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aimkit.datasets.catalog import PublishedSet, find_published, published_sets
from aimkit.datasets.catalog.layout import files, locate, search
from aimkit.errors import AimkitError
from aimkit.recipe import parse


@pytest.fixture
def animals(small: Callable[..., Any], publish: Callable[..., Path], tmp_path: Path) -> Path:
    return publish(small("am2k"), tmp_path / "my animals")


def test_a_set_is_found_one_level_below(animals: Path) -> None:
    known = find_published("am2k")
    assert locate(known, known.part("train"), animals.parent).folder == animals / "train"


def test_folders_are_compared_without_case(animals: Path) -> None:
    (animals / "train").rename(animals / "Train")
    (animals / "Train" / "mask").rename(animals / "Train" / "MASK")
    known = find_published("am2k")
    assert locate(known, known.part("train"), animals).planes["alpha"] == (animals / "Train" / "MASK",)


def test_the_folder_of_a_part_is_enough_but_not_for_another_part(animals: Path) -> None:
    known = find_published("am2k")
    assert locate(known, known.part("train"), animals / "train").folder == animals / "train"
    assert search(known, known.part("validation"), animals / "train") is None
    (animals / "train").rename(animals / "elsewhere")
    assert search(known, known.part("train"), animals) is None, "validation/ has the same folders but is another part"


def test_halves_are_read_as_one(small: Callable[..., Any], publish: Callable[..., Path], tmp_path: Path) -> None:
    known = small("dim", 4)
    located = locate(known, known.part("train"), publish(known, tmp_path))
    found = files(located).complete
    assert {planes["foreground"].parent.parent.name for planes in found.values()} == {"Adobe-licensed images", "Other"}
    assert all(planes["foreground"].parent.parent == planes["alpha"].parent.parent for planes in found.values())


def test_the_same_name_in_both_halves_makes_two_pairs(
    small: Callable[..., Any], publish: Callable[..., Path], tmp_path: Path
) -> None:
    known = small("dim", 2)
    root = publish(known, tmp_path)
    for plane in ("fg", "alpha"):
        half = root / "Training_set" / "Other" / plane
        (half / "t_0001.png").rename(half / "t_0000.png")
    found = files(locate(known, known.part("train"), root)).complete
    assert list(found) == ["Other/t_0000", "t_0000"]
    assert all(planes["foreground"].parent.parent == planes["alpha"].parent.parent for planes in found.values())


def test_what_is_missing_is_named_with_what_is_there(tmp_path: Path) -> None:
    known = find_published("p3m10k")
    (tmp_path / "P3M-10k.zip").touch()
    with pytest.raises(AimkitError, match=r"train/blurred_image/ and train/mask/; found .*unpack P3M-10k.zip first"):
        locate(known, known.part("train"), tmp_path)
    with pytest.raises(AimkitError, match="folder not found"):
        locate(known, known.part("train"), tmp_path / "nowhere")


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(AimkitError, match="unknown dataset 'ppm10'\nhint:  did you mean 'ppm100'"):
        find_published("ppm10")
    with pytest.raises(AimkitError, match="P3M-10k has no part 'P3M-500'\nhint:  did you mean 'P3M-500-P'"):
        find_published("p3m").part("P3M-500")
    with pytest.raises(AimkitError, match="BG-20k has no foregrounds"):
        find_published("bg20k").part("", "foregrounds")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"use": "backgrounds"}, "backgrounds can't be made from image, alpha"),
        ({"evaluate": "am2k"}, "set evaluate and title if and only if"),
        (
            {"layouts": [{"image": "original", "alpha": "mask", "by": "me"}]},
            "first layout must be the authors' own",
        ),
        ({"count": 0}, "greater than or equal to 1"),
    ],
)
def test_descriptions_that_make_no_sense_are_refused(change: dict[str, Any], message: str) -> None:
    data = published_sets()["am2k"].model_dump()
    data["parts"] = [{**data["parts"][0], **change}]
    with pytest.raises(AimkitError, match=message):
        parse(PublishedSet, data, "mine.toml")
