"""Learning curves: nested subsets, one held-out set, points from the logs of runs, and the files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from aimkit.cli import run
from aimkit.errors import AimkitError
from aimkit.files import write_bytes
from aimkit.imageio import write_png
from aimkit.recipe import load_recipe
from aimkit.synth.engine import Synthesizer
from aimkit.train.checkpoint import recipe_text
from aimkit.train.learning_curve import CurvePoint, plan, points, table
from aimkit.train.learning_curve_page import draw, write_curve
from aimkit.train.recipe import TrainRecipe

TINY = ["placement.height=64", "placement.width=64", "labels.kernel=[5, 9]", 'backgrounds.0.generators=["gradient"]']


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMKIT_HOME", str(tmp_path / "home"))


@pytest.fixture
def cutouts(tmp_path: Path) -> Path:
    """Ten discs of different radius and colour."""
    y, x = np.mgrid[:48, :48] - 24.0
    for i in range(10):
        alpha = np.clip((10 + i - np.hypot(y, x)) / 4, 0, 1) * 255
        color = np.full((48, 48, 3), [20 * i, 90, 200 - 15 * i])
        write_png(tmp_path / f"cutouts/{i}.png", np.dstack([color, alpha]).astype(np.uint8))
    return tmp_path / "cutouts"


@pytest.fixture
def tiny(tmp_path: Path, recipe: Callable[..., TrainRecipe], cutouts: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A recipe file of two steps on composites of cut-outs, seed 5."""
    monkeypatch.setenv("CUTOUTS", str(cutouts))
    stream = {"source": "synth", "recipe": "cutouts", "overrides": TINY}
    data = {"workers": 0, "train": stream, "transform": {"transform": "fit", "size": 64}}
    held_out = {
        "data": {**stream, "overrides": [*TINY, "seed=98"], "reseed": False},
        "count": 2,
        "every": 9,
        "size": 64,
    }
    path = tmp_path / "tiny.toml"
    path.write_text(recipe_text(recipe(steps=2, data=data, validation={**held_out, "gallery": 0})))
    return str(path)


def foregrounds(stream: Any) -> set[str]:
    opened = Synthesizer(load_recipe(stream.recipe, stream.overrides, kind="synth"))
    return {name for title, names in opened.sources.items() if title.startswith("foregrounds") for name in names}


def test_subsets_are_nested_and_what_is_held_out_is_in_none(tiny: str) -> None:
    curve = plan(tiny, [], [4, 2, 2, 6], 2, held_out=0.3)
    assert curve.sizes == (2, 4, 6)
    assert [run.name for run in curve.variants[:3]] == ["2-images-seed5", "2-images-seed6", "4-images-seed5"]
    sets = [foregrounds(curve.runs[size][0].recipe.data.train) for size in curve.sizes]
    assert [len(one) for one in sets] == [2, 4, 6]
    assert sets[0] < sets[1] < sets[2] <= set(curve.training)
    assert set(curve.held_out) | set(curve.training) == {str(i) for i in range(10)}
    for variant in curve.variants:
        assert foregrounds(variant.recipe.validation.data) == set(curve.held_out)
        assert foregrounds(variant.recipe.data.train) == sets[curve.sizes.index(int(variant.name.split("-")[0]))]
    assert not set(curve.held_out) & set(curve.training)


