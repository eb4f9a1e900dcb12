"""What the check finds: wrong counts, missing and unreadable files, other sizes, masks for mattes, wrong types."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from aimkit.datasets.catalog.check import check
from aimkit.datasets.catalog.report import CatalogReport
from aimkit.errors import AimkitError


@pytest.fixture
def known(small: Callable[..., Any]) -> Any:
    return small("am2k", 4)


@pytest.fixture
def root(known: Any, publish: Callable[..., Path], tmp_path: Path) -> Path:
    return publish(known, tmp_path / "AM-2k")


def problems(report: CatalogReport, part: str = "train") -> dict[str, list[str]]:
    rows = next(one.to_json() for one in report.parts if one.located.part.name == part)["problems"]
    return {row["kind"]: row["names"] for row in rows}


def test_a_missing_matte_is_named_and_the_count_is_wrong(known: Any, root: Path) -> None:
    (root / "train" / "mask" / "t_0002.png").unlink()
    report = check(known, root)
    assert not report.ok
    assert problems(report) == {"wrong count": ["3 pairs, 4 are published"], "no matte": ["t_0002"]}
    assert problems(report, "validation") == {}


def test_a_matte_of_another_size_is_found(known: Any, root: Path) -> None:
    cv2.imwrite(str(root / "train" / "mask" / "t_0001.png"), np.full((72, 95), 128, np.uint8))
    assert problems(check(known, root)) == {"sizes differ": ["t_0001: photo 96x72, matte 95x72"]}


def test_a_trimap_of_another_size_or_a_missing_one_is_found(known: Any, root: Path) -> None:
    cv2.imwrite(str(root / "validation" / "trimap" / "v_0001.png"), np.zeros((7, 9), np.uint8))
    (root / "validation" / "trimap" / "v_0002.png").unlink()
    found = problems(check(known, root), "validation")
    assert found == {"no trimap": ["v_0002"], "sizes differ": ["v_0001: photo 96x72, matte 96x72, trimap 9x7"]}


def test_a_file_that_is_cut_short_is_found_but_not_by_the_quick_check(known: Any, root: Path) -> None:
    file = root / "train" / "original" / "t_0003.jpg"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    found = problems(check(known, root))
    assert list(found) == ["unreadable"]
    assert found["unreadable"][0].startswith("t_0003: photo: can't read the image")
    assert check(known, root, quick=True).ok


def test_an_empty_matte_is_a_problem_and_a_mask_a_warning(known: Any, root: Path) -> None:
    cv2.imwrite(str(root / "train" / "mask" / "t_0000.png"), np.zeros((72, 96), np.uint8))
    disc = cv2.circle(np.zeros((72, 96), np.uint8), (48, 36), 20, 255, -1)
    cv2.imwrite(str(root / "train" / "mask" / "t_0001.png"), disc)
    report = check(known, root)
    assert problems(report) == {"empty matte": ["t_0000"]}
    train = report.parts[0].to_json()
    assert train["warnings"] == [{"kind": "almost binary matte", "count": 1, "names": ["t_0001"]}]
    assert train["types"] == {"SO": 3}
    assert train["types_from"] == "mattes"


def test_a_part_that_is_not_there_counts_unless_another_is_asked_for(known: Any, root: Path) -> None:
    (root / "validation").rename(root.parent / "gone")
    report = check(known, root)
    assert report.absent == ["validation"]
    assert not report.ok
    assert check(known, root, part="train").ok
    assert check(known, root / "train").ok, "whoever names the folder of one part does not ask for the others"


def test_a_renamed_folder_of_one_part_is_told_by_its_count(
    known: Any, small: Callable[..., Any], root: Path, tmp_path: Path
) -> None:
    (root / "train").rename(tmp_path / "renamed")
    with pytest.raises(AimkitError, match="could be any of its parts: train, validation"):
        check(known, tmp_path / "renamed")
    parts = [known.parts[0], known.parts[1].model_copy(update={"count": 7})]
    report = check(known.model_copy(update={"parts": tuple(parts)}), tmp_path / "renamed")
    assert [one.located.part.name for one in report.parts] == ["train"]
    assert report.ok


def test_another_dataset_is_refused_with_exit_code_1(small: Callable[..., Any], root: Path) -> None:
    with pytest.raises(AimkitError, match=r"this is not P3M-10k as published(.|\n)*found train/, validation/") as info:
        check(small("p3m10k"), root)
    assert info.value.exit_code == 1
    assert "found train/, validation/" in info.value.hint


def test_types_and_categories_are_compared(
    small: Callable[..., Any], publish: Callable[..., Path], tmp_path: Path
) -> None:
    known = small("aim500")
    root = publish(known, tmp_path)
    report = check(known, root)
    assert report.ok
    assert report.parts[0].types == {"NS": 2, "SO": 3, "STM": 2}
    file = root / "aim_category_type.json"
    rows = json.loads(file.read_text())
    rows["t_0000"]["category"] = "toy"
    rows["t_1001"] = rows.pop("t_0001")
    file.write_text(json.dumps(rows))
    report = check(known, root)
    found = problems(report, "test")
    assert found["no type"] == ["t_0001: nearest: t_1001"]
    assert found["categories differ"] == ["animal 0 for 1, portrait 0 for 1, toy 2 for 1"]
    assert report.parts[0].to_json()["warnings"][0]["names"] == ["t_1001"]
    file.unlink()
    assert problems(check(known, root), "test") == {"no types file": ["aim_category_type.json not found"]}


def test_a_types_file_of_aims_form_goes_with_its_section(
    small: Callable[..., Any], publish: Callable[..., Path], tmp_path: Path
) -> None:
    known = small("dim", 2)
    root = publish(known, tmp_path / "DIM", parts=("train",))
    file = tmp_path / "types.json"
    file.write_text(json.dumps({"DIM": {"t_0000": "SO", "t_0001": "NS"}, "HATT": {"a": "SO"}}))
    report = check(known, root, part="train", types=str(file))
    assert report.ok
    assert report.parts[0].types == {"NS": 1, "SO": 1}
    report = check(known, root, part="train", types=str(file), section="HATT")
    assert problems(report)["no type"] == ["t_0000", "t_0001"]


def test_a_type_that_the_set_does_not_have_is_wrong(known: Any, root: Path, tmp_path: Path) -> None:
    file = tmp_path / "types.json"
    file.write_text(json.dumps({f"t_000{i}": "SO" if i else "NS" for i in range(4)}))
    found = problems(check(known, root, part="train", types=str(file)))
    assert found == {"wrong type": ["t_0000: NS, but all images are SO"]}
