"""What every packaged recipe must do: say its purpose, parse, and make what it promises."""

from __future__ import annotations

import fnmatch
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from aimkit import resources
from aimkit.recipe import header, load_recipe, parse
from aimkit.synth.pool.build import build
from aimkit.synth.pool.ingest import Drawing, ingest, sources_of
from aimkit.toml_files import read_toml
from aimkit.train.setup import with_options_of_weights
from aimkit.zoo.manifest import find as find_entry

ROOT = Path(__file__).parents[2]
RECIPES = resources.recipes()
SYNTH = resources.recipes("synth")
TRAIN = resources.recipes("train")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A little of every kind of folder that a recipe may ask for: fg/ + alpha/, RGBA cut-outs, photos."""
    root = tmp_path_factory.mktemp("images")
    for name in ("fg", "alpha", "cutouts", "photos", "im", "gt"):
        (root / name).mkdir()
    draw = np.random.default_rng(0)
    y, x = np.mgrid[:72, :96]
    for i in range(12):
        color = draw.integers(0, 255, (72, 96, 3), np.uint8)
        alpha = (np.clip((14 + 1.5 * i - np.hypot(y - 36, x - 48)) / 6, 0, 1) * 255).astype(np.uint8)
        cv2.imwrite(str(root / f"fg/{i}.png"), color)
        cv2.imwrite(str(root / f"alpha/{i}.png"), alpha)
        cv2.imwrite(str(root / f"im/{i}.jpg"), color)
        cv2.imwrite(str(root / f"gt/{i}.png"), (alpha > 127).astype(np.uint8) * 255)
        cv2.imwrite(str(root / f"cutouts/{i}.png"), np.dstack([color, alpha]))
        cv2.imwrite(
            str(root / f"photos/{i}.jpg"), cv2.GaussianBlur(draw.integers(0, 255, (80, 60, 3), np.uint8), (9, 9), 3)
        )
    for name in ("animals", "portraits", "mixed", "emoji", "coco", "clothing"):
        shutil.copytree(root / "cutouts", root / "library" / name)
    (root / "panoramas").mkdir()
    for i in range(2):
        cv2.imwrite(str(root / f"panoramas/{i}.png"), draw.integers(0, 255, (32, 64, 3), np.uint8))
    with pytest.MonkeyPatch.context() as patch:
        for name, folder in LIBRARY.items():
            patch.setenv(name, str(root / folder))
        build(ingest(sources_of(["scenes", *VIEWS]), Drawing(1, (48, 48))), root / "pool")
    return root


#: Small views out of panoramas.
VIEWS = [f"backgrounds.panoramas.{key}" for key in ("views=2", "height=48", "width=48")]
#: The folders that the recipes of the shipped weights name; `scenes` has all the sources that `lite` has.
LIBRARY = {
    "CUTOUTS": "library",
    "PHOTOGRAPHED": "library",
    "RENDERED": "cutouts",
    "BACKGROUNDS": "photos",
    "PANORAMAS": "panoramas",
    "PILES": "im",
}


#: Commands whose first argument may be a packaged recipe, and its kind.
COMMANDS = {
    "synth": "synth",
    "preview": "synth",
    "pool build": "synth",
    "train": "train",
    "sweep": "train",
    "learning-curve": "train",
    "bench train": "train",
    "evaluate": "evaluate",
    "render": "render",
}
#: First words after a command that are something else.
WORDS = {"evaluate": {"compare"}}


def recipes_named(text: str) -> set[str]:
    """Recipes that a text names, as ``kind/name``, or as ``*/name`` where it does not say the kind."""
    end = r"(?![\w./:-]*[\w/:-])"
    found = set(
        re.findall(rf"(?<![\w./])(?:recipes/)?((?:synth|train|evaluate|render)/[a-z0-9-]+)(?:\.toml)?{end}", text)
    )
    for command, kind in COMMANDS.items():
        names = set(re.findall(rf"aimkit {command} ([a-z][a-z0-9-]*){end}", text)) - WORDS.get(command, set())
        found |= {f"{kind}/{name}" for name in names}
    found |= {f"*/{name}" for name in re.findall(r"load_recipe\(\"([a-z0-9-]+)\"", text)}
    for table in re.findall(r"^\| recipe \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", text, re.MULTILINE):
        for row in table.splitlines():
            before = ""
            for name in re.findall(r"`([a-z0-9-]+)`", row.split("|")[1]):
                # `procedural-so`, `-stm`: the ending of a name like the one before.
                before = before.rpartition("-")[0] + name if name.startswith("-") else name
                found.add(f"*/{before}")
    return found


def unknown(named: set[str]) -> list[str]:
    return sorted(name for name in named if not fnmatch.filter(RECIPES, name))


def test_there_are_recipes_of_every_name_that_the_readme_promises() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    named = {page.name: recipes_named(page.read_text(encoding="utf-8")) for page in pages}
    assert {"*/natural", "*/demo", "synth/demo"} <= set().union(*named.values()), "the names are not found any more"
    assert {page: unknown(names) for page, names in named.items() if unknown(names)} == {}


def test_every_way_to_name_a_recipe_is_read() -> None:
    text = """
