"""The page of an experiment: everything in one file, and a headline that the numbers bear out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from aimkit.errors import AimkitError
from aimkit.evaluate.compare import headline
from aimkit.evaluate.images import EvaluationSet
from aimkit.evaluate.results import write_results
from aimkit.evaluate.run import look, run
from aimkit.evaluate.sets import open_predictions, open_set
from aimkit.imageio import write_png
from aimkit.recipe import load_recipe
from aimkit.train.experiment import Experiment, score_table, write_experiment

TYPES = ("SO", "STM", "NS")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six images of three types, and predictions that are off by 10 levels a number."""
    folder, y = tmp_path / "data", np.mgrid[:40, :48][0]
    for number in range(6):
        alpha = np.where(y > 12 + number, 200, 0).astype(np.uint8)
        write_png(folder / f"original/{number}.png", np.dstack([alpha, 255 - alpha, alpha]))
        write_png(folder / f"mask/{number}.png", alpha)
        write_png(folder / f"pred/{number}.png", np.minimum(alpha + 10 * number, 255).astype(np.uint8))
    names = {str(i): {"type": TYPES[i % 3], "category": "toy"} for i in range(6)}
    (folder / "types.json").write_text(json.dumps(names))
    return folder


@pytest.fixture
def predictions(root: Path) -> EvaluationSet:
    return open_predictions(str(root / "pred"), str(root), kernel=5)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """What a run leaves behind."""
    folder, small = tmp_path / "runs/first", ['data.train.overrides=["placement.height=32", "placement.width=32"]']
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text("# digest 0\n" + tomli_w.dumps(load_recipe("train/demo", small).resolved()))
    rows: list[dict[str, Any]] = [{"kind": "train", "step": i, "total": 3 / i, "lr": 0.1} for i in (1, 2, 3)]
    rows.append({"kind": "val", "step": 3, "mad": 0.2, "mad/SO": 0.1})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "page.html").write_text("the run")
    return folder


def results(predictions: EvaluationSet, root: Path) -> list[dict[str, Any]]:
    """The predictions, and two constants; all of one protocol."""
    found = [run(predictions, model={"title": "ours"}, strategy="whole")]
    data = open_set("folder", str(root), kernel=5)
    for value in (0.0, 0.5):
        constant = lambda image, v=value: np.full(image.shape[:2], v, np.float32)  # noqa: E731
        found.append(run(data, constant, model={"title": f"constant {value}"}, strategy="whole"))
    return found


def mad(result: dict[str, Any], names: Sequence[str] = TYPES) -> float:
    return float(np.mean([row["mad"] for row in result["images"] if row["type"] in names]))


def test_the_headline_compares_with_the_best_of_the_others_also_in_every_type(
    predictions: EvaluationSet, root: Path
) -> None:
    ours, *others = results(predictions, root)
    text = headline([ours, *others])
    best = min(others, key=mad)
    assert f"MAD {mad(ours):.4f} on 6 images" in text
    assert f"{1 - mad(ours) / mad(best):.0%}".replace("%", " % below the best other") in text
    assert best["model"]["title"] in text
    for name in TYPES:
        rival = min(mad(other, [name]) for other in others)
        assert f"{name} {1 - mad(ours, [name]) / rival:.0%}".replace("%", " % below") in text
    low, high = (float(x) for x in re.search(r"difference (\S+) \.\. ([-+.\d]+)", text).groups())  # type: ignore[union-attr]
    assert low <= mad(ours) - mad(best) <= high < 0


def test_the_headline_says_when_the_first_is_worse(predictions: EvaluationSet, root: Path) -> None:
    ours, zeros, _ = results(predictions, root)
    assert f"{mad(zeros) / mad(ours) - 1:.0%}".replace("%", " % above") in headline([zeros, ours])


def test_the_table_has_a_row_a_result_and_mad_by_type(predictions: EvaluationSet, root: Path) -> None:
    found = results(predictions, root)
    columns, rows = score_table(found)
    assert columns[:5] == ["", "MAD all", "MAD SO", "MAD STM", "MAD NS"]
    for result, row in zip(found, rows, strict=True):
        assert row[0] == result["model"]["title"]
        assert row[1:5] == [f"{mad(result):.4f}", *(f"{mad(result, [name]):.4f}" for name in TYPES)]


def test_the_page_holds_everything_and_needs_no_other_file(
    trained: Path, predictions: EvaluationSet, root: Path, tmp_path: Path
) -> None:
    found, files = results(predictions, root), [tmp_path / f"evaluation/{i}" for i in range(3)]
    for file, result in zip(files, found, strict=True):
        write_results(file, result)
    (files[0] / "report.html").write_text("the report")
    assert look(predictions, None, "0").prediction is not None
    target = tmp_path / "pages/index.html"
    said = write_experiment(
        target, Experiment(trained, found, files, predictions, "A <title>", ["No photos & no benchmark."]), rows=1
    )
    text = target.read_text()
    assert "A &lt;title&gt;" in text
    assert "No photos &amp; no benchmark." in text
    assert said == headline(found)
    assert said in text
    assert found[0]["protocol"]["text"].split(";")[0] in text
    # A sheet, and image, truth, prediction and error of one image of each type.
    assert text.count("<img") == text.count("src='data:image/png;base64,") == 1 + 3 * 4
    assert text.count("<polyline") >= 3
    for cell in (cell for row in score_table(found)[1] for cell in row):
        assert f"<td>{cell}</td>" in text
    links = re.findall(r"href='([^']+)'", text)
    assert [(target.parent / link).read_text() for link in links] == ["the run", "the report"]


def test_a_page_of_a_run_alone_has_its_data_and_curves(trained: Path, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    assert write_experiment(target, Experiment(trained), rows=1) == ""
    text = target.read_text()
    assert "<h1>first</h1>" in text
    assert f"not finished: 0 of {load_recipe('train/demo').resolved()['steps']} steps" in text
    assert text.count("<img") == 1
    assert "Evaluation" not in text


def test_training_data_that_went_away_is_said_and_no_failure(trained: Path, tmp_path: Path) -> None:
    gone = 'data.train={source="written", path="' + str(tmp_path / "gone") + '"}'
    (trained / "recipe.toml").write_text("# digest 0\n" + tomli_w.dumps(load_recipe("train/demo", [gone]).resolved()))
    write_experiment(tmp_path / "page.html", Experiment(trained))
    assert "training data can't be shown" in (tmp_path / "page.html").read_text()


def test_results_of_different_protocols_are_refused(trained: Path, predictions: EvaluationSet, tmp_path: Path) -> None:
    one, other = (run(predictions, model={"title": name}, strategy=name) for name in ("whole", "tiled"))
    with pytest.raises(AimkitError, match="protocols differ"):
        write_experiment(tmp_path / "page.html", Experiment(trained, [one, other]))
    assert not (tmp_path / "page.html").exists()
