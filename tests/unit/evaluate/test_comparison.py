"""Results side by side: the numbers of each image, in order, drawn where they belong, and damaged files told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.evaluate.compare import per_image
from aimkit.evaluate.comparison import comparison_page, worst_html
from aimkit.evaluate.images import EvaluationPlanes
from aimkit.evaluate.plot import scatter
from aimkit.evaluate.report import beside_html
from aimkit.evaluate.results import find_results, stored_inputs, write_results
from aimkit.evaluate.run import run
from aimkit.evaluate.sets import open_predictions


def image(name: str, sad: float | None, kind: str = "SO") -> dict[str, Any]:
    return {"id": name, "type": kind, "category": "c", "sad": sad}


A = {"model": {"name": "a"}, "images": [image("x", 1.0), image("y", 2.0), image("z", None)]}
B = {"model": {"name": "b"}, "images": [image("y", 1.0), image("x", 9.0), image("z", 1.0), image("w", 1.0)]}


@pytest.fixture
def evaluated(root: Path, tmp_path: Path) -> Path:
    result = run(open_predictions(str(root / "pred"), str(root)), model={"title": "one"})
    for name in ("a", "sub/b"):
        title = {"title": name}
        write_results(tmp_path / "all" / name, {**result, "model": title}, {"predictions": str(root / "pred")})
    return tmp_path / "all"


def test_images_that_all_results_have_come_worst_first() -> None:
    rows = per_image([A, B], "sad")
    assert [(row["id"], row["values"]) for row in rows] == [("x", [1.0, 9.0]), ("y", [2.0, 1.0])]
    assert [row["id"] for row in per_image([A], "sad")] == ["y", "x"]
    with pytest.raises(AimkitError, match="no common images"):
        per_image([A, {**B, "images": []}], "sad")


def test_the_scatter_puts_every_image_at_its_values() -> None:
    drawn = scatter(
        [{"id": str(n), "type": "NS", "values": [10.0**n, 10.0 ** (2 - n)]} for n in range(3)], ("a", "b"), "sad"
    )
    ends = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" data-pick="(\d)"', drawn)
    found = {name: (float(x), float(y)) for x, y, name in ends}
    assert found["0"][0] < found["1"][0] < found["2"][0]
    assert found["0"][1] < found["1"][1] < found["2"][1]
    steps = np.diff([found[name] for name in "012"], axis=0)
    assert np.allclose(steps, steps[0, 0], atol=0.11)


def test_the_list_of_the_worst_can_be_chosen_from() -> None:
    shown = worst_html([A, B], "sad", pick=True)
    assert re.findall("data-pick='(.)'", shown) == ["x", "y"]
    assert "+8.00" in shown
    assert "data-pick" not in worst_html([A, B], "sad")


def test_a_page_compares_and_needs_nothing_else(evaluated: Path) -> None:
    found, skips = find_results(evaluated)
    assert [file.parent.name for file in found] == ["a", "b"]
    assert not skips
    page = comparison_page(list(found.values()))
    assert page.count("<circle") == 6
    assert not re.search(r"https?://", page)


def test_damaged_results_are_told_and_the_others_are_found(evaluated: Path) -> None:
    (evaluated / "sub/b/results.json").write_text("{")
    found, skips = find_results(evaluated)
    assert [file.parent.name for file in found] == ["a"]
    assert [row.name for row in skips.rows] == ["sub/b/results.json"]


def test_inputs_are_those_on_record(evaluated: Path, root: Path) -> None:
    assert stored_inputs(evaluated / "a") == {"predictions": str(root / "pred")}
    assert stored_inputs(evaluated) == {}
    for told in ("[]", '{"paths": 3}', '{"paths": {"truth": 3}}', "{"):
        (evaluated / "a/run.json").write_text(told)
        assert stored_inputs(evaluated / "a") == {}


def test_one_image_is_shown_with_every_prediction_its_error_and_a_slider() -> None:
    grey = np.full((8, 8), 128, np.uint8)
    planes = EvaluationPlanes(grey, grey, np.dstack([grey] * 3), grey)
    shown = beside_html("<i>", ["same", "same"], [planes, planes])
    captions = re.findall("<figcaption>(.*?)</figcaption>", shown)
    assert captions[0] == "1: same | 2: same"
    assert captions[1:] == ["photo", "truth", *(t for n in ("1: same", "2: same") for t in (n, f"error of {n}"))]
    assert "<i>" not in shown


def test_the_command_writes_the_page(evaluated: Path, tmp_path: Path) -> None:
    from aimkit.cli import run as command

    file = tmp_path / "page.html"
    assert command(["evaluate", "compare", str(evaluated / "a"), str(evaluated / "sub/b"), "--html", str(file)]) == 0
    assert json.loads((evaluated / "a/results.json").read_text())["model"]["title"] in file.read_text()