`aimkit synth nothing1 -o out`, `aimkit synth mine.toml`, `aimkit train nothing2`, `aimkit evaluate compare a b`,
aimkit recipes cp synth/nothing3 mine.toml, `aimkit pool build photos/cutouts`, recipes/train/nothing4.toml, s3://a/synth/b,
aimkit/train/recipe.py, load_recipe("nothing5"), aimkit evaluate aim500.

| recipe | for |
|---|---|
| `nothing6`, `procedural-so`, `-nothing` | `no-recipe` |
"""
    assert unknown(recipes_named(text)) == [
        "*/nothing5",
        "*/nothing6",
        "*/procedural-nothing",
        "synth/nothing1",
        "synth/nothing3",
        "train/nothing2",
        "train/nothing4",
    ]
    assert {"evaluate/aim500", "*/procedural-so"} < recipes_named(text)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_opens_with_its_purpose_and_its_command(name: str) -> None:
    text = header(RECIPES[name])
    assert len(text.split("\n")[0]) > 20
    assert re.search(r"Run:", text)
    assert f"aimkit {name.split('/')[0]} {name.split('/')[1]}" in text, "the command must name the recipe"


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_the_way_through_its_resolved_form(name: str) -> None:
    recipe = load_recipe(name)
    again = parse(type(recipe), tomllib.loads(tomli_text(recipe.resolved())), name)
    assert again == recipe
    assert again.digest() == recipe.digest()


def tomli_text(data: dict[str, object]) -> str:
    import tomli_w

    return tomli_w.dumps(data)


@pytest.fixture(scope="module")
def portraits(small: Any, publish: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """P3M-10k as published, but for the number of images."""
    return publish(small("p3m10k", 12), tmp_path_factory.mktemp("P3M-10k"))


@pytest.fixture
def environment(folders: Path, portraits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable that a recipe may name."""
    monkeypatch.setenv("P3M10K", str(portraits))
    for variable in ("DIM", "HATT", "AM2K", "FOREGROUNDS", "DUTS"):
        monkeypatch.setenv(variable, str(folders))
    for name, folder in LIBRARY.items():
        monkeypatch.setenv(name, str(folders / folder))
    monkeypatch.setenv("PHOTOS", str(folders / "im"))
    monkeypatch.setenv("MATTES", str(folders / "alpha"))
    monkeypatch.setenv("BG20K", str(folders / "photos"))
    monkeypatch.setenv("POOL", str(folders / "pool"))


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", SYNTH)
def test_a_synth_recipe_makes_samples(name: str) -> None:
    from aimkit.synth.engine import Synthesizer

    recipe = load_recipe(name, ["placement.height=96", "placement.width=96"])
    made, again = Synthesizer(recipe), Synthesizer(recipe)
    assert len(made) > 0
    for index in (0, 2):
        sample = made[index]
        assert sample.image.shape == (*sample.size, 3)
        assert np.array_equal(sample.image, again[index].image)


