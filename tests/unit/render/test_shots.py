"""Drawing pictures: from the recipe, the model and the view alone, within the recipe's ranges."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aimkit.errors import AimkitError
from aimkit.recipe import parse
from aimkit.render.models import RenderModel
from aimkit.render.recipe import RenderRecipe
from aimkit.render.shots import Shot, job_of, plan


def model(name: str, category: str = "") -> RenderModel:
    return RenderModel(f"set/{name}", name, category, "", "", "", None, f"{name}.obj")


def shots(models: list[RenderModel], **keys: Any) -> list[Shot]:
    return plan(parse(RenderRecipe, {"models": [{"path": "unused"}], **keys}, "test"), models)


def test_a_picture_depends_on_recipe_model_and_view_alone() -> None:
    alone = {shot.id: shot.digest for shot in shots([model("a")])}
    among = {shot.id: shot.digest for shot in shots([model("b"), model("a")], views=6)}
    assert alone.items() < among.items()
    assert len(set(among.values())) == 12
    assert {shot.digest for shot in shots([model("a")], seed=1)}.isdisjoint(alone.values())


def test_any_beginning_of_a_plan_holds_every_model_before_a_second_view() -> None:
    found = shots([model(name) for name in "abcdefgh"], views=3)
    assert {shot.model.id for shot in found[:8]} == {f"set/{name}" for name in "abcdefgh"}
    assert [shot.model.id for shot in found[:8]] != [f"set/{name}" for name in "abcdefgh"]


def test_models_of_many_views_come_as_often_in_any_part_of_a_plan() -> None:
    often = [{"only": ["often"], "views": 40}]
    names = [shot.model.name for shot in shots([model("often"), *map(model, "abcdefgh")], views=10, favour=often)]
    for start in range(0, 120, 30):
        assert 8 <= names[start : start + 30].count("often") <= 12


def test_a_pose_and_its_moment_are_drawn_and_named_without_a_folder(tmp_path: Path) -> None:
    files = (tmp_path / "sit.fbx", tmp_path / "walk.fbx")
    found = shots([replace(model("ann"), poses=files, up="z"), model("cup")], views=40)
    posed = [shot for shot in found if shot.model.name == "ann"]
    drawn = [shot.setup["pose"] for shot in posed]
    assert {pose["name"] for pose in drawn} == {"sit.fbx", "walk.fbx"}
    assert min(pose["at"] for pose in drawn) < 0.1 < 0.9 < max(pose["at"] for pose in drawn)
    assert str(tmp_path) not in json.dumps(posed[0].setup)
    job = job_of(posed[0], Path("ann.fbx"), Path("out"), 1)
    assert job["pose"] == drawn[0] | {"file": str(tmp_path / drawn[0]["name"])}
    assert job["up"] == "z"
    plain = next(shot for shot in found if shot.model.name == "cup")
    assert not {"pose", "up"} & set(plain.setup)
    assert plain.digest == shots([model("cup")])[0].digest, "what has no pose is drawn as it was"


def test_favoured_models_have_views_of_their_own() -> None:
    favour = [{"only": ["*plant*"], "views": 5}, {"only": ["Kitchen", "plant"], "views": 9}]
    found = shots([model("Plant1"), model("cup", "kitchen"), model("bed")], views=2, favour=favour)
    assert Counter(shot.model.name for shot in found) == {"Plant1": 5, "cup": 9, "bed": 2}


def test_everything_drawn_is_within_its_range() -> None:
    camera = {
        "elevation": [10, 20],
        "roll": [-3, 3],
        "focal": [50, 85],
        "share": [0.5, 0.6],
        "defocus": 1,
        "blur": [0.01, 0.02],
        "motion": 0.5,
        "path": [0.03, 0.04],
    }
    found = [shot.setup for shot in shots([model("a")], views=60, size=[100, 120], camera=camera)]
    for setup in found:
        drawn = setup["camera"]
        assert 100 <= setup["size"] <= 120
        assert drawn["focal"] in (50, 85)
        assert 0.5 <= drawn["share"] <= 0.6
        assert 0.01 <= drawn["focus"] <= 0.02
        assert 0.03 <= drawn.get("motion", 0.03) <= 0.04
        for view in drawn["views"]:
            assert 10 <= math.degrees(view["elevation"]) <= 20.001
            assert abs(math.degrees(view["roll"])) <= 3.001
    assert len({setup["size"] for setup in found}) > 15
    assert 15 < sum("motion" in setup["camera"] for setup in found) < 45


def test_looks_are_drawn_by_weight_among_those_that_fit() -> None:
    looks = [
        {"look": "imported", "weight": 1},
        {"look": "fur", "weight": 3, "only": ["cat"]},
        {"look": "metal", "weight": 1, "never": ["cat"]},
    ]
    found = shots([model("cat"), model("cup")], views=300, looks=looks)
    count = Counter((shot.model.name, shot.setup["look"]["look"]) for shot in found)
    assert 190 < count["cat", "fur"] < 260
    assert 110 < count["cup", "metal"] < 190
    assert set(count) == {("cat", "fur"), ("cat", "imported"), ("cup", "imported"), ("cup", "metal")}
    with pytest.raises(AimkitError, match="no look fits the model 'set/cup'"):
        shots([model("cup")], looks=looks[1:2])


def test_glass_and_fur_get_the_samples_that_they_need() -> None:
    for kind, counts in {"imported": (32, 128), "glass": (64, 256), "fur": (32, 256)}.items():
        setup = shots([model("a")], looks=[{"look": kind}])[0].setup
        assert (setup["samples"], setup["matte_samples"]) == counts
    assert shots([model("a")], samples=7, matte_samples=9)[0].setup["samples"] == 7


def test_panoramas_are_found_and_a_setup_names_no_folder(tmp_path: Path) -> None:
    for name in ("a.hdr", "sub/b.exr", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    lights = [{"path": str(tmp_path), "exclude": ["a*"]}, {"weight": 0.5}]
    found = shots([model("a")], views=40, lights=lights)
    names = {shot.setup["light"]["panorama"] for shot in found}
    assert names == {"b.exr", ""}
    lit = next(shot for shot in found if shot.panorama)
    assert str(tmp_path) not in json.dumps(lit.setup)
    job = job_of(lit, Path("m.obj"), Path("out"), 1)
    assert job["light"]["file"] == str(tmp_path / "sub/b.exr")
    with pytest.raises(AimkitError, match="panoramas not found"):
        shots([model("a")], lights=[{"path": str(tmp_path / "no")}])
    with pytest.raises(AimkitError, match="has no panoramas"):
        shots([model("a")], lights=[{"path": str(tmp_path), "exclude": ["*"]}])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"looks": [{"look": "wood"}]}, "unknown look"),
        ({"looks": [{"look": "imported", "weight": 0}]}, "all weights are 0"),
        ({"size": 100_000}, "not between"),
        ({"camera": {"elevation": 91}}, "not between"),
        ({"samples": "many"}, "samples"),
        ({"exposure": "auto", "vew": 1}, "unknown key"),
    ],
)
def test_a_wrong_key_is_told(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(AimkitError) as caught:
        shots([model("a")], **keys)
    assert message in str(caught.value)
