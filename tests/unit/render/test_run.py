"""Rendering a folder of pictures with a Blender that is a small script: resume, crashes, hangs, bounds, sidecars."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import fake_blender
import numpy as np
import pytest

from aimkit.datasets.credits import read_credits
from aimkit.errors import AimkitError
from aimkit.folder_lock import locked
from aimkit.imageio import read_rgba
from aimkit.recipe import parse
from aimkit.render.models import find_models
from aimkit.render.recipe import RenderRecipe
from aimkit.render.run import RenderOutcome, render
from aimkit.render.shots import plan
from aimkit.skips import Skips

COMMAND = [sys.executable, fake_blender.__file__]


def models(folder: Path, **kinds: str) -> Path:
    for name, what in kinds.items():
        (folder / "models").mkdir(exist_ok=True)
        (folder / "models" / f"{name}.obj").write_text(what)
    return folder / "models"


def rendered(folder: Path, keys: dict[str, Any] | None = None, **options: Any) -> RenderOutcome:
    table = {"path": str(folder / "models"), "name": "things", "licence": "CC0-1.0", "creator": "A. Maker"}
    recipe = parse(RenderRecipe, {"models": [table], "size": 40, "views": 2, **(keys or {})}, "test")
    shots = plan(recipe, find_models(recipe.models, Skips("model")))
    return render(recipe, shots, folder / "out", COMMAND, **options)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_every_view_of_every_model_becomes_a_cutout_with_a_sidecar(tmp_path: Path) -> None:
    models(tmp_path, ball="disc", bun="disc")
    assert rendered(tmp_path, workers=2).made == 4
    names = {f"out/things/{name}-0{view}" for name in ("ball", "bun") for view in (0, 1)}
    assert {str(p.relative_to(tmp_path).with_suffix("")) for p in (tmp_path / "out").rglob("*.png")} == names
    sidecar = json.loads((tmp_path / "out/things/ball-01.json").read_text())
    assert sidecar["model"]["licence"] == "CC0-1.0"
    assert sidecar["versions"] == {"blender": "0.fake"}
    assert {"light", "camera", "look", "seed", "frame"} <= set(sidecar)
    assert str(tmp_path) not in json.dumps(sidecar), "a sidecar names no folder of this machine"


def test_a_cutout_holds_straight_colours_and_the_exact_alpha(tmp_path: Path) -> None:
    models(tmp_path, ball="disc")
    rendered(tmp_path, {"exposure": 0.0, "view": "standard", "views": 1})
    color, alpha = read_rgba(tmp_path / "out/things/ball-00.png")
    expected = fake_blender.picture("disc", 40, 0)[..., 3]
    np.testing.assert_allclose(
        np.asarray(alpha, np.float64) / np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" else alpha,
        np.where(expected > 1 - 1 / 1024, 1, expected),
        atol=1.5 / 1024,
    )
    # 0.5 of linear light is 188 as displayed, at the rim too.
    assert set(np.unique(color[..., 0][expected > 0.01])) <= {187, 188}


def test_a_run_that_was_stopped_goes_on_to_the_same_folder(tmp_path: Path) -> None:
    models(tmp_path, a="disc", b="disc", c="disc")
    rendered(tmp_path)
    whole = contents(tmp_path / "out")
    for name in ("a-00.json", "b-01.png", "c-00.png", "c-00.json"):
        (tmp_path / "out/things" / name).unlink()
    (tmp_path / f"out/things/.a-00.{2**22 + 1}-0123abcd.png").write_bytes(b"half")
    with pytest.raises(AimkitError, match="holds 4 pictures"):
        rendered(tmp_path)
    again = rendered(tmp_path, resume=True)
    assert (again.made, again.known) == (3, 3)
    assert contents(tmp_path / "out") == whole


def test_resume_renders_again_what_another_recipe_made_and_prune_removes_what_it_does_not_make(tmp_path: Path) -> None:
    models(tmp_path, a="disc", b="disc")
    rendered(tmp_path)
    keys = {"seed": 5, "favour": [{"only": ["b"], "views": 1}]}
    other = rendered(tmp_path, keys, resume=True)
    assert (other.made, other.known) == (3, 0)
    assert len(list((tmp_path / "out").rglob("*.png"))) == 4
    assert rendered(tmp_path, keys, resume=True, prune=True).known == 3
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.png")) == ["a-00.png", "a-01.png", "b-00.png"]
    credits = read_credits(tmp_path / "out")
    assert {name: credit.group for name, credit in credits.items()} == {
        "things/a-00": "things/a",
        "things/a-01": "things/a",
        "things/b-00": "things/b",
    }


def test_a_model_of_a_recipe_does_not_change_the_pictures_of_others(tmp_path: Path) -> None:
    models(tmp_path, a="disc")
    rendered(tmp_path)
    models(tmp_path, b="disc")
    more = rendered(tmp_path, resume=True)
    assert (more.made, more.known) == (2, 2)


def test_a_trial_renders_a_few_pictures_and_resume_the_rest(tmp_path: Path) -> None:
    models(tmp_path, a="disc", b="disc")
    assert rendered(tmp_path, limit=1).made == 1
    assert rendered(tmp_path, resume=True, limit=2).made == 2
    again = rendered(tmp_path, resume=True)
    assert (again.made, again.known) == (1, 3)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("crash", "Blender crashed (signal 11); its last output: Segmentation fault in the kernel"),
        ("hang", "Blender took more than 1 s"),
        ("bad", "Blender can't render it: ValueError: the model has no mesh"),
        pytest.param("eat", "GiB of memory", marks=pytest.mark.skipif(sys.platform != "linux", reason="/proc")),
    ],
)
def test_a_picture_that_fails_is_skipped_and_the_others_are_made(tmp_path: Path, what: str, reason: str) -> None:
    models(tmp_path, a="disc", b=what, c="disc")
    outcome = rendered(tmp_path, {"views": 1}, timeout=1 if what == "hang" else 30, memory=120_000_000)
    assert outcome.made == 2
    assert [row.name for row in outcome.skips.rows] == ["things/b-00"]
    assert reason in outcome.skips.rows[0].reason
    assert not (tmp_path / "out/things/b-00.json").exists()


def test_a_crash_costs_one_picture_and_resume_tries_it_again(tmp_path: Path) -> None:
    models(tmp_path, a="once:crash")
    first = rendered(tmp_path)
    assert (first.made, len(first.skips)) == (1, 1)
    second = rendered(tmp_path, resume=True)
    assert (second.made, second.known, len(second.skips)) == (1, 1, 0)


def test_a_model_that_fails_twice_is_not_tried_again(tmp_path: Path) -> None:
    models(tmp_path, a="bad")
    reasons = [row.reason for row in rendered(tmp_path, {"views": 5}).skips.rows]
    assert ["has no mesh" in reason for reason in reasons] == [True, True, False, False, False]
    assert reasons[4] == "2 pictures of its model failed"


@pytest.mark.parametrize(
    ("what", "reason"), [("empty", "covers 0.00%"), ("board", "plain board"), ("black", "it is black")]
)
def test_pictures_of_nothing_are_not_kept_and_not_rendered_twice(tmp_path: Path, what: str, reason: str) -> None:
    models(tmp_path, a=what, b="disc")
    keys = {"views": 1, "reject": {"max_fill": 0.98}}
    first = rendered(tmp_path, keys)
    assert first.made == 1
    assert reason in first.rejected.rows[0].reason
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.png")) == ["b-00.png"]
    again = rendered(tmp_path, keys, resume=True)
    assert (again.made, again.known, len(again.rejected)) == (0, 1, 1)
    # Other limits are another question.
    limits = {"min_cover": 0, "min_light": 0}
    assert rendered(tmp_path, {"views": 1, "reject": limits}, resume=True).made == (what != "empty")


def test_further_planes_lie_where_no_source_takes_them_for_cutouts(tmp_path: Path) -> None:
    models(tmp_path, a="disc")
    rendered(tmp_path, {"views": 1, "passes": ["depth", "normal", "shadow"]})
    found = sorted(p.name for p in (tmp_path / "out/.passes/things").iterdir())
    assert found == ["a-00.depth.png", "a-00.normal.png", "a-00.shadow.png"]


def test_two_runs_do_not_write_to_one_folder(tmp_path: Path) -> None:
    models(tmp_path, a="disc")
    holder = tmp_path / "out"
    with locked(holder, "render"):
        assert rendered(tmp_path).made == 2  # The same process may enter again.
    record = json.loads((tmp_path / "out/render.json").read_text())
    assert record["recipe"]["views"] == 2
    lock = {"what": "render", "pid": os.getppid(), "host": os.uname().nodename, "birth": "", "since": "", "command": ""}
    (tmp_path / "out/.aimkit.lock").write_text(json.dumps(lock))
    with pytest.raises(AimkitError, match="another process is writing"):
        rendered(tmp_path, resume=True)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_blender_is_left_behind(tmp_path: Path) -> None:
    models(tmp_path, a="disc", b="hang")
    rendered(tmp_path, {"views": 1}, timeout=1, workers=2)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert [pid for pid in children if b"fake_blender" in Path(f"/proc/{pid}/cmdline").read_bytes()] == []