VARIANTS = [(name, variant) for name, path in RECIPES.items() for variant in read_toml(path).get("variants", {})]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_a_variant_is_a_recipe_that_draws(name: str, variant: str) -> None:
    recipe, plain = load_recipe(name, [f"variant={variant}"]), load_recipe(name)
    assert (recipe == plain) == (variant == "full"), "only the full one changes nothing"
    if recipe.kind == "train":
        table = recipe.data.train
        recipe = load_recipe(table.recipe, [*table.overrides, "placement.height=64", "placement.width=64"])
    else:
        recipe = load_recipe(name, [f"variant={variant}", "placement.height=64", "placement.width=64"])
    from aimkit.synth.engine import Synthesizer

    assert Synthesizer(recipe).sample(1).size == (64, 64)


@pytest.mark.usefixtures("environment")
def test_the_pool_of_scenes_gives_the_very_samples_of_its_stored_sources() -> None:
    """Generators are drawn anew when they are not in a pool, so they are left out here."""
    from aimkit.synth.engine import Synthesizer

    stored = ["foregrounds.procedural.weight=0", "backgrounds.procedural.weight=0", "balance={}"]
    small = ["placement.height=72", "placement.width=96", "distractors.p=1"]
    live = Synthesizer(load_recipe("scenes", [*VIEWS, *stored, *small]))
    pool = Synthesizer(load_recipe("scenes", ["variant=pool", *stored, *small]))
    roles = set()
    for index in range(8):
        one, other = live.sample(index), pool.sample(index)
        roles |= {(row["role"], row["source"]) for row in one.meta["sources"]}
        for name in ("image", "alpha", "label", "foreground", "background"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name
        assert one.meta | {"recipe": ""} == other.meta | {"recipe": ""}
    assert ("background", "panoramas") in roles
    assert "distractor" in {role for role, _ in roles}


def shrunk(table: Any) -> Any:
    """The table of a stream with small images."""
    if table.source != "synth":
        return table
    return table.model_copy(update={"overrides": [*table.overrides, "placement.height=96", "placement.width=96"]})


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", TRAIN)
def test_a_train_recipe_gives_batches_of_its_size(name: str) -> None:
    from aimkit.data.loader import StreamDataset
    from aimkit.models.registry import models

    small = ["data.transform.size=64"]
    recipe = load_recipe(name, small)
    assert recipe.model.name in models
    for table in (recipe.data.train, recipe.validation.data):
        if table is None:
            continue
        row = StreamDataset(shrunk(table), recipe.data.transform, recipe.seed)[3]
        assert row["image"].shape == (3, 64, 64)
        assert row["label"].shape == (1, 64, 64)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", TRAIN)
def test_a_train_recipe_passes_its_dry_run(name: str) -> None:
    """With a small network and small images; the losses, the optimiser and the sources are the recipe's own."""
    from aimkit.train.dry_run import dry_run

    small = ["batch=2", "data.transform.size=64", "model.init=", "model.pretrained=false"]
    recipe = load_recipe(name, [*small, "model.backbone=mobilenetv3_small_050", "model.options.width=8"])
    data = recipe.data.model_copy(update={"train": shrunk(recipe.data.train)})
    rows = dict(dry_run(recipe.model_copy(update={"data": data})))
    assert rows["network"].endswith("mobilenetv3_small_050, from random weights")
    assert rows["batch, image"] == "(2, 3, 64, 64)"
    assert float(rows["first step, total"]) > 0
    assert {"parameters", "steps", "estimated time", "peak memory"} <= rows.keys()


def test_fine_tuning_builds_the_network_of_the_default_weights() -> None:
    """Options without tensors of their own, such as skip connections, would else get lost in silence."""
    table, entry = with_options_of_weights(load_recipe("finetune")).model, find_entry("default")
    assert (table.name, table.backbone, table.options) == (entry.architecture, entry.backbone, dict(entry.options))
