"""Runs: right numbers, resumed exactly, nothing dropped in silence."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.evaluate.baselines import baseline
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


@pytest.mark.parametrize("change", ["model", "definitions", "strategy", "file", "code"])
def test_rows_of_another_model_protocol_code_or_file_are_not_reused(
    root: Path, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "images.jsonl"
    run(open_set("aim500", str(root)), Blur(), journal=journal, model={"weights": 1}, strategy="whole")
    options: dict[str, Any] = {"model": {"weights": 1}, "strategy": "whole"}
    if change == "model":
        options["model"] = {"weights": 2}
    elif change == "definitions":
        options["definitions"] = Definitions(grad="matlab")
    elif change == "strategy":
        options["strategy"] = "tiled"
    elif change == "code":
        monkeypatch.setattr("aimkit.evaluate.run.code_digest", lambda: "later code")
    else:
        write_png(root / "mask" / "o_0000.png", np.zeros((40, 56), np.uint8))
    model = Blur()
    run(open_set("aim500", str(root)), model, journal=journal, **options)
    again = 1 if change == "file" else 6
    assert model.calls == again
    assert f"{again} of 6 images were measured with another" in capfd.readouterr().err


def test_images_that_fail_are_skipped_with_their_reasons_and_the_averages_say_so(root: Path, tmp_path: Path) -> None:
    whole = run(open_predictions(str(root / "pred"), str(root)))
    (root / "pred" / "o_0001.png").write_bytes(b"nonsense")
    write_png(root / "pred" / "o_0004.png", np.full((4, 4), 255, np.uint8))
    result = run(open_predictions(str(root / "pred"), str(root)), journal=tmp_path / "images.jsonl")
    assert [row["name"] for row in result["skipped"]] == ["o_0001", "o_0004"]
    assert "size mismatch: prediction is 4x4, truth 56x40" in result["skipped"][1]["reason"]
    assert result["images"] == [row for row in whole["images"] if row["id"] not in ("o_0001", "o_0004")]
    assert result["averages"]["images"]["count"] == 4
    assert result["notes"] == ["averages over 4 of 6 images, without o_0001, o_0004"]
    assert [line.split("\t")[0] for line in (tmp_path / "skipped.txt").read_text().splitlines()] == ["o_0001", "o_0004"]


def test_a_run_without_skipped_images_removes_the_list_of_an_earlier_one(root: Path, tmp_path: Path) -> None:
    good = (root / "pred" / "o_0001.png").read_bytes()
    for content in (b"nonsense", good):
        (root / "pred" / "o_0001.png").write_bytes(content)
        result = run(open_predictions(str(root / "pred"), str(root)), journal=tmp_path / "images.jsonl")
    assert result["skipped"] == []
    assert not (tmp_path / "skipped.txt").exists()


def test_a_model_that_fails_on_one_photo_whatever_the_exception_loses_only_that(root: Path) -> None:
    calls = []

    def model(image: np.ndarray) -> np.ndarray:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("out of luck")
        return red(image)

    result = run(open_set("aim500", str(root)), model, workers=1)
    assert [row["reason"] for row in result["skipped"]] == ["RuntimeError: out of luck"]
    assert result["averages"]["images"]["count"] == 5


def test_when_all_images_fail_no_average_is_given(root: Path) -> None:
    for path in (root / "pred").iterdir():
        path.write_bytes(b"nonsense")
    with pytest.raises(AimkitError, match="6 of 6 images were skipped") as error:
        run(open_predictions(str(root / "pred"), str(root)))
    assert error.value.exit_code == 1


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


def test_a_baselines_rows_hold_for_no_other_set(root: Path, tmp_path: Path) -> None:
    """The journal of a first try with two images does not change the averages over all."""
    journal = tmp_path / "images.jsonl"
    for limit in (2, 0):
        data = open_set("aim500", str(root), limit=limit)
        found = run(data, baseline("mean", data), model={"name": "mean"}, journal=journal, of_data=True)
    assert found["images"] == run(data, baseline("mean", data))["images"]


def test_a_networks_rows_stay_valid_when_images_join(root: Path, tmp_path: Path) -> None:
    journal, model = tmp_path / "images.jsonl", Blur()
    for limit in (2, 0):
        run(open_set("aim500", str(root), limit=limit), model, journal=journal)
    assert model.calls == 6


def test_the_title_is_not_part_of_what_a_row_depends_on(root: Path, tmp_path: Path) -> None:
    model = Blur()
    for title in ("before", "after"):
        facts = {"title": title, "weights_digest": "1"}
        result = run(open_set("aim500", str(root)), model, journal=tmp_path / "images.jsonl", model=facts)
        assert result["model"]["title"] == title
    assert model.calls == 6


def test_a_file_of_other_content_and_the_same_size_and_time_is_measured_again(root: Path, tmp_path: Path) -> None:
    journal, path = tmp_path / "images.jsonl", root / "pred" / "o_0000.png"
    first = run(open_predictions(str(root / "pred"), str(root)), journal=journal)
    was, content = path.stat(), (root / "pred" / "o_0005.png").read_bytes()
    size = max(was.st_size, len(content))
    # What follows the end of a PNG is not read.
    path.write_bytes(path.read_bytes().ljust(size, b"\0"))
    run(open_predictions(str(root / "pred"), str(root)), journal=journal)
    path.write_bytes(content.ljust(size, b"\0"))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    again = run(open_predictions(str(root / "pred"), str(root)), journal=journal)
    assert again["images"][0]["sad"] > first["images"][0]["sad"]


def test_results_on_disk_hold_everything(root: Path, tmp_path: Path) -> None:
    result = run(open_set("aim500", str(root)), Blur(), strategy="whole", model={"title": "blur"})
    write_results(tmp_path / "out", result)
    read = read_results(tmp_path / "out")
    assert read["averages"] == json.loads(json.dumps(result["averages"]))
    facts = json.loads((tmp_path / "out" / "run.json").read_text())
    assert facts["versions"]["numpy"] == np.__version__
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
