"""What every known dataset must do: say all about itself, pass its own check, be in recipes, and be read by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aimkit import resources
from aimkit.datasets.catalog import find_published, plain, published_sets
from aimkit.datasets.catalog.check import check
from aimkit.datasets.catalog.layout import files, locate
from aimkit.datasets.catalog.model_sets import model_page, model_sets
from aimkit.datasets.catalog.page import command, page
from aimkit.recipe import load_recipe
from aimkit.synth.source import background_sources, foreground_sources

NAMES = list(published_sets())
PARTS = [(name, part.name) for name in NAMES for part in published_sets()[name].parts]
LAYOUTS = [
    (name, part.name, i)
    for name in NAMES
    for part in published_sets()[name].parts
    for i in range(len(part.layouts))
    if i == 0 or part.layouts[i] != part.layouts[0]
]


def test_the_sets_that_the_papers_use_are_known() -> None:
    assert {"am2k", "bg20k", "dim", "distinctions646", "p3m10k", "ppm100", "aim500", "duts"} <= set(NAMES)
    assert find_published("HATT").name == "distinctions646"
    assert [part.count for part in find_published("P3M-10k").parts] == [9421, 500, 500]


def test_no_two_sets_share_a_name() -> None:
    names = [name for one in published_sets().values() for name in {one.name, plain(one.title), *one.aliases}]
    assert len(names) == len(set(names))
    assert len({one.variable for one in published_sets().values()}) == len(NAMES)


def test_every_collection_of_the_packaged_render_is_in_the_catalog_with_its_licence() -> None:
    recipe = load_recipe("render/things")
    assert {entry.name: entry.licence for entry in recipe.models} == {
        one.name: one.licence for one in model_sets().values()
    }
    assert not set(model_sets()) & set(NAMES)
    guide = (Path(__file__).parents[2] / "docs/guides/rendering.md").read_text(encoding="utf-8")
    for one in model_sets().values():
        text = model_page(one)
        assert all(fact in text for fact in (one.title, one.page, one.get, one.licence, one.credit, one.variable))
        assert "render/things" in one.recipes
        row = next(line for line in guide.splitlines() if line.startswith(f"| `{one.name}`"))
        assert f"| {one.licence} |" in row


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_where_what_and_on_which_terms(name: str) -> None:
    known = published_sets()[name]
    text = page(known)
    for fact in (known.title, known.about, known.page, known.get, known.terms, known.paper):
        assert len(fact) > 2
        assert fact in text
    for part in known.parts:
        assert f"{part.count:,}" in text
        assert all(name.strip(".") in text for names in part.layouts[0].needed.values() for name in names)
    assert f"aimkit catalog check {name} DIR" in text


@pytest.mark.parametrize("name", NAMES)
def test_the_guide_lists_it_with_its_recipes(name: str) -> None:
    guide = (Path(__file__).parents[2] / "docs/guides/published-sets.md").read_text(encoding="utf-8")
    row = next(line for line in guide.splitlines() if line.startswith(f"| `{name}`"))
    for part in published_sets()[name].parts:
        assert f"{part.count:,}" in row
        assert not part.recipes or any(f"`{recipe}`" in row for recipe in part.recipes)


@pytest.mark.parametrize("name", NAMES)
def test_its_recipes_exist_and_read_it(name: str) -> None:
    known = published_sets()[name]
    recipes = [(part, recipe) for part in known.parts for recipe in part.recipes]
    assert recipes, "every known dataset is used by a recipe"
    for part, recipe in recipes:
        text = resources.recipes()[recipe].read_text(encoding="utf-8")
        if part.use == "evaluation":
            assert load_recipe(recipe).data.kind == part.evaluate
        else:
            assert f"${{{known.variable}}}" in text
        assert "DIR" in command(recipe, known, part)


@pytest.mark.parametrize(("name", "part", "layout"), LAYOUTS)
def test_a_part_is_found_in_each_of_its_layouts(
    name: str, part: str, layout: int, small: Callable[..., Any], publish: Callable[..., Path], tmp_path: Path
) -> None:
    known = small(name, 2)
    publish(known, tmp_path, layout, (part,))
    wanted = known.part(part)
    located = locate(known, wanted, tmp_path)
    assert located.layout == wanted.layouts[layout]
    assert len(files(located).complete) == wanted.count


@pytest.mark.parametrize("name", NAMES)
def test_what_the_authors_publish_passes_the_check(
    name: str, small: Callable[..., Any], publish: Callable[..., Path], tmp_path: Path
) -> None:
    known = small(name)
    publish(known, tmp_path)
    report = check(known, tmp_path)
    assert report.ok, report.to_json()
    assert [part.located.part.name for part in report.parts] == [part.name for part in known.parts]
    assert not any(part.warnings for part in report.parts)
    assert not any(part.located.layout.by for part in report.parts)


@pytest.mark.parametrize(("name", "part"), PARTS)
def test_a_part_is_read_by_name(
    name: str, part: str, small: Callable[..., Any], publish: Callable[..., Path], tmp_path: Path
) -> None:
    known = small(name)
    publish(known, tmp_path, parts=(part,))
    use = known.part(part).use
    table = {"source": "catalog", "set": name, "part": part, "path": str(tmp_path)}
    if use == "evaluation":
        from aimkit.evaluate.sets import open_set

        data = open_set(known.part(part).evaluate, str(tmp_path))
        assert data.name.startswith(known.part(part).title)
        assert len(data.entries) == known.part(part).count
        assert data.read(data.entries[0]).image is not None
        assert not known.type or {entry.type for entry in data.entries} == {known.type}
    elif use == "saliency":
        from aimkit.data.streams import streams

        sample = streams.get("catalog").value.model_validate(table).open(0).sample(0)
        assert set(sample.alpha.ravel().tolist()) == {0, 255}
        assert sample.type == "SO"
    else:
        entry = (background_sources if use == "backgrounds" else foreground_sources).get("catalog")
        source = entry.value(entry.info["params"].model_validate(table))
        assert len(source.items) == known.part(part).count
        assert {item.licence for item in source.items} == {known.terms}
        if known.category:
            assert {(item.type, item.category) for item in source.items} == {(known.type, known.category)}
        picture = source.picture(0)
        assert picture.level(0)[0].shape == (72, 96, 3)