def test_own_folders_take_the_place_of_those_of_the_recipe(
    tiny: str, cutouts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUTOUTS")
    curve = plan(tiny, [], [3], 1, foregrounds=str(cutouts))
    assert len(foregrounds(curve.runs[3][0].recipe.data.train)) == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"sizes": [2, 9]}, "9 images to train on, but there are only"),
        ({"sizes": [2, 9]}, "are held out: end --sizes at"),
        ({"sizes": [0, 2]}, "sizes must be 1 or more"),
        ({"sizes": [2], "foregrounds": "nothere"}, "folder not found"),
        ({"sizes": [2], "recipe": "demo"}, "one source of stored foregrounds, not 0"),
        ({"sizes": [2], "recipe": "duts"}, "needs composites to train on"),
    ],
)
def test_what_has_no_curve_is_told(tiny: str, arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(AimkitError) as error:
        plan(**{"recipe": tiny, "overrides": [], "seeds": 1, "held_out": 0.3, **arguments})
    assert told in str(error.value)


def log(folder: Path, variant: Any, mads: dict[int, float]) -> None:
    """The folder of a run as the loop leaves it, as far as curves look."""
    path = folder / variant.name
    write_bytes(path / "recipe.toml", recipe_text(variant.recipe).encode())
    rows = [{"kind": "val", "step": step, "mad": mad, "mad/SO": mad / 2} for step, mad in mads.items()]
    write_bytes(path / "metrics.jsonl", "\n".join(map(json.dumps, rows)).encode())


def test_a_point_is_the_last_validation_of_its_runs_and_the_first_is_the_start(tiny: str, tmp_path: Path) -> None:
    curve = plan(tiny, [], [2, 4], 2)
    for variant, last in zip(curve.variants, [0.10, 0.14, 0.05, 0.05], strict=True):
        # The middle one is better than the last: it must not be chosen.
        log(tmp_path, variant, {0: 0.2, 1: 0.01, 2: last})
    found = points(curve, tmp_path)
    assert [point.images for point in found] == [0, 2, 4]
    assert found[0].values == (0.2,)
    assert found[0].deviation is None
    assert (found[1].mean, found[1].deviation) == (pytest.approx(0.12), pytest.approx(0.04 / 2**0.5))
    assert found[1].types == {"SO": pytest.approx(0.06)}
    assert table(found) == (
        ["images", "runs", "MAD", "MAD SO"],
        [
            ["0 (zero-shot)", "1", "0.2000", "0.1000"],
            ["2", "2", "0.1200 +- 0.0283", "0.0600"],
            ["4", "2", "0.0500 +- 0.0000", "0.0250"],
        ],
    )


def test_unfinished_runs_are_no_points(tiny: str, tmp_path: Path) -> None:
    curve = plan(tiny, [], [2, 4], 1)
    log(tmp_path, curve.variants[0], {2: 0.1})
    log(tmp_path, curve.variants[1], {1: 0.1})
    assert [point.images for point in points(curve, tmp_path)] == [2]


def test_the_picture_has_every_run_its_spread_and_the_line_of_the_start() -> None:
    found = [
        CurvePoint(0, (0.1,), 0.1, None, {}),
        CurvePoint(2, (0.08, 0.06), 0.07, 0.014, {}),
        CurvePoint(20, (0.04, 0.02), 0.03, 0.014, {}),
    ]
    root = ElementTree.fromstring(draw(found))
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}circle")) == 4
    line = root.find(f"{space}polyline")
    assert line is not None
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in line.attrib["points"].split())
    start = next(path for path in root.findall(f"{space}path") if "stroke-dasharray" in path.attrib)
    zero_shot = float(re.findall(r"[\d.]+", start.attrib["d"])[1])
    assert x1 < x2
    # Heights are proportional to MAD, and y grows downwards: 0.1 - 0.07 : 0.07 - 0.03 = 3 : 4.
    assert (y1 - zero_shot) / (y2 - y1) == pytest.approx(0.75, abs=0.01)
    assert len([path for path in root.findall(f"{space}path") if path.attrib.get("class") == "spread"]) == 2
    assert "zero-shot" not in draw(found[1:])
    assert draw([]) == ""


def test_the_files_tell_the_same(tiny: str, tmp_path: Path) -> None:
    curve = plan(tiny, [], [2], 1, held_out=0.3)
    found = [CurvePoint(2, (0.07,), 0.07, None, {"SO": 0.07})]
    page = write_curve(curve, found, tmp_path / "out", "Curve of <tiny>")
    told = json.loads((tmp_path / "out/learning-curve.json").read_text())
    assert told["points"][0]["mean"] == 0.07
    assert told["held_out"] == list(curve.held_out)
    assert "| 2 | 1 | 0.0700 | 0.0700 |" in (tmp_path / "out/learning-curve.md").read_text()
    assert (tmp_path / "out/learning-curve.svg").read_text().strip() in page.read_text()
    assert "Curve of &lt;tiny&gt;" in page.read_text()


@pytest.mark.slow
def test_the_command_trains_resumes_and_draws(tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["learning-curve", tiny, "--sizes", "2,4", "--seeds", "2", "-o", str(tmp_path / "curve")]
    assert run([*command, "--dry-run"]) == 0
    listed = capsys.readouterr()
    assert [line.split() for line in listed.out.splitlines()[1:]][-1] == ["4-images-seed6", "0/2"]
    assert "one held-out foreground says little" in listed.err
    assert not (tmp_path / "curve").exists()
    assert run(command) == 0
    first = capsys.readouterr().out
    assert [line.split()[:2] for line in first.splitlines()[1:]] == [["2", "2"], ["4", "2"]]
    assert run(command) == 0
    again = capsys.readouterr()
    assert again.out == first
    assert again.err.count("already finished") == 4
    assert (tmp_path / "curve/learning-curve.html").is_file()


def test_sizes_that_can_not_be_read_are_told(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    for sizes, told in (("2,many", "can't read '2,many'"), ("0,2", "0 images are too few")):
        assert run(["learning-curve", tiny, "--sizes", sizes]) == 2
        assert told in capsys.readouterr().err
