"""Runs: right numbers, resumed exactly, nothing dropped in silence."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.evaluate.digest import state_digest
from aimkit.evaluate.results import read_results, write_results
from aimkit.evaluate.run import Definitions, run
from aimkit.evaluate.sets import open_predictions, open_set
from aimkit.imageio import write_png
from aimkit.metrics.matting import matting_metrics


def red(image: np.ndarray) -> np.ndarray:
    """The test photos hold their matte in red."""
    return image[..., 0]


class Blur:
    """A model that counts its calls, and notices when two come at once."""

    def __init__(self, fail_at: int = 99) -> None:
        self.calls, self.fail_at, self.busy = 0, fail_at, threading.Lock()

    def __call__(self, image: np.ndarray) -> np.ndarray:
        assert self.busy.acquire(blocking=False), "the model is called by one thread at a time"
        try:
            self.calls += 1
            if self.calls == self.fail_at:
                raise KeyboardInterrupt
            return cv2.GaussianBlur(red(image), (0, 0), 2).astype(np.float32) / 255
        finally:
            self.busy.release()


def test_rows_are_the_metrics_of_the_images(root: Path) -> None:
    data = open_predictions(str(root / "pred"), str(root))
    result = run(data, workers=3)
    for entry, row in zip(data.entries, result["images"], strict=True):
        planes = data.read(entry)
        want = matting_metrics(planes.prediction, planes.alpha, planes.trimap, more=True)
        assert {key: row[key] for key in want} == pytest.approx(want)
    assert result["averages"]["images"]["sad"] == pytest.approx(np.mean([row["sad"] for row in result["images"]]))


def test_a_perfect_model_has_no_error(root: Path) -> None:
    result = run(open_set("aim500", str(root)), red)
    assert all(result["averages"][name]["sad"] == 0 for name in ("images", "type_macro", "category_macro"))


def test_a_run_that_was_stopped_continues_and_ends_the_same(root: Path, tmp_path: Path) -> None:
    data, journal = open_set("aim500", str(root)), tmp_path / "images.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run(data, Blur(fail_at=4), journal=journal, workers=1)
    known = len(journal.read_text().splitlines())
    assert known >= 2
    with journal.open("a") as file:
        file.write('{"key": "torn')
    model = Blur()
    resumed = run(data, model, journal=journal)
    assert model.calls == 6 - known
    assert resumed["images"] == run(data, Blur())["images"]
    again = Blur()
    assert run(data, again, journal=journal) == resumed
    assert again.calls == 0


@pytest.mark.parametrize("change", ["model", "definitions", "strategy", "file"])
def test_rows_of_another_model_protocol_or_file_are_not_reused(root: Path, tmp_path: Path, change: str) -> None:
    journal = tmp_path / "images.jsonl"
    run(open_set("aim500", str(root)), Blur(), journal=journal, model={"weights": 1}, strategy="whole")
    options: dict[str, Any] = {"model": {"weights": 1}, "strategy": "whole"}
    if change == "model":
        options["model"] = {"weights": 2}
    elif change == "definitions":
        options["definitions"] = Definitions(grad="matlab")
    elif change == "strategy":
        options["strategy"] = "tiled"
    else:
        write_png(root / "mask" / "o_0000.png", np.zeros((40, 56), np.uint8))
    model = Blur()
    run(open_set("aim500", str(root)), model, journal=journal, **options)
    assert model.calls == (1 if change == "file" else 6)


def test_all_images_that_fail_are_listed_and_no_average_is_given(root: Path) -> None:
    (root / "pred" / "o_0001.png").write_bytes(b"nonsense")
    write_png(root / "pred" / "o_0004.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(AimkitError) as error:
        run(open_predictions(str(root / "pred"), str(root)))
    assert error.value.exit_code == 1
    assert "2 images failed" in error.value.what
    assert "o_0001" in error.value.what
    assert "o_0004: size mismatch: prediction is 4x4, truth 56x40" in error.value.what


def test_a_model_that_gives_nan_is_told_with_the_image(root: Path) -> None:
    with pytest.raises(AimkitError, match="o_0000: the prediction contains NaN"):
        run(open_set("aim500", str(root)), lambda image: np.full(image.shape[:2], np.nan))


def test_a_trimap_without_transition_area_is_noted_and_left_out_of_those_averages(root: Path) -> None:
    write_png(root / "trimap" / "o_0000.png", np.zeros((40, 56), np.uint8))
    result = run(open_set("aim500", str(root)), Blur())
    assert result["images"][0]["sad_transition"] is None
    assert result["images"][0]["sad"] > 0
    assert result["notes"] == ["1 trimaps have no transition area: o_0000"]
    want = np.mean([row["sad_transition"] for row in result["images"][1:]])
    assert result["averages"]["images"]["sad_transition"] == pytest.approx(want)


def test_results_on_disk_hold_everything(root: Path, tmp_path: Path) -> None:
    result = run(open_set("aim500", str(root)), Blur(), strategy="whole", model={"title": "blur"})
    write_results(tmp_path / "out", result)
    read = read_results(tmp_path / "out")
    assert read["averages"] == json.loads(json.dumps(result["averages"]))
    assert read["versions"]["numpy"] == np.__version__
    text = (tmp_path / "out" / "results.md").read_text()
    assert "| blur | whole |" in text
    assert "Grad aim" in text


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 9}'])
def test_files_that_hold_no_results_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(AimkitError):
        read_results(tmp_path / "a.json")


def test_the_weights_digest_sees_values_and_names() -> None:
    import torch

    torch.manual_seed(0)
    first, second = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    assert state_digest(first) != state_digest(second)
    second.load_state_dict(first.state_dict())
    assert state_digest(first) == state_digest(second) != state_digest(torch.nn.Sequential(first))
    assert state_digest(torch.nn.BatchNorm2d(2))
